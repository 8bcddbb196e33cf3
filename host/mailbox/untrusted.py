"""How the host touches outbound.db: a read-only VFS of SQLite for files that an enemy may change under its eyes (law 8).

SQLite's own VFS opens what lies at a path and believes it: a FIFO in the journal's place blocks a thread for ever, a header
that says WAL makes it create files beside the database and map memory that the other side can cut off (SIGBUS ends the
host). This one opens by itself, looks at what the descriptor is, knows no WAL and never writes. Its locks belong to the
descriptor where the kernel offers that, so that no other close in the process drops them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from pathlib import Path
from typing import Any

import apsw

NAME = "dovecote-untrusted"
LARGEST_FILE = 2 * 1024**3  # bytes; an outbound.db beyond it is no conversation

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SET_LOCK = getattr(fcntl, "F_OFD_SETLK", fcntl.F_SETLK)
_PENDING, _RESERVED, _SHARED, _SHARED_BYTES = 0x40000000, 0x40000001, 0x40000002, 510  # SQLite's own bytes
_FLOCK = "hhqqi4x"


def _lock(kind: int, start: int, length: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)


_WAIT, _READ = _lock(fcntl.F_RDLCK, _PENDING, 1), _lock(fcntl.F_RDLCK, _SHARED, _SHARED_BYTES)
_GO_ON, _LET_GO = _lock(fcntl.F_UNLCK, _PENDING, 1), _lock(fcntl.F_UNLCK, _PENDING, 2 + _SHARED_BYTES)
_ASK = _lock(fcntl.F_WRLCK, _RESERVED, 1)


class NotRegular(apsw.CantOpenError):
    """What lies there is no regular file of a reasonable size."""


class UntrustedFile:
    """One open file, read-only. SQLite asks a reader's descriptor for SHARED and NONE and nothing else."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path, _FLAGS)
        except OSError as error:
            raise apsw.CantOpenError(error.strerror) from error
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_FILE:
            os.close(self._fd)
            raise NotRegular(Path(path).name)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's names
        try:
            return os.pread(self._fd, amount, offset)
        except OSError as error:
            raise apsw.IOError(error.strerror) from error

    def xFileSize(self) -> int:  # noqa: N802
        return os.fstat(self._fd).st_size

    def xLock(self, level: int) -> None:  # noqa: N802
        """PENDING first: a writer that waits for readers to go must not starve."""
        if level != apsw.SQLITE_LOCK_SHARED:
            raise apsw.ReadOnlyError("the host never writes this file")
        self._set(_WAIT)
        try:
            self._set(_READ)
        finally:
            self._set(_GO_ON)

    def xUnlock(self, level: int) -> None:  # noqa: N802
        if level == apsw.SQLITE_LOCK_NONE:
            self._set(_LET_GO)

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """Whether a writer is at work: then the journal is in use and not hot."""
        found = fcntl.fcntl(self._fd, getattr(fcntl, "F_OFD_GETLK", fcntl.F_GETLK), _ASK)
        return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0

    def xClose(self) -> None:  # noqa: N802
        os.close(self._fd)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        raise apsw.ReadOnlyError("the host never writes this file")

    def xTruncate(self, size: int) -> None:  # noqa: N802
        raise apsw.ReadOnlyError("the host never writes this file")

    def xSync(self, flags: int) -> None:  # noqa: N802
        return

    def _set(self, lock: bytes) -> None:
        try:
            fcntl.fcntl(self._fd, _SET_LOCK, lock)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise apsw.BusyError("locked by a writer") from error
            raise apsw.IOError(error.strerror) from error


def refusal(path: Path) -> str:
    """Why the file at `path` can never be read, in words; '' when it only cannot be read now.

    Its descriptor is its own: where locks belong to descriptors, closing it drops nobody's.
    """
    for name in (path, path.with_name(f"{path.name}-journal")):
        try:
            found = os.lstat(name)
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            return f"{name.name} is no regular file"
        if found.st_size > LARGEST_FILE:
            return f"{name.name} has {found.st_size} bytes"
    try:
        file = UntrustedFile(str(path))
    except apsw.CantOpenError:
        return ""
    try:
        header = file.xRead(100, 0)
    finally:
        file.xClose()
    return "it asks for a write-ahead log" if 2 in header[18:20] else ""


class UntrustedVFS(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(NAME, "unix")

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> Any:  # noqa: N802
        if name is None or not flags[0] & (apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_MAIN_JOURNAL):
            raise apsw.CantOpenError("only the database and its journal are opened")
        flags[1] = apsw.SQLITE_OPEN_READONLY
        return UntrustedFile(name.filename() if isinstance(name, apsw.URIFilename) else name)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        """A WAL counts as absent; an empty journal too, as in SQLite's own VFS."""
        if name.endswith("-wal"):
            return False
        try:
            found = os.lstat(name)
        except OSError:
            return False
        return not stat.S_ISREG(found.st_mode) or found.st_size > 0

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        raise apsw.IOError("the host deletes nothing here")


_registered = UntrustedVFS()
