"""The data folder and its file system: may it be written, has it room, locks and FIFOs?"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from host.folders import exclusion, lock, modes
from host.ports import faults
from host.ports.findings import Finding
from sessiondb.signals import Bell

LITTLE_SPACE = 2 * 1024**3  # bytes free under which a data folder is worth a remark
NO_SPACE = 16 * 1024**2  # bytes free under which nothing is begun: a session's two files and a log need some
NO_FILES = 200  # inodes, likewise
OWN_LOCKS = (
    "Set `data` to a folder on a local disk, or mount the share with locks that all of its users see"
    " (SMB without `nobrl`, NFS without `nolock`)"
)
TRIED = bytes(4096)  # what is written to find out
NAMELESS = {
    errno.EOPNOTSUPP,
    errno.EISDIR,
    errno.EINVAL,
    errno.ENOENT,
}  # no file without a name: NFS, older kernels


def findings(data: Path, second: Sequence[str] = exclusion.SECOND) -> Iterator[Finding]:
    """Ends after the first that makes the others pointless. What is tried in the folder leaves nothing there."""
    if data.is_symlink() and not data.exists():
        words = faults.Words("it is a link that leads nowhere", "Correct or remove it")
        yield _not_well("Data folder", data, words)
        return
    if data.exists() and not data.is_dir():
        yield _not_well("Data folder", data, faults.of_disk(NotADirectoryError(errno.ENOTDIR, "")))
        return
    place = data if data.is_dir() else faults.nearest(data)
    try:
        shared = _try(place, second)
    except OSError as error:
        yield _not_well("Data folder", data, faults.of_disk(error, place))
        return
    if shared:
        given = f"its file system gives one lock to two processes: {', '.join(shared)}"
        yield _not_well("Data folder", data, faults.Words(given, OWN_LOCKS))
        return
    yield Finding("Data folder", True, f"{data.resolve()}, {_state(data)}")
    if data.is_dir() and (open_to := modes.openness(data)):
        yield Finding("Data folder", False, f"{data}: {open_to}", modes.REMEDY)
    yield from _room(data, place)
    if data.is_dir():
        yield _bells(data)


def _not_well(what: str, data: Path, words: faults.Words) -> Finding:
    return Finding(what, False, f"{data}: {words.problem}", words.remedy, stops=True)


def _state(data: Path) -> str:
    if not data.is_dir():
        return "made at the first start"
    return "a host runs on it" if lock.held(data) else "no host runs on it"


def _try(folder: Path, second: Sequence[str]) -> tuple[str, ...]:
    """Writes, syncs and locks a file that never has a name. Returns the locks that a second process got as well.

    Raises `OSError`.
    """
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "")
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        raise OSError(errno.EROFS if read_only else errno.EACCES, "")
    with _scratch(folder) as fd:
        os.write(fd, TRIED)
        os.fsync(fd)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the host's, the runners'
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # SQLite's
        return exclusion.let_in(fd, second)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[int]:
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in NAMELESS:
            raise
        path = folder / f".doctor-{secrets.token_hex(8)}"
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        path.unlink()
    try:
        yield fd
    finally:
        os.close(fd)


def _room(data: Path, place: Path) -> Iterator[Finding]:
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    if free < NO_SPACE:
        yield _not_well("Space", data, faults.of_disk(OSError(errno.ENOSPC, ""), place))
    elif free < LITTLE_SPACE:
        seen = f"{data}: {free // 1024**2} MiB are free"
        yield Finding("Space", True, seen, "Make room on its file system before they are used up")
    else:
        yield Finding("Space", True, f"{free / 1024**3:,.0f} GiB are free")
    if found.f_files and found.f_favail < NO_FILES:
        seen = f"{data}: no more than {found.f_favail} files fit on its file system (inodes)"
        yield Finding(
            "Files", False, seen, "Delete files there, or set `data` to a folder on another one", True
        )


def _bells(data: Path) -> Finding:
    mark = data / f".doctor-{secrets.token_hex(8)}"
    before = data.stat()
    try:
        fifos = Bell.make(mark)
    finally:
        with contextlib.suppress(OSError):
            mark.unlink(missing_ok=True)
            os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    if fifos:
        return Finding("File system", True, "locks and FIFOs work")
    remedy = (
        "Answers come a little later; a folder on a local file system has them, or set host.bells = false"
    )
    return Finding("Bells", True, "its file system has no FIFOs, so polling takes their place", remedy)
