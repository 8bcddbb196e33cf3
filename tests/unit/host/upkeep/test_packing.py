"""When folders are packed, on a real database; how often, by a clock that the test has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from host.folders.disk import ThreadDisk
from host.mailbox import luggage, spaces
from host.mailbox.luggage import MIB, Luggage
from host.mailbox.open import Mailboxes
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.nodes import Node
from host.registry.notices import Notice
from host.registry.port import Registry
from host.registry.sessions import Session, Sessions
from host.runners.life import Life
from host.runners.lives import Lives
from host.upkeep import packing
from host.upkeep.packing import EVERY, IN_THE_END, WHILE_WRITTEN, Packer
from sessiondb import Address
from tests.support import keeping
from tests.support.postgres import Server

PLACE = Address("memory", "w", "c")
PACKS = "SELECT count(*) FROM packed WHERE serial <> ''"


@dataclass
class Bench:
    db: Registry
    luggage: Luggage
    session: Session
    packer: Packer
    lives: Lives
    told: list[Notice] = field(default_factory=list)
    time: float = 1_000.0  # s

    @property
    def places(self) -> list[str]:
        return [spaces.work(self.session.id), spaces.workspace("default", self.session.scope)]

    async def begins(self) -> None:
        """A runner."""
        records = self.packer._records
        await records.spaces.ready("default", self.session.scope)
        await records.spaces.working(self.session)
        nobody = asyncio.create_task(asyncio.sleep(0))
        self.lives[self.session.id] = Life(self.session, nobody, scope=self.session.scope)

    def writes(self, text: str) -> None:
        (self.session.folder.work / "note").write_text(text)

    def ends(self) -> None:
        self.lives.clear()

    async def round(self, after: float = 0.0) -> None:
        self.time += after
        await self.packer.round()


@asynccontextmanager
async def bench(url: str, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    from host.registry.postgresql import PostgreSQL

    disk, lives = ThreadDisk(), Lives()
    db = await PostgreSQL.open(url, disk, lambda _: None, Node("ada", "ada"))
    try:
        id_ = await db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", 1))
        known = Sessions(folder)
        [session] = await db.read(lambda c: known.load(c, "id = ?", (id_,)))
        records = keeping.records(db, known, Mailboxes(disk, db, lambda: 1), MIB)

        async def notify(notice: Notice) -> None:
            one.told.append(notice)

        packer = Packer(records, lives, notify, lambda: 1, lambda: "UTC", MIB)
        one = Bench(db, records.spaces.luggage, session, packer, lives)
        patch.setattr(packing, "time", SimpleNamespace(monotonic=lambda: one.time))
        yield one
        patch.undo()
    finally:
        await db.close()
        disk.close()


async def test_what_is_written_is_packed_every_few_minutes_and_at_once_when_nobody_writes_any_more(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with bench(url, tmp_path, monkeypatch) as one:
        await one.begins()
        one.writes("one")
        await one.round()
        await one.round(after=WHILE_WRITTEN - 1)
        assert postgres.says(url, PACKS) == "0"
        await one.round(after=1)
        assert postgres.says(url, PACKS) == "1"  # of the workspace there is nothing to pack
        first = postgres.says(url, "SELECT serial FROM packed WHERE serial <> ''")
        one.writes("two")
        await one.round(after=EVERY)
        assert postgres.says(url, "SELECT serial FROM packed WHERE serial <> ''") == first
        one.ends()
        await one.round(after=EVERY)
        assert postgres.says(url, "SELECT serial FROM packed WHERE serial <> ''") != first
        assert postgres.says(url, "SELECT DISTINCT at_rest FROM packed") == "1"
        assert one.luggage.stirred() == []
        await one.round(after=EVERY)


async def test_a_pack_that_took_long_is_followed_by_a_pause_as_long_as_it_is_worth(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with bench(url, tmp_path, monkeypatch) as one:
        keep: Callable[..., object] = one.luggage.keep
        times: list[float] = []

        async def slow(place: str, *, at_rest: bool) -> object:
            times.append(one.time)
            one.time += 30.0
            return await keep(place, at_rest=at_rest)  # type: ignore[misc]

        monkeypatch.setattr(one.luggage, "keep", slow)
        await one.luggage.take_over(one.places[0])
        one.session.folder.work.mkdir(parents=True)
        one.writes("one")
        one.packer._places[one.places[0]] = packing._Place(0.0)
        one.lives[one.session.id] = Life(one.session, asyncio.create_task(asyncio.sleep(0)))
        for _ in range(100):
            await one.round(after=EVERY)
        assert len(times) > 1
        assert times[1] - times[0] >= 30.0 * packing.SHARE


async def test_in_the_end_all_of_it_is_packed_and_what_cannot_be_holds_up_nothing_else(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with bench(url, tmp_path, monkeypatch) as one:
        await one.begins()
        one.writes("one")
        came = tmp_path / luggage.incoming(one.session.id) / "m1"
        came.mkdir(parents=True)
        (came / "0-a.txt").write_text("attached a moment ago")
        broken = spaces.work("s0")
        await one.luggage.take_over(broken)
        (tmp_path / broken).parent.mkdir(parents=True)
        (tmp_path / broken).write_text("no folder")
        one.ends()
        await one.packer.finish()
        assert postgres.says(url, f"{PACKS} AND at_rest = 1") == "2"
        assert one.luggage.stirred() == [broken]


async def test_where_the_end_takes_too_long_it_is_said_and_the_host_goes(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres.database()
    assert IN_THE_END > 1.0
    monkeypatch.setattr(packing, "IN_THE_END", 0.05)
    async with bench(url, tmp_path, monkeypatch) as one:
        await one.begins()
        one.writes("one")
        hangs = asyncio.Event()

        async def never(*_: object, **__: object) -> bool:
            return await hangs.wait()

        monkeypatch.setattr(one.luggage, "keep", never)
        await one.packer.finish()
    assert [record.action for record in caplog.records if hasattr(record, "action")][-1] == "not_packed"


async def test_a_folder_that_is_too_large_is_told_where_it_is_written_to_with_when_it_was_packed_last(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(postgres.database(), tmp_path, monkeypatch) as one:
        await one.begins()
        one.writes("x" * (MIB + 1))
        await one.round()
        await one.round(after=WHILE_WRITTEN)
        one.writes("one")
        await one.round(after=WHILE_WRITTEN)
        one.writes("x" * (MIB + 1))
        await one.round(after=WHILE_WRITTEN)
    first, second = (notice.text.told("en") for notice in one.told)
    assert first.endswith("more than 1 MiB: on another machine I would not have them. Ask me to delete some.")
    assert "on another machine I would find them as they were at Thursday 1 January 1970" in second
    assert {notice.about for notice in one.told} == {one.told[0].about}  # said once a day


async def test_alone_nothing_is_packed_and_nobody_looks(db: HostDB, tmp_path: Path) -> None:
    known = Sessions(tmp_path)
    records = keeping.records(db, known, Mailboxes(ThreadDisk(), db, lambda: 1))

    async def notify(_: Notice) -> None:
        raise AssertionError

    packer = Packer(records, Lives(), notify, lambda: 1, lambda: "UTC", MIB)
    async with asyncio.timeout(5):
        await packer.run()
        await packer.finish()
