"""A lock that keeps nobody out is found by a second process, and said with its remedy."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest

from host.cli.looks import folder
from host.folders import exclusion


def second(*lines: str) -> tuple[str, ...]:
    """A process as on a disk of the kind; what follows its name is the file."""
    return (sys.executable, "-I", "-S", "-c", "\n".join(lines))


def test_a_local_disk_keeps_a_second_process_out_of_both_locks(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with path.open("w+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fcntl.lockf(held, fcntl.LOCK_EX)
        assert exclusion.let_in(held.fileno()) == ()


@pytest.mark.parametrize(
    ("lock", "given"),
    [(fcntl.flock, "of ranges (fcntl, SQLite's)"), (fcntl.lockf, "of whole files (flock)")],
    ids=["only whole files", "only ranges"],
)
def test_the_lock_that_is_not_kept_is_named(tmp_path: Path, lock: object, given: str) -> None:
    path = tmp_path / "held"
    with path.open("w+b") as held:
        assert callable(lock)
        lock(held, fcntl.LOCK_EX)
        assert exclusion.let_in(held.fileno()) == (given,)


def test_a_share_on_which_every_opener_has_a_lock_of_its_own_is_refused_in_words(tmp_path: Path) -> None:
    """As SMB mounted with `nobrl` does it: the second opener asks, and is given."""
    generous = second("print('flock')", "print('lockf')")
    [found] = [each for each in folder.findings(tmp_path, generous) if not each.well]
    assert found.stops
    assert found.sentence == (
        f"Data folder: {tmp_path}: its file system gives one lock to two processes: of whole files (flock),"
        " of ranges (fcntl, SQLite's). Set `data` to a folder on a local disk, or mount the share with locks that all"
        " of its users see (SMB without `nobrl`, NFS without `nolock`)."
    )


def test_a_lock_that_cannot_be_tried_is_said_and_not_taken_for_one_that_holds(tmp_path: Path) -> None:
    [found] = [each for each in folder.findings(tmp_path, second("raise SystemExit(1)")) if not each.well]
    assert found.stops
    assert "a second process cannot open what the first has made there" in found.sentence


def test_a_lock_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusion, "WITHIN", 0.2)
    waiting = second("import threading", "threading.Event().wait()")
    [found] = [each for each in folder.findings(tmp_path, waiting) if not each.well]
    assert "a lock there is neither given nor refused" in found.sentence


def test_trying_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    assert all(found.well for found in folder.findings(tmp_path))
    assert list(tmp_path.iterdir()) == []
