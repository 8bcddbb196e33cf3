"""What can go wrong with a session's files.

SessionError
├── Unavailable      the file is locked or mid-recovery: look again at the next tick
│   └── Missing      there is no such file, or nothing was ever committed to it
├── Damaged          not a database, malformed, or not one of ours
├── Full             no space or the file may not be written; nothing was changed
└── Incompatible     the file speaks another contract version (`.found`, `.expected`)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw


class SessionError(Exception):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")
        self.path = path
        self.reason = reason


class Unavailable(SessionError):
    pass


class Missing(Unavailable):
    pass


class Damaged(SessionError):
    pass


class Full(SessionError):
    pass


class Incompatible(SessionError):
    def __init__(self, path: Path, found: int, expected: int) -> None:
        super().__init__(path, f"contract version {found}, this program speaks {expected}")
        self.found = found
        self.expected = expected


# A hot journal under a read-only open gives ReadOnlyError at once, whatever the busy timeout: it is "not now".
_UNAVAILABLE = (apsw.BusyError, apsw.LockedError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.ProtocolError)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.SchemaChangeError, apsw.FormatError)
SQLITE = apsw.Error  # whatever SQLite raises, for those who may not open a database themselves
_FULL = (apsw.FullError, apsw.IOError, apsw.PermissionsError, apsw.TooBigError)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns apsw's errors into this module's, once, at the edge."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise Unavailable(path, str(error)) from error
    except _DAMAGED as error:
        raise Damaged(path, str(error)) from error
    except _FULL as error:
        raise Full(path, str(error)) from error
