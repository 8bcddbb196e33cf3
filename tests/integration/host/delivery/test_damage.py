"""A session's records that are damaged or lost: kept beside, made again, told; nothing is lost or said twice."""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.app import Host
from host.delivery import drawing, policy
from host.live import policy as live_policy
from host.live import service as live_service
from host.ports.bot import Delivery, Live, Offline, Receipt, Unsent
from host.ports.events import OVER, EventClass, Verdict
from host.registry.db import open_registry
from host.schedule import index
from host.upkeep import pruning, resting
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.firing import Clock, living
from tests.support.hosting import config, serving
from tests.support.waiting import eventually


class Refusing(MemoryBot):
    """Takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses, self.refused = True, asyncio.Event()

    async def send(self, delivery: Delivery) -> Receipt:
        if self.refuses:
            self.refused.set()
            raise Unsent("503")
        return await super().send(delivery)


class Losing(MemoryBot):
    """While it renders a long text, something removes a file."""

    removes: Path | None = None

    def render(self, *arguments: Any, **named: Any) -> Sequence[dict[str, Any]]:
        if self.removes is not None:
            self.removes.unlink()
            self.removes = None
        return super().render(*arguments, **named)


class Standing(MemoryBot):
    """What it shows stays while nobody can reach the platform."""

    stands = True

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        if self.stands:
            raise Offline("no connection")
        await super().remove_live(live, platform_message_id)


PAGE = 4_096
SOON_GONE = {"idle_exit": 0.2, "stream_idle": 0.2}
MONDAY, DAY = 1_795_420_800_000, 86_400_000  # ms


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "GRACE", 20)


def deleted(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def no_header(path: Path) -> None:
    path.write_bytes(b"\x55" * 100 + path.read_bytes()[100:])


def no_pages(path: Path) -> None:
    """All but the first, which has the header and the schema."""
    whole = path.read_bytes()
    path.write_bytes(whole[:PAGE] + b"\x55" * (len(whole) - PAGE))


def no_table(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE messages_in")
    connection.close()


def no_folder(path: Path) -> None:
    shutil.rmtree(path.parent.parent)


DAMAGES = [deleted, emptied, no_header, no_pages, no_table, no_folder]
KEPT = {no_header, no_pages, no_table}


def rested(data: Path) -> bool:
    """The sweep has found that the conversation has nothing to do."""
    registry = open_registry(data)
    try:
        return registry.execute("SELECT busy FROM sessions").fetchall() == [(0,)]
    finally:
        registry.close()


def waits_for(data: Path) -> list[str]:
    """The questions for whose answer a call still waits."""
    [path] = (data / "sessions").glob("*/outbound/outbound.db")
    sql = "SELECT key FROM session_state WHERE key LIKE 'parked:%' AND value ->> 'answered_by' = ''"
    return [str(key) for (key,) in read(path, sql)]


def closed(data: Path) -> list[tuple[object, ...]]:
    """What the calls were told whose questions were lost."""
    sql = "SELECT status, content LIKE '%its records were lost%' FROM messages_in WHERE kind = 'system'"
    return [row for row in read(inbound(data), sql) if row[1]]


def read(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5_000)
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def inbound(data: Path) -> Path:
    [found] = (data / "sessions").glob("*/inbound/inbound.db")
    return found


async def answered_elsewhere(host: Host, bot: MemoryBot) -> None:
    said = await bot.say("d", "well?")
    await bot.until(lambda: bot.said("d") == ["well?"])
    async with asyncio.timeout(TIMEOUT):
        assert await host.settled(said.message_id) == "completed"


async def answered(host: Host, bot: MemoryBot, text: str) -> None:
    said = await bot.say("c", text)
    await bot.until(lambda: text in bot.said("c"))
    async with asyncio.timeout(TIMEOUT):
        assert await host.settled(said.message_id) == "completed"


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_was_damaged_while_the_host_was_down_is_made_again_and_told(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """audit_more: damaged_inbound, lost_inbound."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}), MemoryBot()
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "one")
        await host.house.sweep.round()
    path = inbound(tmp_path)
    damage(path)
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "two")
        await bot.until(lambda: any("have been made again" in text for text in bot.said("c")))
        await answered(host, bot, "three")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two", "three"]
    assert sum("⚠️" in text for text in bot.said("c")) == 1
    assert bool(list(path.parent.glob("inbound.db.damaged-*"))) == (damage in KEPT)


