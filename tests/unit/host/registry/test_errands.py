"""What one node has another do is done once, or whoever asked hears that nobody knows: by the rows of a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.registry import elsewhere, errands
from host.registry.db import HostDB
from host.registry.errands import Errands, Unclear
from host.registry.nodes import Node
from host.registry.port import Registry, Statements
from host.registry.reaching import reached
from sessiondb import Unavailable
from sessiondb.records import Address
from tests.fakes.platform import TIMEOUT
from tests.support.postgres import Server

HERE = Address("slack", "T1", "C1")


class One:
    """A node, and what it did."""

    def __init__(self, registry: Registry, url: str, disk: ThreadDisk) -> None:
        self.registry = registry
        self.errands = Errands(registry)
        self.errands.ways["say"] = self._said
        self.did: list[str] = []
        self.breaks = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.began = asyncio.Event()
        self._hints = elsewhere.hints(url, f"{errands.CHANNEL}{registry.node}", disk)
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.task = asyncio.create_task(self.errands.run(self._hints))

    async def _said(self, body: str) -> str:
        self.began.set()
        await self.goes_on.wait()
        if self.breaks:
            raise RuntimeError("a fault of ours")
        self.did.append(body)
        return f"{body}!"

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            self.task = None

    async def close(self) -> None:
        await self.end()
        await self._hints.close()
        await self.registry.close()


class Both:
    """Ada holds the place, and Bob is asked."""

    def __init__(self, server: Server, url: str, ada: One, bob: One) -> None:
        self.ada, self.bob = ada, bob
        self._server, self._url = server, url

    def says(self, sql: str) -> str:
        return self._server.says(self._url, sql)

    def ada_is_over(self) -> None:
        self.says("UPDATE serving SET live = 0, epoch = epoch + 1 WHERE node = 'a' RETURNING 1")

    async def ask(self, body: str, *, again: bool = False) -> str | None:
        async with asyncio.timeout(TIMEOUT):
            return await self.bob.errands.ask(HERE, "say", body, again=again)


@pytest.fixture
async def both(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Both]:
    from host.registry import leases
    from host.registry.postgresql import PostgreSQL

    monkeypatch.setattr(leases, "BEAT", 3_600.0)
    monkeypatch.setattr(errands, "LOOK", 0.05)
    monkeypatch.setattr(errands, "LEAVING", 0.0)
    url, disk = postgres.database(), ThreadDisk()
    made = [
        One(
            await PostgreSQL.open(url, disk, lambda _: None, Node(name[0], name), among_others=True),
            url,
            disk,
        )
        for name in ("ada", "bob")
    ]
    await reached(made[0].registry, HERE)
    for one in made:
        one.begin()
    yield Both(postgres, url, *made)
    for one in made:
        one.goes_on.set()
        await one.close()
    disk.close()


async def test_what_is_asked_of_a_node_is_done_by_whoever_holds_the_place_and_answered(both: Both) -> None:
    assert await both.ask("one") == "one!"
    assert (both.ada.did, both.bob.did) == (["one"], [])
    assert await both.ada.errands.ask(HERE, "say", "two") is None  # it is here
    assert both.says("SELECT count(*) FROM errands") == "0"


async def test_where_nobody_holds_the_place_whoever_was_asked_has_it_from_then_on(both: Both) -> None:
    there = HERE._replace(platform_id="C2")
    assert await both.bob.errands.ask(there, "say", "one") is None
    assert both.bob.registry.holding.has(there)


async def test_what_was_not_begun_when_its_node_died_is_done_by_whoever_takes_the_place(both: Both) -> None:
    await both.ada.end()
    asking = asyncio.create_task(both.ask("one"))
    async with asyncio.timeout(TIMEOUT):
        while both.says("SELECT count(*) FROM errands") == "0":  # noqa: ASYNC110 - of which nobody tells
            await asyncio.sleep(0.02)
    both.ada_is_over()
    assert await asking is None
    assert both.bob.registry.holding.has(HERE)
    assert both.says("SELECT count(*) FROM errands") == "0"


@pytest.mark.parametrize("again", [True, False])
async def test_what_was_begun_when_its_node_died_is_done_again_only_where_that_changes_nothing(
    both: Both, again: bool
) -> None:
    both.ada.goes_on.clear()
    asking = asyncio.create_task(both.ask("one", again=again))
    async with asyncio.timeout(TIMEOUT):
        await both.ada.began.wait()
    both.ada_is_over()
    if again:
        assert await asking is None
    else:
        with pytest.raises(Unclear, match="gone"):
            await asking


async def test_what_is_not_begun_in_time_is_withdrawn_and_done_by_nobody_later(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "PATIENCE", 0.2)
    await both.ada.end()
    with pytest.raises(Unavailable, match="does not answer") as told:
        await both.ask("one")
    assert not isinstance(told.value, Unclear)
    assert both.says("SELECT count(*) FROM errands") == "0"


async def test_what_lasts_too_long_is_said_to_be_unknown(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "PATIENCE", 0.2)
    both.ada.goes_on.clear()
    asking = asyncio.create_task(both.ask("one"))
    async with asyncio.timeout(TIMEOUT):
        await both.ada.began.wait()
    with pytest.raises(Unclear, match="what became of it"):
        await asking
    assert both.says("SELECT count(*) FROM errands") == "0"
    both.ada.goes_on.set()  # it is done all the same, and its answer is kept for nobody
    assert await both.ask("two") == "two!"
    assert both.ada.did == ["one", "two"]
    assert both.says("SELECT count(*) FROM errands") == "0"


async def test_what_nobody_waits_for_any_more_goes(both: Both) -> None:
    await both.ada.end()
    old = "INSERT INTO errands (node, asker, kind, body, asked_at) VALUES ('z', 'b', 'say', 'hers', ms_now() - %d) RETURNING 1"
    for ago in (errands.KEPT + 1, 0):
        both.says(old % ago)
    await both.bob.registry.write(errands.forget)
    assert both.says("SELECT count(*) FROM errands") == "1"


async def test_a_fault_of_one_errand_is_told_and_holds_up_no_other(both: Both) -> None:
    both.ada.breaks = True
    with pytest.raises(Unclear, match="could not"):
        await both.ask("one")
    both.ada.breaks = False
    assert await both.ask("two") == "two!"
    with pytest.raises(Unclear):  # of a node that knows nothing of it
        await both.bob.errands.ask(HERE, "sing", "three")


async def test_all_other_nodes_are_asked_and_one_that_does_not_answer_is_named(both: Both) -> None:
    assert await both.bob.errands.ask_others("say", "one") == {"ada (a)": "one!"}
    await both.ada.end()
    assert await both.bob.errands.ask_others("say", "two", 0.1) == {"ada (a)": None}
    both.ada_is_over()
    assert await both.bob.errands.ask_others("say", "three") == {}


async def test_whoever_is_only_told_is_told_by_the_transaction_that_changes_something(both: Both) -> None:
    def job(connection: Statements) -> None:
        both.bob.errands.tell(connection, HERE, "say", "one")
        both.ada.errands.tell(connection, HERE, "say", "none")  # its own

    await both.bob.registry.write(job)
    async with asyncio.timeout(TIMEOUT):
        while both.ada.did != ["one"] or both.says("SELECT count(*) FROM errands") != "0":  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_on_a_single_machine_nobody_else_is_asked(tmp_path: Path) -> None:
    alone = Errands(await HostDB.open(tmp_path / "host.db", ThreadDisk()))
    assert not alone.are_needed
    assert await alone.ask(HERE, "say", "one") is None
    assert await alone.ask_others("say", "one") == {}
