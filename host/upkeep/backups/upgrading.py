"""Before records are brought to a newer version they are kept as they were: there is no way back from a migration.

A crash after the backup and before the migration makes another one at the next start; one within it leaves a file that the
next backup takes away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from host.folders import tree
from host.registry.where import VERSION
from host.upkeep.backups.making import BackupError, is_kept, make
from sessiondb.contract import CONTRACT
from sessiondb.errors import Incompatible

FOLDER = "backups"  # in the data folder; it may be a link to a folder on another disk
BEGINNING, ENDING = "before-upgrade-", ".tar.gz"
KEPT = 2  # of them, the latest
SPARE = 64_000_000  # bytes that stay free for what goes on meanwhile


def keep(data: Path, told: Callable[[str], None]) -> Path | None:
    """The backup of records that this version is about to change, None where it changes none.

    Raises `BackupError`, `OSError`, `SessionError`; `Incompatible` for records of a newer version."""
    found = _versions(data / "host.db")
    if found is None:
        return None
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.glob(f"{BEGINNING}*.unfinished"):
        left.unlink()
    _require_room(data, folder, found)
    moment = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    file = folder / f"{BEGINNING}{found}-to-{VERSION}.{CONTRACT}-{moment}{ENDING}"
    unfinished = file.with_name(f"{file.name}.unfinished")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        make(data, raw, told)
        raw.flush()
        os.fsync(raw.fileno())
    unfinished.rename(file)
    _sync(folder)
    for old in kept(data)[:-KEPT]:
        old.unlink(missing_ok=True)
    return file


def kept(data: Path) -> list[Path]:
    """The oldest first."""
    found = (data / FOLDER).glob(f"{BEGINNING}*{ENDING}")
    return sorted(found, key=lambda path: path.stat().st_mtime)


def drop(data: Path, before: int) -> None:
    """Those that were made before (ms UTC): they hold what is over and forgotten elsewhere."""
    for file in kept(data):
        if file.stat().st_mtime * 1000 < before:
            file.unlink(missing_ok=True)


def _versions(path: Path) -> str | None:
    """Of records that are older than this version; None where there are none, or nothing is to be changed."""
    if not os.path.lexists(path):
        return None
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as registry:
            registry.set_busy_timeout(5_000)
            found = int(str(registry.pragma("user_version")))
            if found > VERSION:
                raise Incompatible(path, found, VERSION)
            if found == 0:  # it is being made
                return None
            row = registry.execute("SELECT value FROM meta WHERE key = 'contract'").fetchone()
    except apsw.Error:  # whoever opens it to serve says what is wrong with it
        return None
    kept = str(row[0]) if row else ""
    contract = int(kept) if kept.isdecimal() else 1
    return None if (found, contract) >= (VERSION, CONTRACT) else f"{found}.{contract}"


def _require_room(data: Path, folder: Path, found: str) -> None:
    """Twice host.db, which is copied and then rewritten, and all that is packed, as if packing saved nothing."""
    everything = sum(
        entry.found.st_size
        for path in data.iterdir()
        if is_kept(path) and path.is_dir()
        for entry in tree.entries(path)
        if not entry.hidden
    )
    registry = (data / "host.db").stat().st_size
    for place, needed in ((folder, everything + registry), (data, 2 * registry)):
        free = os.statvfs(place)
        if (room := free.f_bavail * free.f_frsize) < needed + SPARE:
            raise BackupError(
                f"records of version {found} are backed up before this Dovecote changes them: {place} needs"
                f" {(needed + SPARE) / 1e6:,.0f} MB and has {room / 1e6:,.0f} MB free. Make room there, let {folder}"
                " be a link to a folder on another disk, or go on with the earlier version"
            )


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