def outbound(data: Path) -> Path:
    [found] = (data / "sessions").glob("*/outbound/outbound.db")
    return found


@pytest.mark.parametrize("damage", [deleted, emptied])
async def test_an_outbound_db_that_is_gone_at_rest_is_told_and_nothing_is_said_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The next runner took it for one that never was, and did all of it again."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), MemoryBot()
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "one")
        await eventually(lambda: rested(tmp_path))
        damage(outbound(tmp_path))
        await answered(host, bot, "two")
        await bot.until(lambda: any("My records of this conversation were lost" in t for t in bot.said("c")))
        await answered(host, bot, "three")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two", "three"]
    assert sum("⚠️" in text for text in bot.said("c")) == 1


@pytest.mark.parametrize(("which", "damage"), [(inbound, emptied), (outbound, deleted)])
async def test_a_lost_file_of_a_conversation_at_rest_is_told_before_anybody_asks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    which: Callable[[Path], Path],
    damage: Callable[[Path], None],
) -> None:
    """It has an open question; a task is the same to the sweep."""
    monkeypatch.setattr(resting, "EVERY", 0.1)
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), MemoryBot()
    async with serving(settings, bot) as (_, _):
        await bot.say("c", "@@ask Which? | red | blue\n@@results")
        await bot.until(lambda: bot.said("c") == ["Which?"])
        await eventually(lambda: rested(tmp_path))
        damage(which(tmp_path))
        await bot.until(lambda: any("My records" in t or "made again" in t for t in bot.said("c")))
        click = {"event_class": EventClass.ANSWER, "natural_id": "k", "refers_to": bot.sent[0].question}
        late = await bot.say("c", "", value="red", **click)
        assert (late.verdict, late.reason) == (Verdict.DECLINED, OVER)


@pytest.mark.parametrize("damage", [deleted, emptied])
async def test_a_turn_whose_outbound_db_is_lost_under_it_ends_in_words_and_is_not_begun_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Emptied, it has the same name and place, and whoever had it open saw a file without tables."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}), MemoryBot()
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "one")
        said = await bot.say("c", "@@stream 5\nit was under way, and nobody knows how far it got")
        await bot.until(lambda: bool(host.house.live._shown))
        damage(outbound(tmp_path))
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(said.message_id) == "failed"
        await bot.until(lambda: any("please ask again" in text for text in bot.said("c")))
        await answered(host, bot, "two")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two"]


