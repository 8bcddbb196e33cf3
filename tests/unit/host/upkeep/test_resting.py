"""Conversations at rest that miss a file are given to the sweep, once, and only those that have something to come."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.mailbox.open import Mailboxes
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions, upsert
from host.schedule import index
from host.upkeep import resting
from host.upkeep.resting import Resting
from sessiondb import Address
from tests.support import keeping

NOW = 1_000


class Bench:
    def __init__(self, data: Path, disk: ThreadDisk, db: HostDB) -> None:
        self.db = db
        self.records = keeping.records(db, Sessions(data), Mailboxes(disk, db, lambda: NOW))
        self.resting = Resting(self.records, disk)

    async def session(self, name: str, *, task: bool = True) -> Session:
        place = Address("memory", "w", name)
        id_ = await self.db.write(lambda c: upsert(c, "default", place, "public", NOW))
        if task:
            await self.db.write(lambda c: index.lower(c, f"t-{name}", id_, ""))
        await self.db.write(lambda c: c.execute("UPDATE sessions SET busy = 0").fetchall())
        [found] = await self.db.read(lambda c: self.records.sessions.load(c, "id = ?", (id_,)))
        await self.records.mailboxes.use(found, lambda _: None)
        return found

    async def busy(self) -> set[str]:
        found = await self.db.read(
            lambda c: c.execute("SELECT platform_id FROM sessions WHERE busy = 1").fetchall()
        )
        return {str(name) for (name,) in found}

    async def looked(self) -> set[str]:
        await self.db.write(lambda c: c.execute("UPDATE sessions SET busy = 0").fetchall())
        await self.resting.look()
        return await self.busy()


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(resting, "EVERY", 0.0)
    monkeypatch.setattr(resting, "PORTION", 1)
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    made = Bench(tmp_path, disk, db)
    yield made
    await made.records.mailboxes.close()
    await db.close()
    disk.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [os.unlink, emptied])
async def test_a_lost_inbound_db_is_noticed_once_where_something_is_to_come(
    bench: Bench, damage: object
) -> None:
    assert callable(damage)
    sessions = [
        await bench.session("well"),
        await bench.session("sick"),
        await bench.session("idle", task=False),
    ]
    assert await bench.looked() == set()
    for session in sessions[1:]:
        damage(session.folder.inbound_db)
    assert await bench.looked() == {"sick"}
    assert await bench.looked() == set(), "what was noticed is the sweep's"
    sessions[1].folder.inbound_db.write_bytes(b"made again")
    assert await bench.looked() == set()
    damage(sessions[1].folder.inbound_db)
    assert await bench.looked() == {"sick"}, "a second loss is another"


async def test_an_outbound_db_is_missed_only_where_a_runner_has_been(bench: Bench) -> None:
    session = await bench.session("c")
    assert await bench.looked() == set()
    session.folder.heartbeat.write_text("one")
    assert await bench.looked() == {"c"}
    session.folder.outbound_db.write_bytes(b"rows")
    assert await bench.looked() == set()
    emptied(session.folder.outbound_db)
    assert await bench.looked() == {"c"}


async def test_between_two_looks_nobody_is_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await bench.session("c")
    monkeypatch.setattr(resting, "EVERY", 3_600.0)
    assert await bench.looked() == set()
    session.folder.inbound_db.unlink()
    assert await bench.looked() == set()


async def test_a_folder_that_cannot_be_looked_into_is_no_loss(bench: Bench) -> None:
    session = await bench.session("c")
    await bench.records.mailboxes.close()
    inbound = session.folder.inbound_db.parent
    inbound.rename(inbound.with_name("elsewhere"))
    inbound.write_text("no folder")
    assert await bench.looked() == set()
