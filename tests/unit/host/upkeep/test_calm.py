"""Whom the sweep passes over: sessions where nothing has moved since a look that found nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from host.registry.sessions import Session
from host.upkeep.calm import ROUNDS, Calm, Seen, stamps
from sessiondb import SessionFolder
from sessiondb.records import Address


@pytest.fixture
def session(tmp_path: Path) -> Session:
    folder = SessionFolder(tmp_path / "s1")
    folder.create()
    for path in (folder.inbound_db, folder.outbound_db):
        write(path, b"1")
    return Session("s1", "default", Address("console", "w", "c"), "public", folder)


def write(path: Path, data: bytes, at: int = 1_000) -> None:
    """Long ago, for what is young may be written again unseen."""
    path.write_bytes(data)
    os.utime(path, (at, at))


def seen(session: Session, work: int = 3) -> Seen:
    [files] = stamps([session])
    return Seen(work, files)


def test_nobody_is_passed_over_before_a_look(session: Session) -> None:
    assert not Calm().passes(session, seen(session))


def test_a_session_in_which_nothing_moves_is_passed_over_and_yet_looked_at_now_and_then(
    session: Session,
) -> None:
    calm = Calm()
    calm.note(session, seen(session))
    assert [calm.passes(session, seen(session)) for _ in range(ROUNDS + 1)] == [True] * ROUNDS + [False]
    assert not calm.passes(session, seen(session))  # until the look has found nothing once more


@pytest.mark.parametrize(
    "moves",
    [
        lambda s: write(s.folder.outbound_db, b"22"),
        lambda s: write(s.folder.outbound_db, b"2", at=2_000),
        lambda s: write(s.folder.inbound_db, b"22"),
        lambda s: s.folder.inbound_db.unlink(),
        lambda s: s.folder.outbound_db.unlink(),
        lambda s: setattr(s, "unreadable", "damaged"),
        lambda s: setattr(s, "damaged", "gone"),
    ],
)
def test_whatever_happens_to_its_files_ends_the_calm(
    session: Session, moves: Callable[[Session], object]
) -> None:
    calm = Calm()
    calm.note(session, seen(session))
    moves(session)
    assert not calm.passes(session, seen(session))


def test_a_file_that_another_took_the_place_of_ends_the_calm(session: Session) -> None:
    calm = Calm()
    calm.note(session, seen(session))
    other = session.folder.inbound / "other"
    write(other, b"1")
    other.replace(session.folder.inbound_db)
    assert not calm.passes(session, seen(session))


def test_what_came_in_ends_the_calm(session: Session) -> None:
    calm = Calm()
    calm.note(session, seen(session, work=3))
    assert not calm.passes(session, seen(session, work=4))


def test_what_moved_during_the_look_is_no_calm(session: Session) -> None:
    """The look began with what was there before."""
    calm = Calm()
    before = seen(session)
    write(session.folder.outbound_db, b"22")
    calm.note(session, before)
    assert not calm.passes(session, seen(session))


def test_a_file_that_was_written_just_now_may_be_written_again_unseen(session: Session) -> None:
    calm = Calm()
    session.folder.outbound_db.write_bytes(b"2")
    calm.note(session, seen(session))
    assert not calm.passes(session, seen(session))


def test_a_session_without_files_is_looked_at(session: Session) -> None:
    session.folder.outbound_db.unlink()
    found = seen(session)
    assert found.files[1] is None
    calm = Calm()
    calm.note(session, found)
    assert not calm.passes(session, found)


def test_one_session_s_calm_says_nothing_of_another(session: Session) -> None:
    calm = Calm()
    calm.note(session, seen(session))
    assert not calm.passes(replace(session, id="s2"), seen(session))
    calm.forget(session)
    assert not calm.passes(session, seen(session))