async def test_a_quarantine_is_told_to_whoever_writes_and_ends_when_somebody_takes_the_file_away(
    tmp_path: Path,
) -> None:
    """Whatever is started anew meanwhile, and however old what was told has become."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), MemoryBot()
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "one")
        await eventually(lambda: rested(tmp_path))
    no_header(outbound(tmp_path))
    for times in (1, 2):
        async with serving(settings, bot) as (host, _):
            await bot.say("c", "two")
            await bot.until(lambda: len(bot.said("c")) == 1 + times)  # noqa: B023 - awaited here
            await host.house.records.db.write(
                functools.partial(pruning._said, before=host.house.upkeep.pruner._now() + DAY)
            )
    async with serving(settings, bot) as (host, _):
        await eventually(lambda: host.house.records.sessions._known != {})
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
        await eventually(lambda: bool(session.unreadable))
        outbound(tmp_path).rename(tmp_path / "looked-at.db")
        await bot.until(lambda: bot.said("c").count("two") == 2)
        await answered(host, bot, "three")
        assert session.unreadable == ""
    said = bot.said("c")
    assert [text for text in said if "⚠️" not in text] == ["one", "two", "two", "three"]
    assert sum("an operator has to look" in text for text in said) == 2, "and to whoever writes later"
    assert bot.sent[2].answers, "below what they wrote"
    assert sum("were lost" in text for text in said) == 1


def no_transcript(path: Path) -> None:
    """What only a runner reads."""
    [(page,)] = read(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'transcript'")
    whole = bytearray(path.read_bytes())
    whole[(int(str(page)) - 1) * PAGE : int(str(page)) * PAGE] = b"\x55" * PAGE
    path.write_bytes(whole)


async def test_what_only_its_runner_finds_damaged_is_looked_at_by_the_host_and_quarantined(
    tmp_path: Path,
) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path, runner=SOON_GONE), bot) as (host, _):
        await answered(host, bot, "one")
    no_transcript(outbound(tmp_path))
    async with serving(config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), bot) as (host, _):
        await bot.say("c", "two")
        await bot.until(lambda: any("an operator has to look" in text for text in bot.said("c")))
        for _ in range(2):
            await bot.say("c", "three")
            await bot.until(lambda: len(bot.said("c")) == 3)
        await answered_elsewhere(host, bot)
    async with serving(config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), bot) as (host, _):
        sessions = await host.house.records.db.read(host.house.records.sessions.here)
        await eventually(lambda: any(session.unreadable for session in sessions))
    assert len(bot.said("c")) == 3, (
        "it is told once, by whichever host, and once an hour to whoever writes on"
    )


async def test_what_showed_a_turn_goes_though_the_record_of_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_policy, "OPEN_AFTER", 0.05)
    monkeypatch.setattr(live_service, "CLOSE_WITHIN", 0.1)
    bot = Standing()
    async with serving(config(tmp_path, runner={"stop_grace": 0.1}), bot):
        await bot.say("c", "@@sleep 2\nanswer")
        await bot.until(lambda: bool(bot.live))
    assert bot.live
    bot.stands = False
    deleted(inbound(tmp_path))
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot):
        await bot.until(lambda: "answer" in bot.said("c") and not bot.live)
    assert bot.live_log.count("opened") - bot.live_log.count("removed") == 0


async def test_what_comes_in_as_a_file_is_made_again_stands_behind_what_was_there_before(
    tmp_path: Path,
) -> None:
    """An edit that overtook its message changed nothing, and the message was answered in its old words."""
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (_, _):
        await bot.say("c", "@@sleep 3600")
        ids = [(await bot.say("c", text)).message_id for text in ("one", "two")]
        await eventually(lambda: ids[-1] in stored(tmp_path))
        deleted(inbound(tmp_path))
        ids += [(await bot.say("c", text)).message_id for text in ("three", "four")]
        await eventually(lambda: set(ids) <= set(stored(tmp_path)))
        assert [id_ for id_ in stored(tmp_path) if id_ in ids] == ids


def stored(data: Path) -> list[str]:
    """What the conversation's file has, in its order."""
    try:
        return [str(id_) for (id_,) in read(inbound(data), "SELECT id FROM messages_in ORDER BY seq")]
    except (apsw.Error, ValueError):
        return []  # it is just being made


