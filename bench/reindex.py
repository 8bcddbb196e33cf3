"""A start that has lost the schedule's index, with ten thousand sessions: how long until bots start."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from bench.figure import Figure, Timings, one
from bench.serving import PLACE, now_ms, serving
from host.mailbox.inbound import InboundWriter
from host.registry import sessions
from host.registry.db import open_host_db
from host.registry.sessions import Sessions
from sessiondb import Address, SessionFolder
from sessiondb.connection import transaction

SESSIONS = 10_000


def measure(scratch: Path) -> list[Figure]:
    _fill(scratch / "host")
    seconds = asyncio.run(_started(scratch / "host"))
    name = f"start that makes the index of {SESSIONS:,} sessions again, until bots start"
    return [Figure(Timings(name, [seconds]), one("s"), aim=1.0)]


def _fill(data: Path) -> None:
    """Every session is at rest and has a file, all alike; the registry has never heard of an index."""
    model = SessionFolder(data / "model")
    model.create()
    InboundWriter(model.inbound_db, now_ms).close()
    registry = open_host_db(data / "host.db")
    with transaction(registry, data):
        for number in range(SESSIONS):
            place = Address(PLACE.channel_type, PLACE.workspace_id, f"c{number}", "t")
            sessions.upsert(registry, "default", place, "scope", now_ms())
        registry.execute("UPDATE sessions SET busy = 0")
    for session in Sessions(data).load(registry, "1", ()):
        session.folder.inbound_db.parent.mkdir(parents=True)
        shutil.copyfile(model.inbound_db, session.folder.inbound_db)
    registry.close()
    shutil.rmtree(model.root)


async def _started(data: Path) -> float:
    began = time.perf_counter()
    async with serving(data):
        return time.perf_counter() - began
