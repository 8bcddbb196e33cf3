"""Open mailboxes: one hand at a time on each, the latest kept open, a lost one begun above what it had given out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import apsw
import pytest

from host.folders.disk import ThreadDisk
from host.mailbox import open as opened
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.rows import NewMessage
from host.registry.db import HostDB
from host.registry.sessions import Session
from sessiondb import Address, Damaged, Full, SessionError, SessionFolder, Unavailable, content
from tests.support.waiting import until

P = ParamSpec("P")
T = TypeVar("T")

NOW = 10_000
TIMEOUT = 30.0  # s


def session(data: Path, name: str, seq_high_water: int = 0) -> Session:
    place = Address("memory", "w", name)
    return Session(name, "default", place, "public", SessionFolder(data / name), seq_high_water)


def say(writer: InboundWriter, id_: str) -> int:
    with writer.writing():
        writer.insert(NewMessage(id_, "chat", Address("memory", "w", "c"), content.Chat("hi"), created_at=1))
    return writer.mark("seq_high_water")


@pytest.fixture
async def mailboxes(tmp_path: Path) -> AsyncIterator[Mailboxes]:
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    made = Mailboxes(disk, db, lambda: NOW)
    yield made
    await made.close()
    await db.close()
    disk.close()


async def test_a_mailbox_is_in_one_hand_at_a_time_and_two_in_two(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    one, other = session(tmp_path, "one"), session(tmp_path, "other")
    inside, let_go, order = threading.Event(), threading.Event(), list[str]()

    def long(_: InboundWriter) -> None:
        inside.set()
        assert let_go.wait(TIMEOUT)
        order.append("long")

    async with asyncio.timeout(TIMEOUT):
        first = asyncio.create_task(mailboxes.use(one, long))
        await asyncio.to_thread(inside.wait, TIMEOUT)
        second = asyncio.create_task(mailboxes.use(one, lambda _: order.append("short")))
        await mailboxes.use(other, lambda _: order.append("elsewhere"))
        let_go.set()
        await asyncio.gather(first, second)
    assert order == ["elsewhere", "long", "short"]


def _holds(database: Path) -> dict[str, int]:
    """Bytes of memory that SQLite has in use for the one connection of this file."""
    [connection] = [each for each in apsw.connections() if each.filename == str(database.resolve())]
    return {
        "pages": connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0],
        "statements": connection.status(apsw.SQLITE_DBSTATUS_STMT_USED)[0],
        "set aside": connection.status(apsw.SQLITE_DBSTATUS_LOOKASIDE_HIT)[1],  # how often it was of use
    }


async def test_a_mailbox_at_rest_keeps_no_pages_and_no_statement_of_many_columns(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    """A host keeps hundreds of them open."""
    one, within = session(tmp_path, "one"), dict[str, int]()

    def use(writer: InboundWriter) -> None:
        say(writer, "m")
        assert writer.message("m") in writer.pending()
        assert writer.message_on_platform(one.address, "p") is None
        assert writer.parcels_of("o") == writer.open_parcels() == []
        assert writer.states_answering("m", one.address) == set()
        within.update(_holds(one.folder.inbound_db))

    await mailboxes.use(one, use)
    after = _holds(one.folder.inbound_db)
    assert within["pages"] > 20_000
    assert after["pages"] < 6_000  # the first
    assert after["statements"] < 40_000  # five of all columns would take fifty thousand more
    assert after["set aside"] == 0
    assert await mailboxes.use(one, lambda writer: writer.message("m")) is not None


async def test_pages_are_given_back_also_by_a_function_that_fails(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    one = session(tmp_path, "one")

    def fails(writer: InboundWriter) -> None:
        say(writer, "m")
        raise Full(one.folder.inbound_db, "of something else")

    with pytest.raises(Full):
        await mailboxes.use(one, fails)
    assert _holds(one.folder.inbound_db)["pages"] < 6_000


class Damaging(ThreadDisk):
    """Something overwrites a file before the nth job from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs, self.path = -1, Path()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.jobs -= 1
        if self.jobs == 0 and self.path.exists():
            self.path.write_bytes(b"\x55" * self.path.stat().st_size)
        return await super().run(function, *args, **kwargs)


async def test_damage_at_any_moment_of_the_opening_is_set_aside_and_the_file_made_again(
    tmp_path: Path,
) -> None:
    disk = Damaging()
    db = await HostDB.open(tmp_path / "host.db", disk)
    kept = 0
    for number in range(1, 12):
        one, mailboxes = session(tmp_path, f"s{number}"), Mailboxes(disk, db, lambda: NOW)
        await mailboxes.use(one, lambda writer: say(writer, "m"))
        await mailboxes.close()
        one.in_ledger = False
        mailboxes = Mailboxes(disk, db, lambda: NOW)
        disk.jobs, disk.path = number, one.folder.inbound_db
        with contextlib.suppress(SessionError):
            await mailboxes.use(one, lambda writer: say(writer, "n"))
        disk.jobs = -1
        await mailboxes.use(one, lambda writer: say(writer, "o"))
        await mailboxes.close()
        kept += len(list(one.folder.inbound_db.parent.glob("*.damaged-*")))
    await db.close()
    disk.close()
    assert kept > 3


