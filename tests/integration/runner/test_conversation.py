"""The core with real runner processes: one answer per message, in order, whatever the signals do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.ports.bot import Rejected
from host.ports.events import EventClass
from runner.inbound import InboundReader
from sessiondb import Address, SessionFolder, Unavailable
from sessiondb.connection import open_reader
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.reading import rows
from tests.support.waiting import eventually


@pytest.mark.parametrize("bells", [True, False], ids=["bells", "polling"])
async def test_every_message_is_answered_once_and_in_order(tmp_path: Path, bells: bool) -> None:
    async with serving(config(tmp_path, host={"bells": bells})) as (_, bot):
        for number in range(5):
            await bot.say("c", f"message {number}")
        await bot.until(lambda: len(bot.said("c")) >= 5)
    assert bot.said("c") == [f"message {number}" for number in range(5)]


async def test_a_hundred_messages_at_once_are_answered_without_a_sweep(tmp_path: Path) -> None:
    async with serving(config(tmp_path, host={"sweep_every": 3600})) as (_, bot):
        await asyncio.gather(*(bot.say("c", f"message {number}") for number in range(100)))
        await bot.until(lambda: len(bot.said("c")) >= 100)
    assert sorted(bot.said("c")) == sorted(f"message {number}" for number in range(100))


async def test_a_session_whose_platform_hangs_delays_no_other(tmp_path: Path) -> None:
    bot = MemoryBot()
    bot.gates["stuck"] = asyncio.Event()
    async with serving(config(tmp_path), bot):
        await bot.say("stuck", "one")
        await bot.say("free", "two")
        await bot.until(lambda: bot.said("free") == ["two"])
        assert bot.said("stuck") == []
        bot.gates["stuck"].set()
        await bot.until(lambda: bot.said("stuck") == ["one"])


async def test_an_event_delivered_twice_is_one_message(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        event = bot.event("c", "once")
        verdicts = await asyncio.gather(*(host.ingest(event) for _ in range(5)))
        assert [v.verdict.value for v in verdicts].count("stored") == 1
        async with asyncio.timeout(TIMEOUT):
            await host.settled(event.message_id)
    assert bot.said("c") == ["once"]


async def test_a_follow_up_is_taken_into_the_running_turn(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        await bot.say("c", "first\n@@sleep 2")
        await bot.until(lambda: bool(bot.shown))
        await bot.say("c", "second")
        await bot.until(lambda: len(bot.said("c")) == 2)
    assert bot.said("c") == ["first", "second"]


async def test_a_queued_message_waits_for_the_end_of_the_turn_and_opens_the_next(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        first = await bot.say("c", "first\n@@sleep 2")
        await bot.until(lambda: bool(bot.shown))
        queued = await bot.say("c", "queued", queued=True)
        steering = await bot.say("c", "steering")
        await bot.until(lambda: len(bot.said("c")) == 3)
    assert bot.said("c") == ["first", "steering", "queued"]
    turns = turns_of(tmp_path)
    assert turns[steering.message_id] == turns[first.message_id] != turns[queued.message_id]


async def test_a_question_parks_the_turn_and_its_answer_finishes_it(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        await bot.say("c", "@@ask Which? | red | blue\n@@results")
        await bot.until(lambda: bot.said("c") == ["Which?"])
        question = bot.sent[0].question
        more = {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question}
        await bot.say("c", "", value="blue", **more)
        await bot.say("c", "", value="red", **more)
        await bot.until(lambda: len(bot.said("c")) == 2)
    assert bot.said("c") == ["Which?", "blue"]


async def test_stop_ends_the_running_turn_and_says_so(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        asked = await bot.say("c", "never said\n@@sleep 600")
        await bot.until(lambda: bool(bot.shown))
        order = await bot.say("c", "", event_class=EventClass.CONTROL, value="stop")
        await bot.until(lambda: len(bot.said("c")) == 1)
        await bot.say("c", "afterwards")
        await bot.until(lambda: len(bot.said("c")) == 2)
    assert bot.said("c") == ["Stopped.", "afterwards"]
    turns = turns_of(tmp_path)
    assert turns[order.message_id] != turns[asked.message_id], (
        "an order that its runner's death left half obeyed is not held by a turn that another order ends"
    )


async def test_stop_reaches_a_turn_that_waits_for_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.delivery.attempts.RETRY_BACKOFF", 3_600_000)
    async with serving(config(tmp_path)) as (host, bot):
        asked = await bot.say("c", '@@call send_message {"text": "one"}\n@@fail retryable\nnever said')
        await bot.until(lambda: bot.said("c") == ["one"])
        async with asyncio.timeout(TIMEOUT):
            while acks_of(tmp_path).get(asked.message_id) != "retry":  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.02)
        await bot.say("c", "", event_class=EventClass.CONTROL, value="stop")
        await bot.until(lambda: len(bot.said("c")) == 2)
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(asked.message_id) == "completed"
    assert bot.said("c") == ["one", "Stopped. I had sent a message."]


async def test_stop_reaches_what_nobody_has_begun(tmp_path: Path) -> None:
    async with serving(config(tmp_path, runner={"concurrent": 1})) as (host, bot):
        await bot.say("busy", "@@sleep 600")
        await bot.until(lambda: bool(bot.shown))
        asked = await bot.say("c", "never said")
        await bot.say("c", "", event_class=EventClass.CONTROL, value="stop")
        await bot.say("busy", "", event_class=EventClass.CONTROL, value="stop")
        await bot.until(lambda: bot.said("c") != [])
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(asked.message_id) == "completed"
    assert bot.said("c") == ["Stopped before I had begun."]


async def test_a_runner_that_dies_in_mid_turn_is_replaced_and_no_effect_is_repeated(tmp_path: Path) -> None:
    script = '@@call mock_append {"file": "effects", "line": "x"}\n@@call send_message {"text": "working"}\n@@crash\ndone'
    async with serving(config(tmp_path)) as (_, bot):
        await bot.say("c", script)
        await bot.until(lambda: "done" in bot.said("c"))
    assert bot.said("c") == ["working", "done"]
    [effects] = tmp_path.glob("sessions/*/work/effects")
    assert effects.read_text() == "x\n"


async def test_a_message_that_always_kills_its_runner_is_given_up_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.delivery.attempts.RETRY_BACKOFF", 1)
    async with serving(config(tmp_path)) as (host, bot):
        poison = await bot.say("c", "poison\n@@crash 100")
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(poison.message_id) == "failed"
        await bot.until(lambda: len(bot.said("c")) == 1)
        assert "could not answer" in bot.said("c")[0]
        await bot.say("c", "healthy")
        await bot.until(lambda: len(bot.said("c")) == 2)


async def test_an_unknown_outcome_is_looked_up_before_anything_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.delivery.policy.SEND_DEADLINE", 0.2)
    monkeypatch.setattr("host.delivery.policy.GRACE", 1)
    bot = MemoryBot()
    bot.lose_answers = 1
    async with serving(config(tmp_path), bot) as (host, _):
        ingested = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(ingested.message_id) == "completed"
    assert bot.said("c") == ["hello"]


async def test_an_answer_that_is_given_up_leaves_a_visible_note_and_tells_the_agent(tmp_path: Path) -> None:
    bot = MemoryBot()
    bot.failures["c"].append(Rejected("too odd"))
    async with serving(config(tmp_path), bot) as (host, _):
        ingested = await bot.say("c", "hello")
        await bot.until(lambda: len(bot.said("c")) == 1)
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(ingested.message_id) == "completed"
    assert "could not be delivered" in bot.said("c")[0]


async def test_a_note_that_fails_causes_no_other(tmp_path: Path) -> None:
    bot = MemoryBot()
    bot.failures["c"].extend([Rejected("gone"), Rejected("gone")])
    async with serving(config(tmp_path), bot) as (host, _):
        first = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(first.message_id)
        await bot.until(lambda: not bot.failures["c"])
        await bot.say("c", "again")
        await bot.until(lambda: bot.said("c") == ["again"])


def acks_of(data: Path) -> dict[str, str]:
    """What the runner says of each message."""
    [path] = data.glob("sessions/*/outbound/outbound.db")
    try:
        connection = open_reader(path)
        try:
            rows = connection.execute("SELECT message_id, status FROM processing_ack").fetchall()
        finally:
            connection.close()
    except (Unavailable, apsw.BusyError):
        return {}
    return {str(message): str(status) for message, status in rows}


def turns_of(data: Path) -> dict[str, str]:
    """In which turn each message was claimed last."""
    [path] = data.glob("sessions/*/outbound/outbound.db")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT message_id, turn FROM processing_ack").fetchall()
    connection.close()
    return {str(message): str(turn) for message, turn in rows}


async def test_an_answer_in_too_many_parts_is_cut_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.delivery.drawing.MOST_PARTS", 3)
    async with serving(config(tmp_path)) as (_, bot):
        await bot.say("c", "@@text 9000")
        await bot.until(lambda: len(bot.said("c")) == 4)
        assert sum(len(text) == 2_000 for text in bot.said("c")) == 3
        assert any("3 of 5 parts" in text for text in bot.said("c"))


async def test_the_agent_hears_that_a_destination_s_platform_is_not_there(tmp_path: Path) -> None:
    elsewhere = {"destinations": {"elsewhere": {"platform": "slack", "channel": "C1"}}}
    async with serving(config(tmp_path, agents={"default": elsewhere})) as (host, bot):
        asked = await bot.say("c", '@@call send_message {"text": "x", "destination": "elsewhere"}\ndone')
        await host.settled(asked.message_id)
        (folder,) = (tmp_path / "sessions").iterdir()
        reader = InboundReader(SessionFolder(folder).inbound_db)
        (told,) = [message.content for message in reader.due_at(Address("memory", "w", "c", ""), now=2**53)]
        reader.close()
        assert "no such platform is configured" in told


async def test_a_follow_up_is_read_as_it_is_when_it_is_taken(tmp_path: Path) -> None:
    """Edited or deleted while it waited behind a running turn: the new words are answered, and what was taken back is not."""
    async with serving(config(tmp_path)) as (host, bot):
        running = await bot.say("c", "@@sleep 6\nfirst")
        await eventually(lambda: running.message_id in claimed(tmp_path))
        waiting = [
            await bot.say("c", text, natural_id=id_, platform_message_id=id_)
            for id_, text in (("p2", "old words"), ("p3", "never mind"))
        ]
        await eventually(lambda: claimed(tmp_path) >= {said.message_id for said in (running, *waiting)})
        for kind, id_, text in (("edit", "p2", "new words"), ("delete", "p3", "")):
            more = {
                "event_class": EventClass(kind),
                "natural_id": f"{id_}-{kind}",
                "platform_message_id": id_,
            }
            await bot.say("c", text, **more)
        assert await host.settled(waiting[0].message_id) == "completed"
        assert await host.settled(waiting[1].message_id) == "cancelled"
        assert bot.said("c") == ["first", "new words"]


def takes_back(id_: str) -> dict[str, Any]:
    return {"event_class": EventClass.DELETE, "natural_id": id_, "platform_message_id": id_}


async def test_a_question_that_is_deleted_ends_its_turn_and_nothing_is_answered(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        asked = await bot.say("c", "@@sleep 600\nnever said", natural_id="p1", platform_message_id="p1")
        await eventually(lambda: asked.message_id in claimed(tmp_path))
        for _ in range(2):
            await bot.say("c", "", **takes_back("p1"))
        assert await host.settled(asked.message_id) == "cancelled"
        following = await bot.say("c", "and now?")
        assert await host.settled(following.message_id) == "completed"
        assert bot.said("c") == ["and now?"]


async def test_a_turn_goes_on_as_long_as_one_of_those_who_asked_in_it_waits(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        for number, text in enumerate(("@@sleep 600\none", "two", "three"), 1):
            id_ = f"p{number}"
            said = await bot.say("c", text, natural_id=id_, platform_message_id=id_)
            await eventually(lambda said=said: said.message_id in claimed(tmp_path))  # type: ignore[misc]
        for id_ in ("p1", "p3"):
            await bot.say("c", "", **takes_back(id_))
        await eventually(lambda: stored(tmp_path) >= 5)
        assert not over(tmp_path)
        await bot.say("c", "", **takes_back("p2"))
        await eventually(lambda: len(over(tmp_path)) == 3)
        following = await bot.say("c", "and now?")
        assert await host.settled(following.message_id) == "completed"
        assert bot.said("c") == ["and now?"]


async def test_what_was_taken_back_is_not_begun_again_by_the_runner_after_the_one_that_died(
    tmp_path: Path,
) -> None:
    """A crash before the turn's end is committed."""
    async with serving(config(tmp_path)) as (host, bot):
        asked = await bot.say("c", "@@sleep 600\nnever said", natural_id="p1", platform_message_id="p1")
        await eventually(lambda: asked.message_id in claimed(tmp_path))
        [path] = tmp_path.glob("sessions/*/outbound/runner.lock")
        for process in holders(path):
            os.kill(process, signal.SIGSTOP)
        await bot.say("c", "", **takes_back("p1"))
        assert await host.settled(asked.message_id) == "cancelled"
        for process in holders(path):
            os.kill(process, signal.SIGKILL)
        following = await bot.say("c", "and now?")
        assert await host.settled(following.message_id) == "completed"
        assert bot.said("c") == ["and now?"]


def holders(path: Path) -> list[int]:
    """Processes that have the file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                found.add(int(link.parts[2]))
    return sorted(found - {os.getpid()})


def stored(data: Path) -> int:
    [path] = data.glob("sessions/*/inbound/inbound.db")
    return len(rows(path, "SELECT 1 FROM messages_in"))


def over(data: Path) -> set[str]:
    return claimed(data, " WHERE status <> 'processing'")


def claimed(data: Path, which: str = "") -> set[str]:
    try:
        [path] = data.glob("sessions/*/outbound/outbound.db")
        connection = open_reader(path)
    except (ValueError, Unavailable):
        return set()
    try:
        return {
            str(id_)
            for (id_,) in connection.execute(f"SELECT message_id FROM processing_ack{which}").fetchall()
        }
    except apsw.BusyError:
        return set()
    finally:
        connection.close()
