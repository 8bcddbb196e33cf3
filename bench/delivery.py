"""`python -m bench.delivery`: delivery of rows that are ready, against single commits of the same kind of file.

E is what one connection commits in a second, a row each, in the product's own mode for session files (DELETE, EXTRA). A
delivery is over when the last receipt is durable. The platform is instant: what is measured is ours.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bench.figure import Figure, Timings
from bench.round_trip import BenchBot, now_ms
from host.config import Config
from host.config.settings import Settings
from host.delivery.actions import Actions
from host.delivery.collect import Collector
from host.delivery.minting import Minting
from host.delivery.posts import Posts
from host.delivery.service import Deliveries, Outlets
from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.questions import Approvers
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots
from host.ports.stations import Stations
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions
from sessiondb import Address, SessionFolder, content
from sessiondb.connection import open_writer, transaction

ROUNDS = 3
COMMITS = 300  # of the floor, in each round
MANY, FEW_ROWS = 100, 20
ONE, ALL_ROWS = 1, 200
AIM_MANY, AIM_ONE = 1 / 3, 1.0  # of a single commit, per row: 3 E and 1 E


def measure(scratch: Path) -> list[Figure]:
    """Rounds of all three by turns, so that a disk that changes its mind does so to all of them."""
    many, one, floor = list[float](), list[float](), list[float]()
    for number in range(ROUNDS):
        floor += _commits(scratch / f"floor-{number}")
        many.append(asyncio.run(_delivered(scratch / f"many-{number}", MANY, FEW_ROWS)))
        one.append(asyncio.run(_delivered(scratch / f"one-{number}", ONE, ALL_ROWS)))
    single = Timings("a single commit", floor)
    return [
        Figure(Timings(f"a row of {MANY} sessions × {FEW_ROWS}", many), single, AIM_MANY),
        Figure(Timings(f"a row of one session × {ALL_ROWS}", one), single, AIM_ONE),
    ]


def _commits(folder: Path) -> list[float]:
    """Seconds of each."""
    folder.mkdir()
    path = folder / "inbound.db"
    connection = open_writer(path, "inbound")
    seconds = []
    for number in range(COMMITS):
        began = time.perf_counter()
        with transaction(connection, path):
            connection.execute("INSERT OR REPLACE INTO session VALUES ('key', ?)", (str(number),))
        seconds.append(time.perf_counter() - began)
    connection.close()
    return seconds


async def _delivered(data: Path, count: int, rows: int) -> float:
    """Seconds per row."""
    data.mkdir()
    disk, bot = ThreadDisk(), BenchBot()
    db = await HostDB.open(data / "host.db", disk)
    mailboxes = Mailboxes(disk, db, now_ms)
    config = Config.model_validate({"data": str(data)})
    bots = Bots({"bench": bot})
    collector = Collector(bots, Actions({}), Approvers(Settings(config)), now_ms, Minting("bench"))
    over = asyncio.Event()
    outlets = Outlets(
        claims=lambda *_: None,
        outcome=lambda _: over.set(),
        run_ended=lambda _: None,
        room=lambda _: None,
        stations=Stations(now_ms),
    )
    deliveries = Deliveries(db, mailboxes, collector, Posts(db), outlets)
    found = [await _ready(db, mailboxes, Sessions(data), number, rows) for number in range(count)]
    began = time.perf_counter()
    await asyncio.gather(*(deliveries.drain(session) for session in found))
    while any(deliveries.busy(session) for session in found):
        over.clear()
        await over.wait()
        await asyncio.sleep(0)
    seconds = time.perf_counter() - began
    assert bot.sent.qsize() == count * rows
    await deliveries.stop()
    await deliveries.close()
    await mailboxes.close()
    await db.close()
    disk.close()
    return seconds / (count * rows)


async def _ready(db: HostDB, mailboxes: Mailboxes, known: Sessions, number: int, rows: int) -> Session:
    """A session whose runner has written so many rows that nobody has read."""
    place = Address("bench", "w", f"c{number}", "t")
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


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dovecote-bench-") as scratch:
        for figure in measure(Path(scratch)):
            print(f"{figure.measured.name}: {1 / figure.ratio:.2f} E (aim {1 / figure.aim:g} E)")


if __name__ == "__main__":
    main()
