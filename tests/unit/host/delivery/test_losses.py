"""Whether a session's outbound.db is lost, as somebody looks who may have looked too early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.delivery.losses import Losses
from host.folders.disk import ThreadDisk
from host.mailbox.open import Mailboxes
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions
from sessiondb import Address
from sessiondb.connection import open_writer
from sessiondb.signals import beat

PLACE = Address("memory", "w", "c")


def now() -> int:
    return 3_600_000


@pytest.fixture
async def begun(tmp_path: Path) -> AsyncIterator[tuple[Losses, Session]]:
    """A session whose first runner's heart has beaten."""
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    mailboxes = Mailboxes(disk, db, now)
    id_ = await db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", now()))
    [session] = await db.read(lambda c: Sessions(tmp_path).load(c, "id = ?", (id_,)))
    await mailboxes.use(session, lambda writer: writer.next_due_at())  # makes its folder
    beat(session.folder.heartbeat, "one")
    yield Losses(db, mailboxes, now), session
    await mailboxes.close()
    await db.close()
    disk.close()


async def test_a_first_file_that_was_finished_since_somebody_looked_is_no_loss(
    begun: tuple[Losses, Session],
) -> None:
    losses, session = begun
    open_writer(session.folder.outbound_db, "outbound").close()
    assert not await losses.begin_anew(session)


async def test_a_file_that_is_not_there_though_its_runner_lived_is_one(begun: tuple[Losses, Session]) -> None:
    losses, session = begun
    assert await losses.begin_anew(session)
    assert not await losses.begin_anew(session)
