"""What a kept connection of inbound.db costs in memory, once it was used."""

from __future__ import annotations

import gc
from pathlib import Path

from bench.figure import Figure, Timings, one
from bench.serving import PLACE, now_ms
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from sessiondb import SessionFolder, content

CONNECTIONS, WARM_UP = 100, 10
PAGE = 4  # KiB


def measure(scratch: Path) -> list[Figure]:
    """Their files are there already: a host that runs opens them again and again."""
    for number in range(CONNECTIONS + WARM_UP):
        _used(scratch / str(number)).close()
    warm = [_used(scratch / str(number)) for number in range(WARM_UP)]
    before = _resident()
    kept = [_used(scratch / str(number)) for number in range(WARM_UP, CONNECTIONS + WARM_UP)]
    each = (_resident() - before) / CONNECTIONS
    for writer in (*warm, *kept):
        writer.close()
    return [Figure(Timings("a kept connection of inbound.db", [each], "KiB"), one("KiB"), aim=100)]


def _used(root: Path) -> InboundWriter:
    folder = SessionFolder(root)
    folder.create()
    writer = InboundWriter(folder.inbound_db, now_ms)
    with writer.writing():
        writer.insert(NewMessage("m1", "chat", PLACE, content.Chat("hello " * 20), 1))
    writer.pending()
    writer.message("m1")
    writer.open_parcels()
    return writer


def _resident() -> float:
    """KiB of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE
