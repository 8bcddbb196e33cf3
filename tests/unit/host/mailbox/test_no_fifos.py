"""A data folder on a file system without FIFOs: SMB, exFAT, 9p."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sessiondb.signals import Bell


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_fifos_there_are_no_bells(  # disk_no_fifo
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int = 0) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(os, "mkfifo", refuse)
    assert not Bell.make(tmp_path / "one")
    assert Bell.pair(tmp_path / "one", tmp_path / "two") is None


def test_one_bell_without_the_other_is_none(tmp_path: Path) -> None:
    assert Bell.make(tmp_path / "one")
    assert Bell.pair(tmp_path / "one", tmp_path / "two") is None
    assert Bell.make(tmp_path / "two")
    pair = Bell.pair(tmp_path / "one", tmp_path / "two")
    assert pair is not None
    for bell in pair:
        bell.close()


def test_a_disk_that_is_full_is_no_disk_without_fifos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int = 0) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(os, "mkfifo", refuse)
    with pytest.raises(OSError, match="No space"):
        Bell.make(tmp_path / "one")
