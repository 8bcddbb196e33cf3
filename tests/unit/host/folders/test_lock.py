"""One host a folder: a second one is refused at once, and a command that only looks keeps none from starting."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from host.folders import lock
from host.folders.lock import DataFolderError, DataLock, held


def look(data: Path) -> int:
    """What `held` has for a moment, kept."""
    fd = os.open(data / "host.lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_SH)
    return fd


def test_a_start_waits_for_a_look_and_is_refused_by_a_host(tmp_path: Path) -> None:
    looking = look(tmp_path)
    taken: list[DataLock] = []
    starts = threading.Thread(target=lambda: taken.append(DataLock(tmp_path)))
    starts.start()
    starts.join(0.1)  # it may have met the look by then, or not: both end the same
    assert not taken
    os.close(looking)
    starts.join()
    assert held(tmp_path)
    with pytest.raises(DataFolderError, match="another dovecote is running"):
        DataLock(tmp_path)
    assert (tmp_path / "host.lock").read_text() == f"{os.getpid()}\n"
    taken[0].release()
    assert not held(tmp_path)


def test_of_two_starts_that_meet_a_look_one_begins(tmp_path: Path) -> None:
    looking = look(tmp_path)
    taken: list[DataLock] = []
    refused: list[DataFolderError] = []

    def start() -> None:
        try:
            taken.append(DataLock(tmp_path))
        except DataFolderError as error:
            refused.append(error)

    starts = [threading.Thread(target=start) for _ in range(2)]
    for one in starts:
        one.start()
    os.close(looking)
    for one in starts:
        one.join()
    assert (len(taken), len(refused)) == (1, 1)
    taken[0].release()


def test_a_look_that_does_not_end_is_no_second_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    looking = look(tmp_path)
    with pytest.raises(DataFolderError, match="a command that looks at this folder does not end"):
        DataLock(tmp_path)
    os.close(looking)
