"""Rows that are ready, until the last receipt is durable: against single commits of the same kind of file.

The platform is instant: what is measured is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench import commits
from bench.figure import Figure, rates
from bench.serving import BenchBot, now_ms
from host.config import Config
from host.config.settings import Settings
from host.delivery.actions import Actions
from host.delivery.collect import Collector
from host.delivery.minting import Minting
from host.delivery.posts import Posts
from host.delivery.quiet import Quiet
from host.delivery.service import Deliveries, Outlets
from host.folders.disk import ThreadDisk
from host.governance.languages import Languages
from host.governance.masking import Masks
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.questions import Approvers
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots
from host.ports.stations import Stations
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.errands import Errands
from host.registry.port import Registry
from host.registry.sessions import Session, Sessions
from sessiondb import Address, SessionFolder, content
from sessiondb.connection import open_writer, transaction

COMMITS = 200  # of the floor, before and after
MANY, FEW_ROWS = 100, 20
ONE, ALL_ROWS = 1, 200


def measure(scratch: Path) -> list[Figure]:
    floor = commits.singles(scratch / "before", COMMITS)
    many = asyncio.run(_delivered(scratch / "many", MANY, FEW_ROWS))
    one = asyncio.run(_delivered(scratch / "one", ONE, ALL_ROWS))
    floor += commits.singles(scratch / "after", COMMITS)
    ground = rates("E", floor)
    return [
        Figure(
            rates(f"delivery of {MANY} sessions × {FEW_ROWS} rows", [many]), ground, aim=3.0, at_least=True
        ),
        Figure(rates(f"delivery of one session × {ALL_ROWS} rows", [one]), ground, aim=1.0, at_least=True),
    ]


async def _delivered(data: Path, count: int, rows: int) -> float:
    """Seconds per row."""
    data.mkdir()
    disk = ThreadDisk()
    db = await HostDB.open(data / "host.db", disk)
    places = [Address("bench", "w", f"c{number}", "t") for number in range(count)]
    seconds = await delivered(data, disk, db, places, rows)
    await db.close()
    disk.close()
    return seconds / (count * rows)


async def _at_once() -> None:
    pass


async def delivered(
    data: Path,
    disk: ThreadDisk,
    db: Registry,
    places: Sequence[Address],
    rows: int,
    ready: Callable[[], Awaitable[None]] = _at_once,
) -> float:
    """Seconds until so many rows of a session at each place have their receipts. `ready` is awaited once all are there."""
    bot = BenchBot()
    mailboxes = Mailboxes(disk, db, now_ms)
    config = Config.model_validate({"data": str(data)})
    bots = Bots({"bench": bot})
    settings = Settings(config)
    collector = Collector(
        bots,
        Actions({}),
        Approvers(settings),
        now_ms,
        Minting("bench"),
        Quiet(settings, now_ms),
        Masks(settings),
    )
    over = asyncio.Event()
    outlets = Outlets(
        claims=lambda *_: None,
        outcome=lambda _: over.set(),
        run_ended=lambda _: None,
        room=lambda _: None,
        stations=Stations(now_ms),
    )
    deliveries = Deliveries(
        db, mailboxes, collector, Posts(db, Errands(db)), Languages(settings, db, now_ms), outlets
    )
    found = [await _ready(db, mailboxes, Sessions(data), place, rows) for place in places]
    await ready()
    began = time.perf_counter()
    await asyncio.gather(*(deliveries.drain(session) for session in found))
    while any(deliveries.busy(session) for session in found):
        over.clear()
        await over.wait()
        await asyncio.sleep(0)
    seconds = time.perf_counter() - began
    assert bot.sent == len(places) * rows
    await deliveries.stop()
    await deliveries.close()
    await mailboxes.close()
    return seconds


async def _ready(db: Registry, mailboxes: Mailboxes, known: Sessions, place: Address, rows: int) -> Session:
    """A session whose runner has written so many rows that nobody has read."""
    id_ = await db.write(lambda c: sessions.upsert(c, "default", place, "public", now_ms()))
    [session] = await db.read(lambda c: known.load(c, "id = ?", (id_,)))

    def asked(writer: InboundWriter) -> None:
        with writer.writing():
            writer.insert(NewMessage("m", "chat", place, content.Chat("hello"), 1))

    await mailboxes.use(session, asked)
    _write(session.folder, rows)
    return session


def _write(folder: SessionFolder, rows: int) -> None:
    connection = open_writer(folder.outbound_db, "outbound")
    with transaction(connection, folder.outbound_db):
        for number in range(rows):
            connection.execute(
                "INSERT INTO messages_out (seq, id, in_reply_to, kind, created_at, content) VALUES (?, ?, 'm', 'chat', 1, ?)",
                (3 + 2 * number, f"o{number}", content.encode(content.Text(f"answer {number}"))),
            )
    connection.close()
