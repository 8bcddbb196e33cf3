"""A drain of one new row in a session with 50,000 delivered messages, against one with 100."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import apsw

from bench.figure import Figure, Timings
from bench.serving import PLACE, BenchBot, now_ms
from host.config import Config
from host.config.settings import Settings
from host.delivery import room
from host.delivery.actions import Actions
from host.delivery.collect import Collector
from host.delivery.minting import Minting
from host.delivery.portion import Ready, Whose
from host.delivery.quiet import Quiet
from host.governance.masking import Masks
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import OutboundReader
from host.mailbox.questions import Approvers
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots
from sessiondb import SessionFolder, content
from sessiondb.connection import open_writer

ROUNDS = 200
FEW, MANY = 100, 50_000


def measure(folder: Path) -> list[Figure]:
    measured = Timings(f"drain after {MANY:,} messages", _drains(SessionFolder(folder / "many"), MANY))
    floor = Timings(f"after {FEW}", _drains(SessionFolder(folder / "few"), FEW))
    return [Figure(measured, floor, aim=1.5)]


def _drains(folder: SessionFolder, delivered: int) -> list[float]:
    """Seconds per drain, receipt included."""
    folder.create()
    writer = InboundWriter(folder.inbound_db, now_ms)
    with writer.writing():
        writer.insert(NewMessage("m", "chat", PLACE, content.Chat("hello"), 1))
    _fill(folder, delivered)
    settings = Settings(Config())
    ways = Approvers(settings), now_ms, Minting("bench"), Quiet(settings, now_ms), Masks(settings)
    collector = Collector(Bots({"bench": BenchBot()}), Actions({}), *ways)
    reader = OutboundReader(folder.outbound_db)
    outbound = open_writer(folder.outbound_db, "outbound")
    seconds: list[float] = []
    try:
        while _drain(collector, writer, reader, folder):
            pass
        for number in range(ROUNDS):
            _write(outbound, 2 * (delivered + number) + 1)
            began = time.perf_counter()
            _drain(collector, writer, reader, folder)
            seconds.append(time.perf_counter() - began)
    finally:
        outbound.close()
        reader.close()
        writer.close()
    return seconds


def _drain(
    collector: Collector, writer: InboundWriter, reader: OutboundReader, folder: SessionFolder
) -> bool:
    whose = Whose("bench", PLACE, "default", folder.outbound_files, room.left(0, 0, 0))
    done = collector.collect(writer, reader, whose, lambda _: False, Ready())
    with writer.writing():
        writer.put_parcels([replace(p, state="sent", platform_message_id=p.key) for p in done.parcels])
        writer.advance_watermark()
    return done.more


def _fill(folder: SessionFolder, rows: int) -> None:
    """In portions, as a session grows: a host that finds them all at once would take them for a flood."""
    connection = open_writer(folder.outbound_db, "outbound")
    writer = InboundWriter(folder.inbound_db, now_ms)
    settings = Settings(Config())
    ways = Approvers(settings), now_ms, Minting("bench"), Quiet(settings, now_ms), Masks(settings)
    collector = Collector(Bots({"bench": BenchBot()}), Actions({}), *ways)
    reader = OutboundReader(folder.outbound_db)
    try:
        for start in range(0, rows, 10_000):
            connection.execute("BEGIN IMMEDIATE")
            for number in range(start, min(start + 10_000, rows)):
                _write(connection, 2 * number + 1)
            connection.execute("COMMIT")
            while _drain(collector, writer, reader, folder):
                pass
    finally:
        reader.close()
        writer.close()
        connection.close()


def _write(connection: apsw.Connection, seq: int) -> None:
    text = content.encode(content.Text(f"answer {seq}"))
    connection.execute(
        "INSERT INTO messages_out (seq, id, in_reply_to, kind, created_at, content) VALUES (?, ?, 'm', 'chat', 1, ?)",
        (seq, f"o{seq}", text),
    )
