"""Whole copies of SQLite files that somebody may be writing, by SQLite's own backup; what they hold is not interpreted."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw

from host.mailbox import shape
from sessiondb.errors import Damaged, Unavailable, translated

PAGES = 2_000  # of one step; whoever writes gets in between two
PATIENT_STEPS = 3  # beginnings anew, because somebody wrote in between, until the rest is copied in one step
BUSY = 10_000  # ms a copy waits for a commit


def copy(source: Path, target: Path) -> None:
    """The file as it was at one moment. Raises `SessionError`."""
    shape.must_be_files(source)  # a container may have put a FIFO there, at which an open waits for ever
    try:
        _by_backup(source, target)
    except (Unavailable, Damaged):
        if not source.with_name(source.name + "-journal").exists():
            raise
        _after_a_crash(source, target)


def _by_backup(source: Path, target: Path) -> None:
    with translated(source):
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW
        read = apsw.Connection(str(source), flags=flags)
        try:
            read.set_busy_timeout(BUSY)
            read.pragma("user_version")  # a file that cannot be read says so here
            written = apsw.Connection(str(target))
            try:
                written.pragma("synchronous", "off")  # a copy that a crash leaves is nobody's
                with written.backup("main", read, "main") as backup:
                    _all_pages(backup)
                written.pragma("journal_mode", "delete")  # a copy is one file
            finally:
                written.close()
        finally:
            read.close()


def _all_pages(backup: apsw.Backup) -> None:
    left, anew = None, 0
    while not backup.step(PAGES if anew < PATIENT_STEPS else -1):
        anew += left is not None and backup.remaining >= left
        left = backup.remaining


def _after_a_crash(source: Path, target: Path) -> None:
    """Its writer died within a commit, and nobody has come since to undo it: that is done in the copy."""
    journal = source.with_name(source.name + "-journal")
    beside = target.with_name(target.name + "-journal")
    try:
        shutil.copyfile(journal, beside, follow_symlinks=False)
        shutil.copyfile(source, target, follow_symlinks=False)
    except FileNotFoundError:  # its writer came back meanwhile
        beside.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        _by_backup(source, target)
        return
    with translated(target):
        connection = apsw.Connection(str(target))
        try:
            sound = connection.pragma("quick_check", 1) == "ok"
        finally:
            connection.close()
    if not sound:
        raise Damaged(source, "its last commit was cut off and cannot be undone")