async def test_an_answer_whose_file_is_lost_while_it_is_rendered_is_said_once(tmp_path: Path) -> None:
    """The file is made again in the very visit that would read on: what the answer answers is not in it yet."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}), Losing()
    long = "long " * drawing.SMALL
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "one")
        bot.removes = inbound(tmp_path)
        said = await bot.say("c", long)
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(said.message_id) == "completed"
        await bot.until(lambda: any("have been made again" in text for text in bot.said("c")))
    assert bot.removes is None
    assert "".join(text for text in bot.said("c") if "⚠️" not in text) == "one" + long
    assert not any("was lost with" in text for text in bot.said("c"))


async def test_an_open_question_whose_records_are_lost_is_closed_and_its_turn_goes_on(tmp_path: Path) -> None:
    """Nobody could answer it any more: the call that waits for it would wait for ever."""
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), MemoryBot()
    async with serving(settings, bot) as (host, _):
        asked = await bot.say("c", "@@ask Which? | red | blue\n@@results")
        await bot.until(lambda: bot.said("c") == ["Which?"])
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(asked.message_id) == "completed"
        await eventually(lambda: rested(tmp_path))
    assert len(waits_for(tmp_path)) == 1
    deleted(inbound(tmp_path))
    async with serving(settings, bot) as (host, _):
        key = bot.sent[0].question
        click = {"event_class": EventClass.ANSWER, "natural_id": key, "refers_to": key, "value": "red"}
        late = await bot.say("c", "", **click)
        assert (late.verdict, late.reason) == (Verdict.DECLINED, OVER)
        await eventually(lambda: waits_for(tmp_path) == [])
        await eventually(lambda: closed(tmp_path) == [("completed", 1)])
        await bot.until(lambda: any("please ask again" in text for text in bot.said("c")))
        said = list(bot.said("c"))
        await answered(host, bot, "two")
        assert bot.said("c") == [*said, "two"]


async def test_a_question_that_was_answered_is_not_closed_again(tmp_path: Path) -> None:
    settings, bot = config(tmp_path, host={"sweep_every": 0.2}, runner=SOON_GONE), MemoryBot()
    async with serving(settings, bot) as (_, _):
        await bot.say("c", "@@ask Which? | red | blue\n@@results")
        await bot.until(lambda: bot.said("c") == ["Which?"])
        key = bot.sent[0].question
        click = {"event_class": EventClass.ANSWER, "natural_id": key, "refers_to": key, "value": "red"}
        await bot.say("c", "", **click)
        await bot.until(lambda: "red" in bot.said("c"))
        await eventually(lambda: rested(tmp_path))
    deleted(inbound(tmp_path))
    async with serving(settings, bot) as (host, _):
        await answered(host, bot, "two")
        assert (await bot.say("c", "", **click)).verdict is Verdict.DUPLICATE
    assert closed(tmp_path) == []


async def test_an_answer_whose_receipt_was_lost_is_looked_up_and_not_said_again(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        await answered(host, bot, "one")
    deleted(inbound(tmp_path))
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        await answered(host, bot, "two")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two"]


async def test_an_answer_that_was_never_sent_is_said_once_though_its_intent_was_lost(tmp_path: Path) -> None:
    bot = Refusing()
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        await bot.say("c", "one")
        async with asyncio.timeout(TIMEOUT):
            await bot.refused.wait()
    assert bot.said("c") == []
    bot.refuses = False
    deleted(inbound(tmp_path))
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        await bot.until(lambda: "one" in bot.said("c"))
        await answered(host, bot, "two")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two"]


async def test_tasks_outlive_the_file_that_has_them_and_those_that_nobody_copied_are_named(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path / "data", clock) as life:
        session = await life.session()
        kept = await life.schedule(session, "0 9 * * *")
        await life.scheduler.look(session)
        await life.db.write(lambda c: index.settle(c, session.id, [(kept, "", 1), ("uncopied", "", 1)]))
        deleted(session.folder.inbound_db)
        clock.at += DAY
        await life.scheduler.look(session)
        assert [run.task_id for run in await life.runs(session)] == [kept]
        told = await life.db.read(lambda c: c.execute("SELECT text FROM notices").fetchall())
    [(text,)] = told
    assert "1 of its scheduled tasks could not be restored" in str(text)


async def test_a_file_that_is_deleted_while_the_host_runs_is_made_again(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        await answered(host, bot, "one")
        deleted(inbound(tmp_path))
        await answered(host, bot, "two")
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two"]