async def test_closing_waits_for_whoever_is_at_a_file(tmp_path: Path, mailboxes: Mailboxes) -> None:
    """A connection cannot be closed under a statement: the host ended with that error."""
    one = session(tmp_path, "one")
    inside, let_go, order = threading.Event(), threading.Event(), list[str]()

    def long(writer: InboundWriter) -> None:
        inside.set()
        assert let_go.wait(TIMEOUT)
        say(writer, "a")
        order.append("said")

    async with asyncio.timeout(TIMEOUT):
        using = asyncio.create_task(mailboxes.use(one, long))
        await asyncio.to_thread(inside.wait, TIMEOUT)
        closing = asyncio.create_task(mailboxes.close())
        closing.add_done_callback(lambda _: order.append("closed"))
        let_go.set()
        await asyncio.gather(using, closing)
        await asyncio.sleep(0)
    assert order == ["said", "closed"]


async def test_a_disk_that_fails_within_a_savepoint_fails_in_words(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    """SQLite rolls back the whole transaction, the savepoint with it."""

    def fails(writer: InboundWriter) -> None:
        with writer.writing(), writer.alone():
            writer._connection.execute("ROLLBACK")
            raise apsw.IOError("disk I/O error")

    one = session(tmp_path, "one")
    with pytest.raises(Full, match="disk I/O error"):
        await mailboxes.use(one, fails)
    assert await mailboxes.use(one, lambda writer: say(writer, "a")) == 2


async def test_a_function_that_raises_leaves_the_mailbox_usable(tmp_path: Path, mailboxes: Mailboxes) -> None:
    def broken(_: InboundWriter) -> None:
        raise LookupError

    one = session(tmp_path, "one")
    with pytest.raises(LookupError):
        await mailboxes.use(one, broken)
    assert await mailboxes.use(one, lambda writer: say(writer, "a")) == 2


async def test_the_least_recently_used_is_closed_and_opened_again_when_needed(
    tmp_path: Path, mailboxes: Mailboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "OPEN_CONNECTIONS", 2)
    seen: dict[str, list[InboundWriter]] = {}

    def note(name: str, writer: InboundWriter) -> None:
        if writer not in seen.setdefault(name, []):
            seen[name].append(writer)
            say(writer, f"m{len(seen[name])}")

    places = {name: session(tmp_path, name) for name in ("a", "b", "c")}
    for name in ("a", "b", "a", "c", "a", "b"):  # `b` was used longest ago when `c` came
        await mailboxes.use(places[name], lambda writer, name=name: note(name, writer))  # type: ignore[misc]
    assert {name: len(writers) for name, writers in seen.items()} == {"a": 1, "b": 2, "c": 1}
    assert len(await mailboxes.use(places["b"], lambda writer: writer.pending())) == 2


async def test_many_at_once_open_and_close_beside_each_other(
    tmp_path: Path, mailboxes: Mailboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "OPEN_CONNECTIONS", 3)
    places = [session(tmp_path, f"s{number}") for number in range(30)]
    for round_ in range(3):
        said = [
            mailboxes.use(place, lambda writer, id_=f"m{round_}": say(writer, id_))  # type: ignore[misc]
            for place in places
        ]
        assert await asyncio.gather(*said) == [2 * round_ + 2] * len(places)
    assert len(mailboxes._open) <= 3


async def test_a_lost_file_begins_above_what_it_had_given_out(
    tmp_path: Path, mailboxes: Mailboxes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert await mailboxes.use(session(tmp_path, "lost", 40), lambda writer: say(writer, "a")) > 40
    assert [getattr(record, "action", "") for record in caplog.records] == ["inbound_remade"]


async def test_a_place_where_no_folder_can_be_made_is_a_full_disk_to_those_who_wait(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Full):
        await mailboxes.use(session(tmp_path / "file", "one"), lambda writer: writer.pending())


async def test_a_file_that_goes_away_or_is_exchanged_under_an_open_mailbox_is_made_again(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    one = session(tmp_path, "one", 2)
    first = await mailboxes.use(one, lambda writer: say(writer, "a"))
    one.folder.inbound_db.unlink()
    second = await mailboxes.use(one, lambda writer: say(writer, "b"))
    one.folder.inbound_db.unlink()
    one.folder.inbound_db.touch()
    third = await mailboxes.use(one, lambda writer: say(writer, "c"))
    assert first < second
    assert first < third
    assert [message.id for message in await mailboxes.use(one, lambda writer: writer.pending())] == ["c"]


async def test_a_file_that_goes_away_while_it_is_opened_is_made_again(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    """The host went on with a file that has no name any more, and every runner found none."""
    one = session(tmp_path, "one")
    one.seq_high_water = first = await mailboxes.use(one, lambda writer: say(writer, "a"))
    await mailboxes.close()
    path = one.folder.inbound_db
    busy = apsw.Connection(str(path))
    busy.execute("BEGIN EXCLUSIVE")
    opening = asyncio.create_task(mailboxes.use(one, lambda writer: say(writer, "b")))
    async with asyncio.timeout(TIMEOUT):
        await asyncio.to_thread(until, lambda: _times_open(path) == 2)
        path.unlink()
        busy.close()
        assert await opening > first
    seen = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert seen.execute("SELECT id FROM messages_in").fetchall() == [("b",)]
    seen.close()


def _times_open(path: Path) -> int:
    return [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()].count(str(path))


class Counting(ThreadDisk):
    """Counts the visits to a thread."""

    visits = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.visits += 1
        return await super().run(function, *args, **kwargs)


async def test_a_kept_file_costs_one_visit_to_a_thread_and_one_that_was_exchanged_gets_the_work_once(
    tmp_path: Path,
) -> None:
    disk, one = Counting(), session(tmp_path, "one")
    db = await HostDB.open(tmp_path / "host.db", disk)
    mailboxes = Mailboxes(disk, db, lambda: NOW)
    done = list[int]()
    try:
        await mailboxes.use(one, lambda writer: say(writer, "a"))
        before = disk.visits
        for number in range(5):
            await mailboxes.use(one, lambda writer, id_=f"b{number}": say(writer, id_))  # type: ignore[misc]
        assert disk.visits - before == 5
        one.folder.inbound_db.rename(tmp_path / "elsewhere")
        await mailboxes.use(one, lambda writer: done.append(say(writer, "c")))
        assert [m.id for m in await mailboxes.use(one, lambda writer: writer.pending())] == ["c"]
    finally:
        await mailboxes.close()
        await db.close()
        disk.close()
    assert len(done) == 1


async def test_what_a_function_finds_damaged_elsewhere_leaves_the_mailbox_where_it_is(
    tmp_path: Path, mailboxes: Mailboxes
) -> None:
    one = session(tmp_path, "one")
    seen = list[InboundWriter]()

    def finds(writer: InboundWriter) -> None:
        seen.append(writer)
        raise Damaged(one.folder.outbound_db, "not a database")

    for _ in range(2):
        with pytest.raises(Damaged):
            await mailboxes.use(one, finds)
    assert seen[0] is seen[1]
    assert one.damaged == ""


@pytest.mark.parametrize(
    "foreign", ["", "PRAGMA user_version = -5", "CREATE TABLE inbox (a)", "PRAGMA user_version = 3"]
)
async def test_a_damaged_host_db_is_refused_with_its_remedy(tmp_path: Path, foreign: str) -> None:
    if foreign:
        changed(tmp_path / "host.db", foreign)
    else:
        (tmp_path / "host.db").write_bytes(b"not a database" * 400)
    disk = ThreadDisk()
    with pytest.raises(Damaged, match="backup"):
        await HostDB.open(tmp_path / "host.db", disk)
    disk.close()


def changed(path: Path, sql: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA user_version = -5",
        "PRAGMA user_version = 0",
        "ALTER TABLE messages_in DROP COLUMN content",
        "DROP TABLE delivered",
        "CREATE TRIGGER no BEFORE INSERT ON messages_in BEGIN SELECT RAISE(ABORT, 'no'); END",
    ],
)
async def test_a_file_with_other_tables_than_ours_is_set_aside_and_another_is_made(
    tmp_path: Path, mailboxes: Mailboxes, sql: str
) -> None:
    """What came in was accepted and never answered, and nobody was told."""
    one = session(tmp_path, "one")
    async with asyncio.timeout(TIMEOUT):
        one.seq_high_water = await mailboxes.use(one, lambda writer: say(writer, "first"))
        await mailboxes.close()
        changed(one.folder.inbound_db, sql)
        assert await mailboxes.use(one, lambda writer: say(writer, "second")) > 2
    assert len(list(one.folder.inbound.glob("inbound.db.damaged-*"))) == 1


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "left").write_text("by somebody")


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.symlink_to("/nowhere/else")


@pytest.mark.parametrize("odd", [a_folder, a_fifo, a_link])
@pytest.mark.parametrize("which", ["inbound.db", "inbound.db-journal"])
async def test_what_is_no_file_in_the_place_of_one_is_set_aside_and_another_is_made(
    tmp_path: Path, mailboxes: Mailboxes, odd: Callable[[Path], None], which: str
) -> None:
    """What came in was accepted and never answered, and a FIFO held up the thread that opened it."""
    one = session(tmp_path, "one")
    async with asyncio.timeout(TIMEOUT):
        high = await mailboxes.use(one, lambda writer: say(writer, "first"))
        path = one.folder.inbound / which
        path.unlink(missing_ok=True)
        if odd is a_fifo:  # whose file is open would wait for it
            await mailboxes.close()
        odd(path)
        one.seq_high_water = high
        with contextlib.suppress(Unavailable):  # where the connection was open, the next use finds another
            await mailboxes.use(one, lambda writer: say(writer, "second"))
        assert await mailboxes.use(one, lambda writer: say(writer, "second")) > high
    assert len(list(one.folder.inbound.glob("inbound.db.damaged-*"))) >= 1
    assert one.remade
