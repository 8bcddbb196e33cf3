"""What goes on coming to an address is stored together; nobody's first message waits for that, nor an order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from host.folders.disk import ThreadDisk
from host.intake import inbox, stores
from host.intake.stores import Stores
from host.mailbox.open import Mailboxes
from host.ports.events import Author, EventClass, InboundEvent
from host.registry.db import HostDB
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions, upsert
from sessiondb import Address
from tests.support import keeping

PLACE = Address("memory", "w", "c")
NOW = 1_000


class Way:
    """From the inbox into a session's file, with nobody above who is told of it."""

    def __init__(self, data: Path, disk: ThreadDisk, db: HostDB) -> None:
        self.db = db
        self.records = keeping.records(db, Sessions(data), Mailboxes(disk, db, lambda: NOW))
        self.commits = 0
        above = SimpleNamespace(
            runners=SimpleNamespace(end_outdated=self._nothing, wake=self._stored),
            deliveries=SimpleNamespace(outcome_changed=lambda _: None, deliver_notices=self._nothing),
        )
        self.stores = Stores(self.records, cast(Any, above), lambda: NOW)

    async def admit(self, natural_id: str, kind: EventClass = EventClass.MESSAGE) -> Session:
        session, entry = await self.taken_in(natural_id, kind)
        self.stores.add(session, entry)
        return session

    async def taken_in(
        self, natural_id: str, kind: EventClass = EventClass.MESSAGE
    ) -> tuple[Session, inbox.Entry]:
        event = InboundEvent(
            kind, PLACE, natural_id, Author("U1"), NOW, platform_message_id=natural_id, value="stop"
        )

        def job(connection: Statements) -> tuple[str, inbox.Entry]:
            id_ = upsert(connection, "default", PLACE, "public", NOW)
            entry = inbox.add(connection, event, id_, PLACE, trigger=True, trusted=True, now=NOW)
            return id_, entry

        id_, entry = await self.db.write(job)
        [session] = await self.db.read(lambda c: self.records.sessions.load(c, "id = ?", (id_,)))
        return session, entry

    async def waiting(self) -> int:
        [(count,)] = await self.db.read(
            lambda c: c.execute("SELECT count(*) FROM inbox WHERE state = 'routed'").fetchall()
        )
        return int(str(count))

    async def until_waiting(self, count: int) -> None:
        async with asyncio.timeout(30):
            while await self.waiting() != count:
                pass

    async def stored(self, session: Session) -> list[str]:
        found = await self.records.mailboxes.use(session, lambda writer: writer.pending())
        return [message.platform_message_id for message in found]

    def _stored(self, _: Session) -> None:
        self.commits += 1

    async def _nothing(self, *_: object) -> None:
        return


@pytest.fixture
async def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    for name in ("SHORTEST_PACE", "LONGEST_PACE"):
        monkeypatch.setattr(stores, name, 3_600.0)
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    made = Way(tmp_path, disk, db)
    yield made
    await made.stores.stop()
    await made.records.mailboxes.close()
    await db.close()
    disk.close()


async def test_what_comes_while_an_address_is_stored_shares_a_commit_and_an_order_waits_for_nothing(
    way: Way,
) -> None:
    session = await way.admit("1")
    async with session.lock:  # its file is in somebody's hand
        for natural_id in ("2", "3"):
            await way.admit(natural_id)
    await way.until_waiting(2)
    assert await way.stored(session) == ["1"]
    await way.admit("4", EventClass.CONTROL)
    await way.until_waiting(0)
    assert await way.stored(session) == ["1", "2", "3", "4"]
    assert way.commits == 2
    await way.admit("5")  # the stream is over: whoever speaks now is stored at once
    await way.until_waiting(0)
    assert way.commits == 3


async def test_a_session_whose_inbox_is_read_is_back_in_memory_though_people_go_on_speaking(way: Way) -> None:
    """What came meanwhile had the look begin anew, for as long as they spoke faster than a commit takes."""
    session, _ = await way.taken_in("1")  # as a crash leaves it
    way.stores.replay(session)
    for number in range(2, 9):
        await way.admit(str(number))
    assert session.id not in way.stores._replaying
    await way.admit("order", EventClass.CONTROL)
    await way.until_waiting(0)
    assert await way.stored(session) == [*map(str, range(1, 9)), "order"]


async def test_what_is_told_of_twice_while_the_inbox_is_read_is_stored_once_and_behind_what_was_before_it(
    way: Way,
) -> None:
    session, _ = await way.taken_in("1")
    _, entry = await way.taken_in("2")
    way.stores.replay(session)
    await asyncio.sleep(0)  # it begins to read
    way.stores.add(session, entry)
    await way.until_waiting(0)
    assert await way.stored(session) == ["1", "2"]
    assert way.stores._came == {}


async def test_what_came_while_the_inbox_could_not_be_read_is_overtaken_by_nothing_later(way: Way) -> None:
    session = await way.admit("1")
    await way.until_waiting(0)
    _, entry = await way.taken_in("2")
    way.stores.replay(session)
    await asyncio.sleep(0)
    way.stores.add(session, entry)
    way.stores._replaying[session.id].cancel()
    await asyncio.gather(way.stores._replaying[session.id], return_exceptions=True)
    await way.admit("3")
    await way.until_waiting(0)
    assert await way.stored(session) == ["1", "2", "3"]


def test_the_more_addresses_go_on_the_longer_each_is_gathered_and_none_for_long() -> None:
    paces = [stores._pace(lanes) for lanes in range(1, 200)]
    assert paces == sorted(paces)
    assert (paces[0], paces[-1]) == (stores.SHORTEST_PACE, stores.LONGEST_PACE)
    assert all(lanes / pace <= 1 / stores.PACE_EACH + 1e-6 for lanes, pace in enumerate(paces[:50], start=1))
