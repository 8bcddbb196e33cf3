"""The life of a message as an operator reads it, beside a running host and after it."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from host.cli import inspect, listing, story
from host.cli.ending import NothingFoundError
from host.controls import why
from host.folders.lock import DataLock
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.ports.events import EventClass
from host.registry import notices
from host.registry.db import open_host_db, open_registry
from host.registry.notices import Notice
from host.runners.launch.fake import FakeLauncher
from host.words import as_it_is
from sessiondb import Address, Status, content
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, now_ms, serving


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(listing, "_out", Console(file=out, width=200))
    return out


def tell(data: Path, name: str, *, verbose: bool = True) -> None:
    story.tell(config(data), name, verbose=verbose, as_json=False)


async def test_the_story_of_an_answered_message_names_claim_tool_and_post(
    tmp_path: Path, screen: io.StringIO
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say(
            "c", '@@call mock_append {"file": "f", "line": "x"}\nhello', platform_message_id="p77"
        )
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
        await asyncio.to_thread(tell, tmp_path, said.message_id)
        for name in ("p77", said.message_id[:9], f"p-{bot.sent[0].key}"):
            await asyncio.to_thread(tell, tmp_path, name)
    stories = screen.getvalue().split(said.message_id + " ")
    assert len(stories) == 5
    for one in stories[1:]:
        told = [word for word in _ORDER if word in one]
        assert told == _ORDER
        assert f"as p-{bot.sent[0].key}" in one
        assert [one.index(word) for word in told] == sorted(one.index(word) for word in told)


_ORDER = [
    "received",
    "routed",
    "stored",
    "claimed",
    "mock_append",
    "runner says completed",
    "seq 2",
    "delivered",
]


async def test_a_declined_message_says_why(tmp_path: Path, screen: io.StringIO) -> None:
    async with serving(config(tmp_path, access={"unknown": "deny"})) as (_, bot):
        said = await bot.say("c", "hello")
    tell(tmp_path, said.message_id)
    assert "declined" in screen.getvalue()
    assert said.reason in screen.getvalue()


async def test_the_run_of_a_task_is_found_by_the_id_that_its_notice_names(
    tmp_path: Path, screen: io.StringIO
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
    (path,) = tmp_path.glob("sessions/*/inbound/inbound.db")
    writer = InboundWriter(path, now_ms)
    run = content.Task("make tea", "tea", "today")
    place = Address("memory", "w", "c")
    with writer.writing():
        writer.insert(NewMessage("k12345678", "task", place, run, now_ms(), task_id="t1"))
        writer.settle("k12345678", Status.FAILED, "no water")
    writer.close()
    tell(tmp_path, "k12345")
    assert "from task t1" in screen.getvalue()
    assert "no water" in screen.getvalue()


async def test_a_post_from_before_the_ledger_is_found_in_the_sessions_own_file(
    tmp_path: Path, screen: io.StringIO
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
    registry = open_host_db(tmp_path / "host.db")
    registry.execute("DELETE FROM ledger")
    registry.close()
    tell(tmp_path, f"p-{bot.sent[0].key}")
    assert said.message_id in screen.getvalue()
    assert f"as p-{bot.sent[0].key}" in screen.getvalue()


async def test_what_its_author_did_to_a_message_is_told(tmp_path: Path, screen: io.StringIO) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello", platform_message_id="p1", natural_id="p1")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
        liked = bot.event("c", "", platform_message_id="p1")
        liked = replace(liked, event_class=EventClass.REACTION, natural_id="p1:U2:x:+", value=":x:")
        await host.ingest(liked)
        gone = bot.event("c", "", platform_message_id="p1")
        gone = replace(gone, event_class=EventClass.DELETE, natural_id="p1")
        await host.ingest(gone)
    tell(tmp_path, "p1")  # which is the reaction's, too
    assert "deleted" in screen.getvalue()
    assert liked.message_id not in screen.getvalue()
    tell(tmp_path, gone.message_id)  # the deletion's own id: it is told as the message's story
    assert screen.getvalue().count(f"{said.message_id} ") == 2


async def test_a_conversations_id_stands_for_its_last_message(tmp_path: Path, screen: io.StringIO) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        ids = []
        for text in ("one", "two"):
            ids.append((await bot.say("c", text)).message_id)
            async with asyncio.timeout(TIMEOUT):
                await host.settled(ids[-1])
        [session] = host.house.records.sessions._known
        await asyncio.to_thread(tell, tmp_path, session)
        with pytest.raises(NothingFoundError):
            await asyncio.to_thread(tell, tmp_path, f"{session[:-3]}nil")
    assert ids[1] in screen.getvalue()
    assert ids[0] not in screen.getvalue()


async def test_an_unknown_name_and_a_prefix_that_is_too_short_find_nothing(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
    registry = open_registry(tmp_path)
    assert why.find(registry, tmp_path, said.message_id[:3]) == []
    assert why.find(registry, tmp_path, "%") == []
    registry.close()
    with pytest.raises(NothingFoundError):
        tell(tmp_path, "nothing")


async def test_a_runner_is_stopped_from_outside_and_its_message_is_still_answered(
    tmp_path: Path, screen: io.StringIO
) -> None:
    lock = DataLock(tmp_path)
    async with serving(config(tmp_path, host={"sweep_every": 0.2}, runner={"stop_grace": 0.2})) as (_, bot):
        await bot.say("c", "answer\n@@sleep 3")
        await bot.until(lambda: bool(bot.shown))
        await asyncio.to_thread(inspect.show_sessions, config(tmp_path), everything=False, as_json=False)
        await asyncio.to_thread(inspect.order_stop, tmp_path, "s")
        await bot.until(lambda: bot.said("c") == ["answer"])
    lock.release()
    assert "working" in screen.getvalue()
    assert ": stopped" in screen.getvalue()


async def test_stop_without_a_host_says_so(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
    with pytest.raises(NothingFoundError, match="no host runs"):
        inspect.order_stop(tmp_path, "s")


async def test_the_story_tells_what_became_of_damaged_and_lost_records_and_of_posts_that_came_late(
    tmp_path: Path, screen: io.StringIO
) -> None:
    """One answered message, and everything beside it that people are told of it or of its conversation."""
    async with serving(config(tmp_path)) as (host, bot):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await host.settled(said.message_id)
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
        row = bot.sent[0].key
    registry = open_host_db(tmp_path / "host.db")
    [(out_id,)] = registry.execute("SELECT message_out_id FROM ledger WHERE key = ?", (row,)).fetchall()
    registry.execute("UPDATE ledger SET lookups = 2")
    place, after = Address("memory", "w", "c"), now_ms()
    told = {
        f"damaged:{session.id}:outbound": "it is quarantined",
        f"damaged:{session.id}:7": "it is made again",
        f"late:{out_id}": "it comes later",
        f"homeless:{said.message_id}": "a part of it has no place",
        f"undelivered:{said.message_id}:c:": "a part of it was not delivered",
    }
    others = {"damaged:sother:7": "of another", f"late:{out_id}x": "of another", "homeless:m0": "of another"}
    for about, text in {**told, **others}.items():
        notices.add(registry, Notice(about, place, as_it_is(text)), after)
    earlier = Notice(f"damaged:{session.id}:1", place, as_it_is("long before it came"))
    notices.add(registry, earlier, 1)
    registry.close()
    tell(tmp_path, said.message_id)
    seen = screen.getvalue()
    assert [text for text in told.values() if text in seen] == list(told.values())
    assert "of another" not in seen
    assert "long before it came" not in seen
    assert "looked up 2 times" in seen
    inbound = session.folder.inbound_db.read_bytes()
    session.folder.inbound_db.write_bytes(inbound[:4_096] + b"\x55" * (len(inbound) - 4_096))
    screen.truncate(0)
    tell(tmp_path, said.message_id)
    assert "unreadable" in screen.getvalue()
    assert "looked up 2 times" in screen.getvalue()
    session.folder.inbound_db.write_bytes(inbound)
    for damage, words in ((b"\x55" * 5_000, "unreadable"), (None, "not claimed")):
        session.folder.outbound_db.unlink() if damage is None else session.folder.outbound_db.write_bytes(
            damage
        )
        screen.truncate(0)
        tell(tmp_path, said.message_id)
        assert words in screen.getvalue()
        tell(tmp_path, said.message_id, verbose=False)


async def test_the_story_tells_what_a_message_waits_for(tmp_path: Path, screen: io.StringIO) -> None:
    """Its runner does not start, its model asks to be left alone, its records are out of reach: each was told where it was
    asked, and `why` knew none of it."""
    launcher = FakeLauncher()
    for _ in range(50):
        launcher.fail_next("start", "no image", transient=False)
    async with serving(config(tmp_path), launcher=launcher) as (host, bot):
        said = await bot.say("c", "hello", platform_message_id="p9")
        await bot.until(lambda: any("I cannot start right now" in text for text in bot.said("c")))
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
    registry = open_host_db(tmp_path / "host.db")
    place, now = Address("memory", "w", "c"), now_ms()
    for about, answers in (("waits:t1:5", "p9"), (f"unusable:{session.id}:7", ""), ("waits:t2:5", "p8")):
        notices.add(registry, Notice(about, place, as_it_is(f"told of {about}"), answers=answers), now)
    before = Notice(f"no-start:{session.id}:1", place, as_it_is("of a day before"))
    notices.add(registry, before, 1)
    registry.close()
    tell(tmp_path, said.message_id)
    seen = screen.getvalue()
    for words in ("I cannot start right now", "next start", "told of waits:t1", "told of unusable"):
        assert words in seen
    assert "told of waits:t2" not in seen
    assert "of a day before" not in seen
