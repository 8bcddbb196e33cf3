"""Whether a session's outbound.db is lost, as somebody looks who may have looked too early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from host.delivery import losses as found
from host.delivery.losses import Losses
from host.folders.disk import ThreadDisk
from host.mailbox.open import Mailboxes
from host.mailbox.outbound import OutboundReader
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions
from sessiondb import Address, Damaged, Unavailable
from sessiondb.connection import open_writer
from sessiondb.signals import beat

PLACE = Address("memory", "w", "c")


def now() -> int:
    return 3_600_000


@pytest.fixture
async def mailboxes(db: HostDB) -> AsyncIterator[Mailboxes]:
    disk = ThreadDisk()
    made = Mailboxes(disk, db, now)
    yield made
    await made.close()
    disk.close()


async def _said() -> None:
    """Notices are on their way."""


@pytest.fixture
async def begun(tmp_path: Path, db: HostDB, mailboxes: Mailboxes) -> tuple[Losses, Session]:
    """A session whose first runner's heart has beaten."""
    id_ = await db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", now()))
    [session] = await db.read(lambda c: Sessions(tmp_path).load(c, "id = ?", (id_,)))
    await mailboxes.use(session, lambda writer: writer.next_due_at())  # makes its folder
    beat(session.folder.heartbeat, "one")
    return Losses(db, mailboxes, now, _said), session


async def test_a_first_file_that_was_finished_since_somebody_looked_is_no_loss(
    begun: tuple[Losses, Session],
) -> None:
    losses, session = begun
    open_writer(session.folder.outbound_db, "outbound").close()
    assert not await losses.begin_anew(session)


def no_page(path: Path, table: str) -> None:
    connection = apsw.Connection(str(path))
    size = int(str(connection.pragma("page_size")))
    [(page,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchall()
    connection.close()
    whole = bytearray(path.read_bytes())
    whole[(int(str(page)) - 1) * size : int(str(page)) * size] = b"\x55" * size
    path.write_bytes(whole)


async def test_a_runner_that_calls_honest_files_damaged_costs_nobody_a_file(
    begun: tuple[Losses, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, session = begun
    open_writer(session.folder.outbound_db, "outbound").close()
    reader = OutboundReader(session.folder.outbound_db)
    await losses.examine(session, lambda _: reader)
    with monkeypatch.context() as patch:
        patch.setattr(found, "EXAMINATION", -1.0)  # what is not found in time is not found
        await losses.examine(session, lambda _: reader)
    reader.close()
    assert (session.unreadable, session.damaged) == ("", "")


async def test_damage_where_the_host_never_reads_is_found_when_somebody_tells_of_it(
    begun: tuple[Losses, Session], mailboxes: Mailboxes
) -> None:
    losses, session = begun
    open_writer(session.folder.outbound_db, "outbound").close()
    no_page(session.folder.outbound_db, "transcript")
    reader = OutboundReader(session.folder.outbound_db)
    with pytest.raises(Damaged):
        await losses.examine(session, lambda _: reader)
    reader.close()

    await mailboxes.close()
    no_page(session.folder.inbound_db, "orders_done")
    with pytest.raises(Unavailable, match="set aside"):
        await losses.examine(session, lambda _: reader)
    await mailboxes.use(session, lambda writer: writer.examine(found.EXAMINATION))
    assert len(list(session.folder.inbound.glob("*.damaged-*"))) == 1


async def test_a_file_that_is_not_there_though_its_runner_lived_is_one(begun: tuple[Losses, Session]) -> None:
    losses, session = begun
    assert await losses.begin_anew(session)
    assert not await losses.begin_anew(session)
