"""What a node that stands by took in is dealt with once, whatever happens to the node that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from host.folders.disk import ThreadDisk
from host.intake.taking_in import TakingIn
from host.ports.bot import Bots, HostBusy, Payload
from host.registry import elsewhere, taking_in
from host.registry.nodes import Node
from host.registry.port import Registry
from host.registry.where import ELSEWHERE
from sessiondb import Unavailable
from tests.fakes.platform import TIMEOUT
from tests.support.postgres import Server

EVENT = Payload("events_api", {"n": 1}, again=True)
CLICK = Payload("interactive", {"n": 2}, again=False)
FORM = Payload("interactive", {"n": 3}, again=False, waits=True)


class Dealing:
    """A bot that answers with what it was given, or fails as often as it is told to."""

    def __init__(self) -> None:
        self.online = True
        self.failures: list[Exception | None] = []
        self.dealt: list[Payload] = []
        self.changed = asyncio.Event()

    def deals_now(self) -> bool:
        return self.online

    async def deal_with(self, payload: Payload) -> Mapping[str, Any] | None:
        self.dealt.append(payload)
        self.changed.set()
        if self.failures:
            if (failure := self.failures.pop(0)) is not None:
                raise failure
            return None
        return {"of": payload.body["n"]}


class Both:
    """The node that serves, and one that stands by."""

    def __init__(self, db: Registry, url: str, disk: ThreadDisk) -> None:
        self.db = db
        self.url = url
        self.bot = Dealing()
        self.keeper = elsewhere.keeper(url, disk)
        self.hints = elsewhere.hints(url, taking_in.CHANNEL, disk)
        self._task: asyncio.Task[None] | None = None

    async def keep(self, payload: Payload) -> Mapping[str, Any]:
        return await self.keeper.keep("memory", payload)

    def begin(self) -> None:
        bots = Bots({"memory": cast(Any, self.bot)})
        self._task = asyncio.create_task(TakingIn(self.db, bots, self.hints).run())

    async def until_none_is_left(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            while (await self.db.read(_count)) > 0:
                pass

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.hints.close()
        await self.keeper.close()


def _count(statements: Any) -> int:
    return int(statements.execute("SELECT count(*) FROM taken_in").fetchone()[0])


@pytest.fixture
async def both(postgres: Server) -> AsyncIterator[Both]:
    from host.registry.postgresql import PostgreSQL

    url, disk = postgres.database(), ThreadDisk()
    db = await PostgreSQL.open(url, disk, lambda _: None, Node("a", "ada"))
    made = Both(db, url, disk)
    yield made
    await made.close()
    await db.close()
    disk.close()


async def test_what_was_kept_while_nobody_served_is_dealt_with_in_its_order(both: Both) -> None:
    assert [await both.keep(one) for one in (EVENT, CLICK)] == [{}, {}]  # acknowledged with nothing
    both.begin()
    await both.until_none_is_left()
    assert both.bot.dealt == [EVENT, CLICK]


async def test_who_is_told_by_the_acknowledgement_waits_for_the_answer(both: Both) -> None:
    both.begin()
    async with asyncio.timeout(TIMEOUT):
        assert await both.keep(FORM) == {"of": 3}
    await both.until_none_is_left()


async def test_what_nobody_answers_in_time_is_not_acknowledged_and_nobody_does_it_later(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.registry.keeping.ANSWER_WITHIN", 0.1)
    with pytest.raises(HostBusy):
        await both.keep(FORM)
    assert await both.db.read(_count) == 0


async def test_what_is_known_by_its_id_is_tried_again_and_a_click_that_failed_is_not(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_in, "PAUSE", 0)
    both.bot.failures = [None, RuntimeError("a fault of ours"), None]
    both.begin()
    await both.keep(EVENT)
    await both.until_none_is_left()
    assert both.bot.dealt == [EVENT] * 4
    both.bot.failures = [RuntimeError("a fault of ours")]
    await both.keep(CLICK)
    await both.until_none_is_left()
    assert both.bot.dealt == [*[EVENT] * 4, CLICK]


async def test_what_fails_for_ever_is_given_up(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_in, "PAUSE", 0)
    both.bot.failures = [None] * 100
    both.begin()
    await both.keep(EVENT)
    await both.until_none_is_left()
    assert both.bot.dealt == [EVENT] * taking_in.MOST_ATTEMPTS


async def test_a_click_that_was_begun_before_a_crash_is_not_begun_anew_and_an_event_is(both: Both) -> None:
    for one in (CLICK, EVENT):
        await both.keep(one)

    def begun(statements: Any) -> list[bool]:
        return [taking_in.begin(statements, one) for one in taking_in.waiting(statements)]

    assert await both.db.write(begun) == [True, True]
    both.begin()
    await both.until_none_is_left()
    assert both.bot.dealt == [EVENT]


async def test_nothing_is_begun_before_the_platform_is_there(both: Both) -> None:
    both.bot.online = False
    await both.keep(CLICK)
    both.begin()
    await both.db.read(_count)
    assert both.bot.dealt == []
    both.bot.online = True
    await both.keep(EVENT)
    await both.until_none_is_left()
    assert both.bot.dealt == [CLICK, EVENT]


async def test_nothing_is_taken_in_for_records_that_are_moved_away_and_what_was_is_dealt_with_first(
    both: Both, tmp_path: Path, postgres: Server
) -> None:
    from host.registry import migrating

    (tmp_path / ELSEWHERE).write_text(f"{both.url}\n")
    await both.keep(CLICK)
    await both.db.close()
    with pytest.raises(Unavailable, match="not dealt with"):
        migrating.into_file(tmp_path)
    postgres.says(both.url, "DELETE FROM taken_in")
    migrating.into_file(tmp_path)
    with pytest.raises(HostBusy):
        await both.keep(CLICK)
