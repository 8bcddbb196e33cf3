"""What a kept connection of inbound.db costs in memory, once it was used."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from pathlib import Path

from bench.figure import Figure, Timings, one
from bench.serving import PLACE, now_ms
from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.rows import NewMessage
from host.registry.db import HostDB
from host.registry.sessions import Session
from sessiondb import SessionFolder, content

CONNECTIONS, WARM_UP = 100, 10
PAGE = 4  # KiB


def measure(scratch: Path) -> list[Figure]:
    return [Figure(asyncio.run(_measure(scratch)), one("KiB"), aim=100)]


async def _measure(scratch: Path) -> Timings:
    """Their files are there already: a host that runs opens them again and again."""
    async with AsyncExitStack() as stack:
        disk = ThreadDisk()
        stack.callback(disk.close)
        db = await HostDB.open(scratch / "host.db", disk)
        stack.push_async_callback(db.close)
        sessions = [_session(scratch, f"s{number}") for number in range(CONNECTIONS + WARM_UP)]
        for (
            session
        ) in sessions:  # one by one: what all leave behind together would be taken for room that is free
            earlier = Mailboxes(disk, db, now_ms)
            await earlier.use(session, _used)
            await earlier.close()
        mailboxes = Mailboxes(disk, db, now_ms)
        stack.push_async_callback(mailboxes.close)
        for session in sessions[:WARM_UP]:
            await mailboxes.use(session, _used)
        before = _resident()
        for session in sessions[WARM_UP:]:
            await mailboxes.use(session, _used)
        each = (_resident() - before) / CONNECTIONS
    return Timings("a kept connection of inbound.db", [each], "KiB")


def _session(data: Path, name: str) -> Session:
    return Session(name, "default", PLACE, "public", SessionFolder(data / name))


def _used(writer: InboundWriter) -> None:
    with writer.writing():
        writer.insert(NewMessage("m1", "chat", PLACE, content.Chat("hello " * 20), 1))
    writer.pending()
    writer.message("m1")
    writer.open_parcels()
    writer.states_answering("m1", PLACE)
    writer.advance_watermark()


def _resident() -> float:
    """KiB of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE
