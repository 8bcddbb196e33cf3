"""`dovecote backup`: a data folder as one file, while messages flow.

host.db comes first, and its moment is the backup's. Each session follows, inbound.db before outbound.db: what came in or was
answered meanwhile is in the newer file, where it does no harm, for ids make a message one row and keys make a post one post
(law 4, law 6). The other way round, a message that host.db calls stored would be in no file.
"""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO

import apsw

from host.folders import seal, stowage, tree
from host.registry.db import open_registry
from host.registry.where import ELSEWHERE, noted
from host.upkeep.backups import scratch
from host.upkeep.backups.copying import copy
from host.upkeep.backups.scratch import MEMORY
from host.upkeep.searching import index
from sessiondb import SessionError
from sessiondb.contract import CONTRACT

FORMAT = 1
SPARE = 8_000_000  # bytes of it that stay free for others
MANIFEST, END = "dovecote-backup.json", "dovecote-backup-end.json"
NOT_KEPT = {
    "host.lock",
    "host.pulse",
    "host.pulse.new",
    "logs",
    "host.db",
    "host.db-wal",
    "host.db-shm",
    ELSEWHERE,
    seal.FILE,
    index.FOLDER,  # made again from the conversations
    "backups",  # of earlier versions: see `upgrading`
    stowage.SCRATCH,
    stowage.ASIDE,
}
OF_THE_MOMENT = {"gateway", "heartbeat", "progress.json", "runner.lock"}  # below a session
DATABASES = (
    "inbound/inbound.db",
    "outbound/outbound.db",
)  # of a session, in the order in which they are copied
# What a data folder has besides is made again from the database by whoever serves next.
IN_A_DATABASE = (
    "its records are in PostgreSQL: `pg_dump -Fc -f FILE DATABASE` copies these, and after it copy the folder that [cluster]"
    " workspaces names, if it does (docs/operations.md, Backup of a database)"
)


class BackupError(Exception):
    """It cannot be made or restored; the text says why and what to do."""


@dataclass
class Made:
    """What a backup holds. `left_out` has a line for each thing that could not be taken."""

    at: int  # ms UTC: everything before it is in the backup
    sessions: int = 0
    files: int = 0
    bytes: int = 0
    left_out: list[str] = field(default_factory=list)


def make(data: Path, to: IO[bytes], told: Callable[[str], None], *, in_memory: bool = False) -> Made:
    """Writes the archive. `in_memory`: what is copied on the way is on no disk, for `to` encrypts it.

    Raises `BackupError`, `OSError`, and `SessionError` for a host.db that cannot be copied."""
    data = data.resolve()
    if noted(data):
        raise BackupError(IN_A_DATABASE)
    open_registry(data, of_any_version=True).close()  # says what is missing in the usual words
    scratch.clear(data, MEMORY)
    with (
        scratch.folder(MEMORY if in_memory else data) as copies,
        tarfile.open(fileobj=to, mode="w|gz", format=tarfile.PAX_FORMAT) as archive,
    ):
        return _Making(data, copies, archive, told).run()


