"""Faults in words: what this machine, its disks and the records say, as one sentence and what to do about it.

The network has a module of its own, `unreachable`.
"""

from __future__ import annotations

import errno
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from host.config import ConfigError
from sessiondb.errors import SQLITE, Damaged, Full, Incompatible, SessionError, Unavailable, translated

RECORDS = "host.db"
DATABASE = "PostgreSQL"
BACKUP = (
    "Move host.db, host.db-wal and host.db-shm aside, all three together, and put those of a backup in their place"
    " (docs/operations.md)"
)


@dataclass(frozen=True, slots=True)
class Words:
    """A fault: what it is, without a full stop, and the remedy, likewise."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}."


def of(error: BaseException) -> str:
    """Any fault that an operator can cure, as its sentence with the remedy."""
    match error:
        case ConfigError():
            return str(error)
        case SessionError():
            return f"{error.path}: {of_records(error)}"
        case SQLITE():
            return _of_sqlite(error)
        case OSError() if error.errno is not None:
            return f"{_where(error)}{of_disk(error)}"
        case BaseExceptionGroup() if error.exceptions:
            return of(error.exceptions[0])
    return str(error) or type(error).__name__


# ── disks ────────────────────────────────────────────────────────────────────────────────────────────────


def of_disk(error: OSError, path: Path | None = None) -> Words:
    """`path` is where it happened, if the error does not say."""
    path = path or (Path(os.fsdecode(error.filename)) if error.filename else None)
    match error.errno:
        case errno.ENOSPC:
            return no_room(path)
        case errno.EACCES | errno.EPERM:
            return _denied(path)
    known = _DISK.get(error.errno or 0)
    return known or Words(
        (error.strerror or str(error)).lower(), "Look into the system's log for what is wrong with its disk"
    )


def no_room(path: Path | None) -> Words:
    """Bytes or files: either may have run out, and the cures differ."""
    try:
        found = os.statvfs(nearest(path or Path()))
    except OSError:
        return _NO_SPACE
    if found.f_bavail and found.f_files and not found.f_favail:
        return Words("no more files fit on its file system (no inodes are free)", "Delete files there")
    return _NO_SPACE


def nearest(path: Path) -> Path:
    """The path itself, or the first folder above it that is there."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - `..` is taken off, links are not followed
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _denied(path: Path | None) -> Words:
    me = _name(os.getuid())
    try:
        owner = _name(nearest(path or Path()).stat().st_uid)
    except OSError:
        owner = "somebody else"
    if owner == me:
        return Words(
            f"{me} may not write there", "Give its owner the right to: `chmod u+rwX`, or set another `data`"
        )
    return Words(
        f"it belongs to {owner}, and this is {me}",
        f"Run dovecote as {owner}, give it to {me} with `chown -R`, or set another `data`",
    )


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _where(error: OSError) -> str:
    return f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""


_NO_SPACE = Words(
    "no space is left on its file system", "Make room there, or set `data` to a folder on another one"
)
_NO_FOLDER = Words("there is a file where a folder has to be", "Move it away, or set another `data`")
_DISK = {
    errno.EDQUOT: Words("this user's quota is used up", "Make room, or have the quota raised"),
    errno.EROFS: Words(
        "its file system can only be read", "Mount it writable (`mount -o remount,rw`), or set another `data`"
    ),
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: Words("there is a folder where a file has to be", "Move it away"),
    errno.ENOENT: Words("it is not there", "Make it, or correct the path"),
    errno.ELOOP: Words("its links lead in a circle", "Correct them, or set another `data`"),
    errno.ENAMETOOLONG: Words("its path is too long", "Set `data` to a shorter one"),
    errno.EIO: Words(
        "its disk reports errors",
        "Look into the system's log (`dmesg`), and restore the folder from a backup",
    ),
    errno.ESTALE: Words("its file server has forgotten it", "Mount it again"),
    errno.EMFILE: Words("too many files are open", "Allow this user more: `ulimit -n 65536`"),
    errno.ENFILE: Words("too many files are open on this machine", "Allow more: `sysctl fs.file-max`"),
    errno.ENOLCK: Words(
        "its file system has no locks", "Set `data` to a folder on a local disk, or switch locks on there"
    ),
    errno.ENOTSUP: Words("its file system cannot do that", "Set `data` to a folder on a local disk"),
    errno.EADDRINUSE: Words("another program listens there", "End it, or set another `port`"),
    errno.EADDRNOTAVAIL: Words("this machine does not have that address", "Correct `listen`"),
}


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────


def of_records(error: SessionError) -> Words:
    """What is wrong with a database file, and what to do."""
    ours = error.path.name == RECORDS
    match error:
        case Incompatible() if error.found > error.expected:
            return Words(
                f"a newer Dovecote wrote it (version {error.found}, this one knows {error.expected})",
                "Install that version again, or put a backup in its place",
            )
        case Incompatible():
            return Words(
                f"an older Dovecote wrote it (version {error.found}, this one reads {error.expected})",
                "Start this one once, which brings it up to date: `dovecote up`, or `dovecote chat`",
            )
        case _ if error.path.name == DATABASE and "not there yet" not in error.reason:
            return Words(error.reason, "Look at [cluster] database, at PGPASSWORD and into the server's log")
        case Damaged():
            cure = BACKUP if ours else "The host puts it aside and makes a new one when it runs"
            return Words("it is damaged", cure)
        case Full():
            return no_room(error.path) if "full" in error.reason else _unwritable(error.path)
        case Unavailable() if "not there yet" in error.reason:
            return Words(error.reason, "Start one: `dovecote up`, or `dovecote chat`")
        case Unavailable() if "lock" in error.reason or "busy" in error.reason:
            return Words(
                "another program holds it",
                "End what has it open, such as a backup or an sqlite3 shell, and try again",
            )
        case Unavailable():
            return _unwritable(error.path)
    return Words(error.reason, "Look into the system's log for what is wrong with its disk")


def _of_sqlite(error: Exception) -> str:
    """What SQLite says in the midst of reading; only host.db is read outside of a session's own boundary."""
    try:
        with translated(Path(RECORDS)):
            raise error
    except SessionError as known:
        return of(known)
    except SQLITE:
        return f"{RECORDS}: {Words(str(error), BACKUP)}"


def _unwritable(path: Path) -> Words:
    """SQLite only says that it cannot: the file itself may tell why."""
    try:
        if path.is_dir():
            return _DISK[errno.EISDIR]
        if path.is_symlink() and not path.exists():
            return Words("it is a link that leads nowhere", "Correct or remove it")
        if os.statvfs(nearest(path)).f_flag & os.ST_RDONLY:
            return _DISK[errno.EROFS]
    except OSError as error:
        return of_disk(error, path)
    # Not opened to find out: that would drop SQLite's locks on it.
    return _DISK[errno.EIO] if os.access(path, os.R_OK | os.W_OK) else _denied(path)
