"""A disk on which every sync takes its time, for the host of a test and its runners (PYTEST_DONT_REWRITE: no test itself).

`python -m tests.support.slow_disk` is a runner on such a disk; DATA/sync says for how many seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from runner import __main__ as runner
from sessiondb import connection

NAME = "slow"


class _File(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], seconds: float) -> None:
        super().__init__("unix", name, flags)
        self._seconds = seconds

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        time.sleep(self._seconds)
        super().xSync(flags)


class SlowDisk(apsw.VFS):
    def __init__(self, seconds: float) -> None:
        super().__init__(NAME, "unix")
        self._seconds = seconds

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(name, flags, self._seconds)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        if syncdir:
            time.sleep(self._seconds)


@contextmanager
def syncing_for(seconds: float, data: Path) -> Iterator[None]:
    """In this process, and in runners of that data folder that are started by this module."""
    (data / "sync").write_text(str(seconds))
    disk = SlowDisk(seconds)
    connection.vfs = NAME
    try:
        yield
    finally:
        connection.vfs = None
        disk.unregister()


def main() -> int:
    data = Path(os.environ["DOVECOTE_SESSION_DIR"]).parents[1]
    with syncing_for(float((data / "sync").read_text()), data):
        return runner.main()


if __name__ == "__main__":
    sys.exit(main())
