"""Each fault of a disk or of the records has words of its own, and a remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import apsw
import pytest

from host.config import ConfigError, Fault
from host.ports import faults
from sessiondb import Damaged, Full, Incompatible, Unavailable


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.EROFS, "its file system can only be read"),
        (errno.EDQUOT, "this user's quota is used up"),
        (errno.ENOTDIR, "there is a file where a folder has to be"),
        (errno.EISDIR, "there is a folder where a file has to be"),
        (errno.ELOOP, "its links lead in a circle"),
        (errno.EIO, "its disk reports errors"),
        (errno.EMFILE, "too many files are open"),
        (errno.ENOLCK, "its file system has no locks"),
        (errno.ENAMETOOLONG, "its path is too long"),
        (errno.EADDRINUSE, "another program listens there"),
    ],
)
def test_what_the_kernel_says_is_said_in_words_with_a_remedy(number: int, problem: str) -> None:
    words = faults.of_disk(OSError(number, os.strerror(number), "/data/x"))
    assert words.problem == problem
    assert len(words.remedy) > 5
    assert faults.of(OSError(number, os.strerror(number), "/data/x")) == f"/data/x: {words}"


def test_what_nobody_foresaw_keeps_the_kernel_s_words() -> None:
    words = faults.of_disk(OSError(errno.EXDEV, os.strerror(errno.EXDEV)))
    assert words.problem == "invalid cross-device link"
    assert "log" in words.remedy


def test_a_full_disk_and_one_without_inodes_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no space is left" in faults.no_room(tmp_path / "not" / "there").problem
    full = os.statvfs_result((4096, 4096, 100, 50, 50, 1000, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert "no inodes" in faults.no_room(tmp_path).problem


def test_whose_a_forbidden_folder_is_stands_in_the_sentence(tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data"))
    mine = str(faults.of_disk(denied))
    assert "may not write there" in mine
    theirs = str(faults.of_disk(PermissionError(errno.EACCES, "", "/proc/1/x")))
    assert ("it belongs to root" in theirs) == (os.getuid() != 0)


def test_the_nearest_folder_that_is_there_is_found(tmp_path: Path) -> None:
    assert faults.nearest(tmp_path / "a" / "b") == tmp_path
    (tmp_path / "dangling").symlink_to("nowhere")
    assert faults.nearest(tmp_path / "dangling") == tmp_path / "dangling"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Incompatible(Path("host.db"), 9, 3), "a newer Dovecote wrote it (version 9, this one knows 3)"),
        (Incompatible(Path("host.db"), 1, 3), "an older Dovecote wrote it (version 1, this one reads 3)"),
        (Damaged(Path("data/host.db"), "malformed"), "host.db: it is damaged. Move host.db, host.db-wal"),
        (Damaged(Path("x/inbound.db"), "malformed"), "inbound.db: it is damaged. The host puts it aside"),
        (Unavailable(Path("host.db"), "database is locked"), "another program holds it"),
        (Full(Path("host.db"), "database or disk is full"), "no space is left"),
        (Unavailable(Path("host.db"), "not there yet: nobody ran"), "Start one: `dovecote up`"),
    ],
)
def test_what_is_wrong_with_the_records_is_said_with_the_file_and_a_remedy(
    error: Exception, words: str
) -> None:
    assert words in faults.of(error)


def test_what_sqlite_says_in_mid_reading_is_said_of_host_db() -> None:
    assert faults.of(apsw.CorruptError("malformed")).startswith("host.db: it is damaged.")
    assert faults.of(apsw.SQLError("no such table: x")).startswith("host.db: no such table: x. Move host.db")


def test_every_fault_of_a_file_and_the_first_of_a_group_are_said() -> None:
    both = ConfigError(Path("x.toml"), [Fault("a", "is wrong", "Mend it"), Fault("b", "too", "Mend that")])
    assert faults.of(both).splitlines()[-2:] == [
        "x.toml: a: is wrong. Mend it.",
        "x.toml: b: too. Mend that.",
    ]
    assert faults.of(ExceptionGroup("", [OSError(errno.EROFS, "", "/d")])).startswith("/d: its file system")
    assert faults.of(ValueError()) == "ValueError"