class _Making:
    def __init__(
        self, data: Path, copies: Path, archive: tarfile.TarFile, told: Callable[[str], None]
    ) -> None:
        self._data = data
        self._scratch = copies
        self._archive = archive
        self._told = told
        self._made = Made(at=0)

    def run(self) -> Made:
        made = self._made
        made.at = time.time_ns() // 1_000_000
        registry = self._scratch / "host.db"
        self._copy(self._data / "host.db", registry)
        known = _known(registry)
        self._say(
            MANIFEST,
            {
                "format": FORMAT,
                "dovecote": version("dovecote"),
                "made_at": made.at,
                "installation": known.installation,
                "host_db": known.version,
                "contract": CONTRACT,
                "sessions": len(known.sessions),
            },
        )
        self._add_copy(registry, "host.db", self._data / "host.db")
        for number, session in enumerate(known.sessions, 1):
            self._session(session)
            self._told(f"{number} of {len(known.sessions)} conversations")
        self._rest()
        self._say(END, {"sessions": made.sessions, "files": made.files, "bytes": made.bytes})
        return made

    def _session(self, session: str) -> None:
        folder = self._data / "sessions" / session
        if not folder.is_dir():  # it was never opened: all of it is in host.db
            return
        for name in DATABASES:
            self._database(folder / name, f"sessions/{session}/{name}")
        self._tree(folder, f"sessions/{session}", OF_THE_MOMENT)
        self._made.sessions += 1

    def _database(self, path: Path, name: str) -> None:
        if not os.path.lexists(path):
            return
        copied = self._scratch / "copy.db"
        try:
            self._copy(path, copied)
            self._add_copy(copied, name, path)
        except (SessionError, BackupError) as error:  # damaged as it stands: the others are worth no less
            self._made.left_out.append(f"{name}: {error}")
        finally:
            for left in self._scratch.glob("copy.db*"):
                left.unlink()

    def _copy(self, path: Path, to: Path) -> None:
        """Raises `BackupError` where there is no room for it, `SessionError`."""
        needed = sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*") if each.is_file())
        free = os.statvfs(self._scratch)
        if (room := free.f_bavail * free.f_frsize - SPARE) < needed:
            raise BackupError(
                f"{path.name} needs {needed / 1e6:,.0f} MB in {self._scratch.parent}, which has {max(room, 0) / 1e6:,.0f} MB"
                " free. Make room there; where it is memory, for a copy that is encrypted is on no disk before, give it more"
                " (`mount -o remount,size=…`, `shm_size` of a container)"
            )
        copy(path, to)

    def _rest(self) -> None:
        for path in sorted(self._data.iterdir()):
            if not is_kept(path) or path.name == "sessions":
                continue
            if path.is_symlink():
                self._made.left_out.append(f"{path.name}: a link in the place of what Dovecote itself keeps")
            elif not path.is_dir():
                self._file(path)
            else:
                self._tree(path, path.name, frozenset())

    def _file(self, path: Path) -> None:
        found = path.lstat()
        if stat.S_ISREG(found.st_mode):
            with path.open("rb") as source:
                self._add(source, path.name, os.fstat(source.fileno()))

    def _tree(self, root: Path, name: str, without: frozenset[str] | set[str]) -> None:
        """What a container made may be anything and may be changing: only files, folders and links are taken, by descriptors."""
        for entry in tree.entries(root):
            below = str(Path(f"/proc/self/fd/{entry.folder}").readlink()).removeprefix(str(root)).strip("/")
            inside = f"{below}/{entry.name}" if below else entry.name
            parts = inside.split("/")
            if without & set(parts[:2]) or inside.startswith(DATABASES):
                continue
            if entry.hidden:
                self._made.left_out.append(f"{name}/{inside}: it cannot be looked into")
                continue
            try:
                self._entry(entry, f"{name}/{inside}")
            except FileNotFoundError:
                continue
            except OSError as error:
                self._made.left_out.append(f"{name}/{inside}: {error.strerror}")

    def _entry(self, entry: tree.Entry, name: str) -> None:
        mode = entry.found.st_mode
        if stat.S_ISREG(mode):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(entry.name, flags, dir_fd=entry.folder), "rb") as source:
                found = os.fstat(source.fileno())
                if stat.S_ISREG(found.st_mode):
                    self._add(source, name, found)
        elif stat.S_ISDIR(mode):
            self._archive.addfile(_head(name, tarfile.DIRTYPE, entry.found))
        elif stat.S_ISLNK(mode) and not may_be_link(tuple(name.split("/"))):
            self._made.left_out.append(f"{name}: a link in the place of what Dovecote itself keeps")
        elif stat.S_ISLNK(mode):
            head = _head(name, tarfile.SYMTYPE, entry.found)
            head.linkname = os.readlink(entry.name, dir_fd=entry.folder)
            self._archive.addfile(head)

    def _add_copy(self, copied: Path, name: str, original: Path) -> None:
        with copied.open("rb") as source:
            found = original.stat()
            self._add(source, name, found, os.fstat(source.fileno()).st_size)

    def _add(self, source: IO[bytes], name: str, found: os.stat_result, size: int | None = None) -> None:
        head = _head(name, tarfile.REGTYPE, found)
        head.size = found.st_size if size is None else size
        self._archive.addfile(head, _Padded(source, head.size))
        self._made.files += 1
        self._made.bytes += head.size

    def _say(self, name: str, words: dict[str, object]) -> None:
        text = json.dumps(words).encode()
        head = tarfile.TarInfo(name)
        head.size, head.mode = len(text), 0o600
        self._archive.addfile(head, io.BytesIO(text))


class _Padded(io.RawIOBase):
    """Exactly so many bytes of a file that somebody may be cutting short or writing on."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source = source
        self._left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        found = self._source.read(wanted)
        self._left -= wanted
        return found + b"\0" * (wanted - len(found))


def _head(name: str, kind: bytes, found: os.stat_result) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.type, head.mode = kind, stat.S_IMODE(found.st_mode)
    head.uid, head.gid, head.mtime = found.st_uid, found.st_gid, int(found.st_mtime)
    return head


def is_kept(path: Path) -> bool:
    """Of what lies in the data folder."""
    return path.name not in NOT_KEPT and not scratch.is_one(path)


def may_be_link(parts: tuple[str, ...]) -> bool:
    """Below the folders that agents write and operators fill; the host follows none there, and trusts every other place."""
    match parts:
        case ("sessions", _, "work" | "outbound", _, *_):
            return parts[2:] != ("outbound", "outbound.db")
        case ("workspaces" | "agents", _, _, _, *_) | ("agents", _, _):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Known:
    installation: str
    version: int  # of host.db: it may be of an earlier Dovecote
    sessions: list[str]


def _known(registry: Path) -> _Known:
    with closing(apsw.Connection(str(registry), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'installation'").fetchone()
        sessions = connection.execute("SELECT id FROM sessions ORDER BY id").fetchall()
        version = int(str(connection.pragma("user_version")))
    return _Known(str(row[0]) if row else "", version, [str(id_) for (id_,) in sessions])
