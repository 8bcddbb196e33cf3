"""A time of day that is set: what was to wait a while waits that while, not until the clock has caught up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import Parcel
from host.registry.db import HostDB
from host.registry.notices import Notice
from host.registry.sessions import Session, Sessions, upsert
from host.runners import sweep
from host.runners.life import Life
from host.runners.starts import Starts
from sessiondb import Address, SessionFolder

NOW, HOUR = 1_700_000_000_000, 3_600_000  # ms
PLACE = Address("memory", "w", "c")


class Sleeper:
    session_id, incarnation, outline, held = "s1", "one", "", False

    async def wait(self) -> int:
        return 0


def test_a_chunk_waits_as_long_as_it_was_to(tmp_path: Path) -> None:
    clock = [NOW]
    writer = InboundWriter(tmp_path / "inbound.db", lambda: clock[-1])
    unknown = Parcel(
        "o1", 0, 1, "k1", "unknown", PLACE, "{}", next_attempt_at=NOW + 10_000, first_attempt_at=NOW
    )
    with writer.writing():
        writer.put_parcels([unknown])
    assert writer.open_parcels() == [unknown]
    clock.append(NOW + 4_000)
    assert writer.open_parcels() == [unknown]
    clock.append(NOW - HOUR)
    assert writer.open_parcels() == [replace(unknown, next_attempt_at=NOW - HOUR + 10_000)]
    writer.close()


async def test_a_start_that_failed_is_tried_again_after_its_pause_and_no_later(tmp_path: Path) -> None:
    clock = [NOW]
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)

    async def unheard(_: Notice) -> None: ...

    registry = Sessions(tmp_path)
    id_ = await db.write(lambda connection: upsert(connection, "default", PLACE, "public", NOW))
    (session,) = await db.read(lambda connection: registry.load(connection, "id = ?", (id_,)))
    starts = Starts(db, lambda: clock[-1], unheard)
    await starts.note(session, "no engine")
    assert await starts.earliest(session) == NOW + sweep.start_pause(1)
    clock.append(NOW - HOUR)  # nobody knows how much of the pause is left
    assert await starts.earliest(session) == 0
    await starts.note(session, "no engine")
    assert await starts.earliest(session) == NOW - HOUR + sweep.start_pause(2)
    await db.close()
    disk.close()


async def test_a_silence_is_counted_anew_when_the_clock_is_set_and_only_then(tmp_path: Path) -> None:
    session = Session("s1", "default", PLACE, "public", SessionFolder(tmp_path))
    async with asyncio.TaskGroup() as group:
        life = Life(session, group.create_task(asyncio.sleep(0)))
    life.begins(Sleeper(), NOW)
    assert not life.mind_the_clock(NOW + 1_000)  # a look that comes a little late
    assert life.silent_from == NOW
    assert life.mind_the_clock(NOW + HOUR)  # and nothing is judged at this look
    assert life.silent_from == life.busy_at == NOW + HOUR
    assert life.mind_the_clock(NOW - HOUR)
    assert life.silent_from == life.busy_at == NOW - HOUR
