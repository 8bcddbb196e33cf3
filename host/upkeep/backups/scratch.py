"""Where a backup copies on its way: a folder of its own, in the data folder or in memory.

Who makes one holds its lock for as long. A folder that nobody holds was left by a process that was killed: the next backup
and the next start take it away, for it holds what people wrote.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
COPYING, RESTORING = ".dovecote-copying-", ".restoring-"  # how their names begin
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder(place: Path) -> Iterator[Path]:
    """Empty, and gone afterwards. Raises `OSError`."""
    path, lock = _begun(place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def clear(*places: Path) -> None:
    """Takes away what nobody holds."""
    for place in places:
        for path in place.glob(f"{COPYING}*"):
            with contextlib.suppress(OSError), _held(path, _FOLDER):
                shutil.rmtree(path, ignore_errors=True)


def clear_restored(data: Path) -> None:
    """What a `restore` that was killed left; the caller has the data folder's lock, which one that lives would have."""
    for path in data.glob(f"{RESTORING}*"):
        shutil.rmtree(path, ignore_errors=True)


def is_one(path: Path) -> bool:
    return path.name.startswith((COPYING, RESTORING))


def file(name: Callable[[], Path]) -> tuple[Path, int]:
    """A new one, open for writing and readable by its owner alone; it counts as ours until it is closed. Raises `OSError`."""
    while True:
        path = name()
        written = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _hold(written)
        if path.exists():
            return path, written
        os.close(written)  # taken away before it was held


def clear_file(path: Path) -> bool:
    """Whether it was a file of ours that nobody holds: it is gone then."""
    try:
        with _held(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) as found:
            if not stat.S_ISREG(found.st_mode):
                return False
            path.unlink()
    except OSError:
        return False
    return True


def _hold(descriptor: int) -> None:
    """Keeps others from taking it for left, until it is closed; where there are no locks, none does."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _begun(place: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=COPYING, dir=place))
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(path, _FOLDER)
            _hold(lock)
            if path.exists():
                return path, lock
            os.close(lock)  # taken away before it was held


@contextmanager
def _held(path: Path, how: int) -> Iterator[os.stat_result]:
    """Raises `OSError` where somebody holds it, or it is not ours."""
    lock = os.open(path, how)
    try:
        found = os.fstat(lock)
        if found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it is somebody else's")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield found
    finally:
        os.close(lock)
