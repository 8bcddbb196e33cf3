"""Downloads that hang: neither an order, nor another address, nor the end of the host waits for them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host.intake import inbox, stores
from host.ports.bot import Fetched, FetchError, HostBusy
from host.ports.events import EventClass, InboundEvent, IncomingFile
from host.registry.port import Statements
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving

NOTE = IncomingFile("note.txt", "text/plain", 10, "note")


class HangingBot(MemoryBot):
    def __init__(self) -> None:
        super().__init__()
        self.hangs = True
        self.asked = asyncio.Event()

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int, *_: Any) -> Any:
        self.asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        if file.reference == "gone":
            raise FetchError("it is gone")
        if file.reference == "odd":
            raise KeyError("a field of a payload that is not there")
        path.write_text("what the note says")
        return Fetched()


async def test_a_download_that_hangs_holds_back_neither_an_order_nor_another_thread_of_its_session(
    tmp_path: Path,
) -> None:
    """What was said before the order is stored without its file, in its place: the order is about it, too."""
    bot = HangingBot()
    settings = config(tmp_path, routes=[{"agent": "default", "session": "channel", "engage": "always"}])
    here: dict[str, Any] = {"privacy": "public", "mentioned": True}
    async with serving(settings, bot) as (host, _):
        one, two = (Address("memory", "w", "c", thread) for thread in ("t1", "t2"))
        held = await bot.say("c", "read this", address=one, files=(NOTE,), **here)
        await bot.asked.wait()
        other = await bot.say("c", "elsewhere", address=two, **here)
        assert await host.settled(other.message_id) == "completed"
        assert bot.said("c") == ["elsewhere"]
        order = await bot.say("c", "", address=one, event_class=EventClass.CONTROL, value="stop", **here)
        await host.settled(order.message_id)
        await host.settled(held.message_id)
        assert bot.said("c")[-1].startswith(("Stopped", "read this", "Nothing"))


async def test_the_host_ends_at_once_while_a_download_hangs_and_begins_it_anew(tmp_path: Path) -> None:
    """audit_more: shutdown_waits_for_files."""
    bot = HangingBot()
    async with serving(config(tmp_path), bot) as (_, _):
        said = await bot.say("c", "read this", files=(NOTE,))
        await bot.asked.wait()
    bot.hangs = False
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        assert await host.settled(said.message_id) == "completed"
        assert bot.said("c") == ["read this"]
        odd = replace(
            NOTE, reference="odd"
        )  # over which the bot itself breaks: its message was never answered
        assert await host.settled((await bot.say("c", "and this", files=(odd,))).message_id) == "completed"
    [file] = tmp_path.glob("sessions/*/inbound/files/*/*")
    assert file.read_text() == "what the note says"


async def test_what_is_admitted_while_the_host_ends_overtakes_nothing(tmp_path: Path) -> None:
    """What was cut off in its download comes before it, at the next start."""
    bot, ids = HangingBot(), list[str]()
    async with serving(config(tmp_path), bot) as (host, _):
        ids.append((await bot.say("c", "first", files=(NOTE,))).message_id)
        await bot.asked.wait()
        await host.house.ingress.stores.stop()
        ids.append((await bot.say("c", "second")).message_id)  # its request was under way
    bot.hangs = False
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        for id_ in ids:
            assert await host.settled(id_) == "completed"
        [session] = await host.house.records.db.read(lambda c: host.house.records.sessions.load(c, "TRUE"))
        found = await host.house.records.mailboxes.use(session, lambda w: [w.message(id_) for id_ in ids])
    assert [message.seq for message in found if message] == sorted(m.seq for m in found if m)
    assert len(found) == 2


async def test_what_is_admitted_while_the_inbox_is_read_overtakes_nothing(tmp_path: Path) -> None:
    """Neither a later message nor an edit of the one that waits there: it would find nothing to change."""
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 3600.0}), bot) as (host, _):
        records, stores = host.house.records, host.house.ingress.stores
        await host.settled((await bot.say("c", "before")).message_id)
        [session] = await records.db.read(lambda c: records.sessions.load(c, "TRUE"))
        said = [replace(bot.event("c", text), at=1) for text in ("first", "second", "third")]
        edit = replace(said[0], event_class=EventClass.EDIT, natural_id="e", text="first, changed")

        def admitted(connection: Statements) -> list[inbox.Entry]:
            return [
                inbox.add(connection, one, session.id, one.address, trigger=True, trusted=True, now=0)
                for one in (*said, edit)
            ]

        _, *later = await records.db.write(admitted)
        stores.replay(session)
        await asyncio.sleep(0)  # it begins to read
        for entry in later:
            stores.add(session, entry)
        for event in said:
            assert await host.settled(event.message_id) == "completed"
        found = await records.mailboxes.use(session, lambda w: [w.message(e.message_id) for e in said])
        seqs = [message.seq for message in found if message]
        assert len(seqs) == 3
        assert seqs == sorted(seqs)
        assert "first, changed" in bot.said("c")


async def test_what_was_admitted_for_a_caller_who_is_gone_is_stored_before_what_comes_later(
    tmp_path: Path,
) -> None:
    """A backfill that ends while its message is being made durable: no sweep is needed for that, and nothing overtakes it."""
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 3600.0}), bot) as (host, _):
        records = host.house.records
        await host.settled((await bot.say("c", "before")).message_id)
        first, may_end = bot.event("c", "first"), threading.Event()
        slow = asyncio.create_task(records.db.read(lambda _: may_end.wait(30)))
        gone = asyncio.create_task(bot.ingested(first))
        for _ in range(10):  # its commit waits behind the slow one
            await asyncio.sleep(0)
        gone.cancel()
        may_end.set()
        await slow
        later = await bot.say("c", "later")
        for id_ in (first.message_id, later.message_id):
            assert await host.settled(id_) == "completed"
        assert bot.said("c") == ["before", "first", "later"]


MANY = ["m2"] * inbox.MOST_REPLAYED
BACKLOGS = {
    "it comes while they are stored": (["f1", *["m1"] * inbox.MOST_REPLAYED], "o1", False),
    "behind another order": (["o1", "f1", *["m1"] * inbox.MOST_REPLAYED, "o1"], "", False),
    "elsewhere": (["f1", *MANY, "o2"], "", False),
    "where nothing waits": (["f1", *MANY], "o3", False),
    "another node took it in": (["f1", "m1"], "o1", True),
    "behind more than is held": (["f1", *MANY * (stores.MOST_HELD // len(MANY)), "o3"], "", False),
}


@pytest.mark.parametrize("backlog", BACKLOGS)
async def test_an_order_waits_for_no_download_however_much_was_left(tmp_path: Path, backlog: str) -> None:
    """Messages, orders and one with a file, each at an address of the session."""
    bot, (left, live, elsewhere) = HangingBot(), BACKLOGS[backlog]
    async with serving(config(tmp_path, host={"sweep_every": 3600.0}), bot) as (host, _):
        records, lanes = host.house.records, host.house.ingress.stores
        await host.settled((await bot.say("c", "before")).message_id)
        [session] = await records.db.read(lambda c: records.sessions.load(c, "TRUE"))

        def event(number: int, what: str) -> InboundEvent:
            place = Address("memory", "w", "c", f"t{what[1]}")
            said = bot.event("c", str(number), at=1, address=place, session_id=session.id)
            if what[0] == "o":
                return replace(said, event_class=EventClass.CONTROL, value="stop")
            return replace(said, files=(NOTE,)) if what[0] == "f" else said

        def admit(connection: Statements, events: list[InboundEvent]) -> None:
            for one in events:
                order = one.event_class is EventClass.CONTROL
                inbox.add(connection, one, session.id, one.address, trigger=order, trusted=True, now=0)

        events = [event(number, what) for number, what in enumerate(left)]
        await records.db.write(lambda c: admit(c, events))
        lanes.replay(session)
        async with asyncio.timeout(30):
            if live:
                await bot.asked.wait()
            if elsewhere:
                events.append(event(len(events), live))
                lanes.replay(session)
                await records.db.write(lambda c: admit(c, events[-1:]))
                lanes.replay(session)
            elif live:
                events.append(event(len(events), live))
                await bot.ingested(events[-1])
            order = next(e for e in reversed(events) if e.event_class is EventClass.CONTROL)
            assert await host.settled(order.message_id) == "completed"


async def test_what_comes_while_the_host_ends_is_left_to_its_platform(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        host.house.reception.close()
        with pytest.raises(HostBusy):
            await bot.say("c", "too late")


async def test_what_breaks_its_store_each_time_or_cannot_be_read_is_told_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path, host={"sweep_every": 0.1}), bot) as (host, _):
        records = host.house.records
        await host.settled((await bot.say("c", "before")).message_id)
        [session] = await records.db.read(lambda c: records.sessions.load(c, "TRUE"))
        said = [
            replace(bot.event("c", text), at=at) for text, at in (("odd", 2**70), ("torn", 1), ("well", 1))
        ]

        def admitted(connection: Statements) -> None:
            for one in said:
                inbox.add(connection, one, session.id, one.address, trigger=True, trusted=True, now=0)
            torn = (said[1].message_id,)
            connection.execute(
                "UPDATE inbox SET event = json_remove(event, '$.answer') WHERE message_id = ?", torn
            )

        await records.db.write(admitted)
        host.house.ingress.stores.replay(session)
        assert await host.settled(said[2].message_id) == "completed"
        told = [f"I could not take in this message ({event.message_id[:9]})" for event in said[:2]]
        await bot.until(lambda: all(any(one in text for text in bot.said("c")) for one in told))
        assert "well" in bot.said("c")
        states = await records.db.read(
            lambda c: c.execute("SELECT state FROM inbox ORDER BY id DESC LIMIT 3").fetchall()
        )
    assert [state for (state,) in states] == ["stored", "declined", "declined"]
