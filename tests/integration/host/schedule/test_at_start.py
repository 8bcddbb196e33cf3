"""A start with ten thousand sessions looks into the files that need it, and into no other."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from host.registry import meta
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule import index
from sessiondb import Address
from tests.support.firing import Clock, Life, living

MONDAY = int(datetime(2026, 11, 23, 8, 30, tzinfo=UTC).timestamp() * 1000)
HOUR, DAY = 3_600_000, 86_400_000


def place(number: int) -> Address:
    return Address("memory", "w", f"C{number}", "t1")


async def scheduled(life: Life, count: int) -> list[Session]:
    """So many sessions, each with a task at nine."""
    found = [await life.session(place(number)) for number in range(count)]
    for number, session in enumerate(found):
        await life.schedule(session, "0 9 * * *", name=f"o{number}")
        await life.scheduler.fire()
    return found


def shut(session: Session) -> int:
    """Whoever opens its file now fails, and says so in the log: a newer Dovecote has written it. Returns its version."""
    return _written_by(session, 99)


def opened_again(session: Session, version: int) -> None:
    _written_by(session, version)


def _written_by(session: Session, version: int) -> int:
    with contextlib.closing(apsw.Connection(str(session.folder.inbound_db))) as connection:
        before = int(str(connection.pragma("user_version")))
        connection.pragma("user_version", version)
        return before


def looked(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        vars(record)["session"] for record in caplog.records if getattr(record, "action", "") == "not_fired"
    ]


def _bounds(connection: Statements, session_id: str) -> list[int]:
    sql = "SELECT at FROM due WHERE session_id = ? ORDER BY at"
    return [int(str(at)) for (at,) in connection.execute(sql, (session_id,)).fetchall()]


async def test_a_start_opens_no_file_of_a_session_whose_tasks_are_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        quiet = await scheduled(life, 3)
        await life.scheduler.catch_up()
    versions = [shut(session) for session in quiet]
    clock.at += 1
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
        await life.scheduler.fire()
        assert looked(caplog) == []
        assert all(life.scheduler.has_tasks(session) for session in quiet)
        for session, version in zip(quiet, versions, strict=True):
            opened_again(session, version)
        clock.at += HOUR
        await life.scheduler.fire()
        assert [len(await life.runs(session)) for session in quiet] == [1, 1, 1]


async def test_a_start_with_a_clock_that_was_set_back_looks_everywhere_and_the_next_start_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock(MONDAY + 400 * DAY)
    async with living(tmp_path, clock) as life:
        ahead = await scheduled(life, 3)
        await life.scheduler.catch_up()
    clock.at = MONDAY
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
        assert await life.db.read(index.earliest) == MONDAY + HOUR // 2
    for session in ahead:
        shut(session)
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
    assert looked(caplog) == []


async def test_a_file_that_cannot_be_read_while_the_clock_is_set_back_is_looked_at_as_soon_as_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock(MONDAY + 400 * DAY)
    async with living(tmp_path, clock) as life:
        sick, well = await scheduled(life, 2)
        await life.scheduler.catch_up()
    clock.at = MONDAY
    version = shut(sick)
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
        assert set(looked(caplog)) == {sick.id}
        assert await life.db.read(lambda c: _bounds(c, well.id)) == [MONDAY + HOUR // 2]
    opened_again(sick, version)
    async with living(tmp_path, clock) as life:
        await life.scheduler.fire()
        assert await life.db.read(lambda c: _bounds(c, sick.id)) == [MONDAY + HOUR // 2]


async def test_tasks_of_an_older_host_are_copied_at_the_start(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        [session] = await scheduled(life, 1)
        await life.scheduler.catch_up()
        await life.db.write(lambda c: c.execute("DELETE FROM task_copies").fetchall())
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
        sql = "SELECT session_id FROM task_copies"
        assert await life.db.read(lambda c: c.execute(sql).fetchall()) == [(session.id,)]


async def test_an_index_that_was_lost_holds_no_start_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is made again by the looks that follow, and a host that dies meanwhile goes on where it was."""
    caplog.set_level(logging.WARNING)
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        sessions = await scheduled(life, 3)
        await life.db.write(
            lambda c: c.execute("DELETE FROM due; DELETE FROM meta WHERE key = 'due_complete'").fetchall()
        )
    aside = [shut(session) for session in sessions]
    async with living(tmp_path, clock) as life:
        assert looked(caplog) == []  # it has begun, and has opened nothing
        assert await life.db.read(index.is_complete)
        assert await life.db.read(index.earliest) == 0
    for session, path in zip(sessions, aside, strict=True):
        opened_again(session, path)
    async with living(tmp_path, clock) as life:
        await life.scheduler.fire()
        assert await life.db.read(index.earliest) == MONDAY + HOUR // 2
        clock.at += HOUR
        await life.scheduler.fire()
        assert [len(await life.runs(session)) for session in sessions] == [1, 1, 1]


async def test_the_latest_time_only_rises_until_everything_was_computed_anew(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        for at in (MONDAY + 5, MONDAY + 9, MONDAY + 7):
            await life.db.write(lambda c, at=at: index.note_time(c, at))  # type: ignore[misc]
        assert await life.db.read(index.latest_time) == MONDAY + 9
        await life.db.write(lambda c: index.set_time(c, MONDAY))
        assert await life.db.read(index.latest_time) == MONDAY
        for damage in ("", "soon", "9" * 30, "-1"):
            await life.db.write(lambda c, kept=damage: meta.put(c, index.LATEST, kept))  # type: ignore[misc]
            await life.db.write(lambda c: index.note_time(c, MONDAY))
            await life.scheduler.catch_up()  # which looks at everything
            assert await life.db.read(index.latest_time) == MONDAY, damage
