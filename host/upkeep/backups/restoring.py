"""`dovecote restore`: a backup into an empty data folder, which is then held: no bot runs on it before `dovecote resume`.

What the backup's moment does not know may be on the platforms: posts that were made after it, messages that were said since.
So every row of outbound.db that has no receipt is looked up before it is said (law 6), and what was said between backup and
resume is not answered unless that is asked for.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import apsw

from host.folders.lock import DataLock
from host.mailbox.inbound import InboundWriter
from host.registry import forgetting, resumption
from host.registry.db import beside
from host.registry.port import Statements
from host.registry.where import VERSION
from host.upkeep.backups import scratch
from host.upkeep.backups.making import END, FORMAT, MANIFEST, BackupError, may_be_link
from sessiondb import SessionError
from sessiondb.contract import CONTRACT
from sessiondb.layout import SessionFolder

LARGEST_NOTE = 1_000_000  # bytes of the archive's own words
LONGEST_NAME = 1_000_000  # bytes that describe a member
MOST_FILLING = 100_000  # bytes between the archive's end and the file's
SPARE = 64_000_000  # bytes of the disk that stay free
MOST_UNDOUBTED = 16_000_000_000  # bytes; beyond, what a file unpacks to is judged by its size
LARGEST_RATIO = 200  # zeros alone pack better
LOCK = "host.lock"


@dataclass
class Restored:
    """What is there again, and what may happen a second time."""

    made_at: int  # ms UTC, the backup's moment
    sessions: int = 0
    files: int = 0
    begun: list[str] = field(default_factory=list)  # posts whose fate the backup does not know
    waiting: int = 0  # messages that are not answered yet
    tasks: int = 0  # whose time came since
    damaged: list[str] = field(default_factory=list)


def restore(source: IO[bytes], data: Path, forgotten: Mapping[str, int] | None = None) -> Restored:
    """`forgotten` are marks of people whom the installation was told to forget since.

    Raises `BackupError`, `DataFolderError`, `OSError`, `SessionError`. The folder is whole, or as it was before."""
    data = data.resolve()
    _require_empty(data)
    lock = DataLock(data)
    try:
        scratch.clear_restored(data)
        with tempfile.TemporaryDirectory(prefix=scratch.RESTORING, dir=data) as place:
            new = Path(place) / "data"
            new.mkdir(mode=0o700)
            manifest = _unpack(source, new)
            restored = _hold(new, manifest, forgotten or {})
            for path in new.iterdir():
                if path.name != "host.db":
                    path.rename(data / path.name)
            # Last: a folder without it is one on which no host has run, and `restore` may be tried again.
            (new / "host.db").rename(data / "host.db")
            return restored
    finally:
        lock.release()


def _require_empty(data: Path) -> None:
    """But for what another `restore` has there, or left. Raises `BackupError`."""
    if data.exists() and any(path.name != LOCK and not scratch.is_one(path) for path in data.iterdir()):
        raise BackupError(
            f"{data} is not empty: name another folder by `data` in dovecote.toml, or move this one aside"
        )


class _Head(tarfile.TarInfo):
    """A name is not as long as memory: what describes a member is bounded before it is read."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES and self.size > LONGEST_NAME:
            raise ValueError("it describes a member with more than any backup does")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


class _Counted(io.RawIOBase):
    """How much was read of the packed file."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._source.read(size)
        self.bytes += len(found)
        return found


def _unpack(source: IO[bytes], new: Path) -> dict[str, object]:
    """Files and folders first, links last: nothing is ever written through a link."""
    unpacking = _Unpacking(_Counted(source), new)
    try:
        unpacking.run()
    except (tarfile.TarError, EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupError(f"this is no whole backup of Dovecote: {error}") from error
    except FileExistsError as error:
        raise BackupError("this is no backup of Dovecote: it holds one place twice") from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, None):
            raise
        raise BackupError(f"this is no whole backup of Dovecote: {error.strerror or error}") from error
    return unpacking.manifest


class _Unpacking:
    def __init__(self, source: _Counted, new: Path) -> None:
        self.manifest: dict[str, object] = {}
        self._source = source
        self._new = new
        self._unpacked = 0  # bytes
        self._links: list[tuple[Path, str]] = []
        self._modes: list[tuple[Path, int]] = []

    def run(self) -> None:
        """Raises `BackupError`, and what tarfile, gzip and the disk raise."""
        ended = False
        packed = gzip.GzipFile(fileobj=self._source)
        with packed as plain, tarfile.open(fileobj=plain, mode="r|", tarinfo=_Head) as archive:
            for member in archive:
                if ended:
                    raise ValueError("something follows its end")
                if not self.manifest:
                    self.manifest = _checked(_note(archive, member, MANIFEST))
                elif member.name == END:
                    _note(archive, member, END)
                    ended = True
                else:
                    self._put(archive, member)
            # Its checksum is at the very end, after what fills the last record.
            if len(plain.read(MOST_FILLING)) == MOST_FILLING:
                raise ValueError("something follows its end")
        if not ended:
            raise BackupError("this backup is cut off: its end is missing; take another")
        if not (self._new / "host.db").is_file():
            raise ValueError("it holds no host.db")
        for path, target in self._links:
            path.symlink_to(target)
        for path, mode in reversed(self._modes):
            path.chmod(mode)

    def _put(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = Path(member.name).parts
        if not parts or member.name.startswith("/") or ".." in parts:
            raise ValueError(f"it names a place outside of the folder: {member.name!r}")
        path = self._new.joinpath(*parts)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if member.issym():
            if not may_be_link(parts):
                raise ValueError(f"it holds a link where Dovecote keeps none: {member.name!r}")
            self._links.append((path, member.linkname))
            return
        if member.isdir():
            path.mkdir(mode=0o700, exist_ok=True)
            self._modes.append((path, stat.S_IMODE(member.mode)))
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
            self._write(archive, member, path)
        else:
            raise ValueError(f"it holds what no backup holds: {member.name!r}")
        if os.geteuid() == 0:  # what containers own stays theirs
            os.chown(path, member.uid, member.gid, follow_symlinks=False)

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        self._require_room(member.size)
        text = archive.extractfile(member)
        if text is None:
            raise ValueError(f"it holds what no backup holds: {member.name!r}")
        with path.open("xb") as written:
            shutil.copyfileobj(text, written)
            os.fchmod(written.fileno(), stat.S_IMODE(member.mode) & 0o7777 & ~0o6000)

    def _require_room(self, size: int) -> None:
        """Before a byte of it is written: a small file may unpack to more than all disks hold."""
        self._unpacked += size
        free = os.statvfs(self._new)
        if (room := free.f_bavail * free.f_frsize - SPARE) < size:
            raise BackupError(
                f"what this backup holds does not fit: {size / 1e6:,.0f} MB are to be written next, and {max(room, 0) / 1e6:,.0f}"
                " MB are free. Make room, or name another folder by `data` in dovecote.toml"
            )
        if self._unpacked > MOST_UNDOUBTED + LARGEST_RATIO * self._source.bytes:
            raise BackupError(
                "this file unpacks to far more than any backup of its size would: it was made to do harm"
            )


def _note(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> dict[str, object]:
    text = archive.extractfile(member) if member.isreg() and member.size < LARGEST_NOTE else None
    found = json.loads(text.read()) if text is not None and member.name == name else None
    if not isinstance(found, dict):
        raise ValueError(f"it does not begin with {name}")
    return found


def _checked(manifest: dict[str, object]) -> dict[str, object]:
    for name, ours in (("format", FORMAT), ("host_db", VERSION), ("contract", CONTRACT)):
        found = manifest.get(name)
        if not isinstance(found, int) or found < 1:
            raise ValueError(f"it does not say its {name}")
        if found > ours:
            raise BackupError(
                f"this backup was made by Dovecote {str(manifest.get('dovecote'))[:50]!s}, whose records are newer than this"
                " version can read: install that version, and restore with it"
            )
    if not isinstance(made_at := manifest.get("made_at"), int) or made_at < 0:
        raise ValueError("it does not say when it was made")
    return manifest


def _hold(new: Path, manifest: dict[str, object], forgotten: Mapping[str, int]) -> Restored:
    made_at = int(str(manifest["made_at"]))
    restored = Restored(made_at)
    now = time.time_ns() // 1_000_000
    with beside(new / "host.db", of_any_version=True) as registry:
        if _told(registry, "PRAGMA quick_check(1)") != "ok":
            raise BackupError("the host.db of this backup is damaged: take another")
        registry.execute("BEGIN IMMEDIATE")
        resumption.hold(registry, made_at, now)
        if _number(registry, "PRAGMA user_version") == VERSION:
            for mark, at in forgotten.items():
                forgetting.remember(registry, mark, at)
            forgetting.look(registry)
        elif forgotten:
            raise BackupError(
                "this backup is of an older version: restore it without --forgotten, and forget again"
            )
        registry.execute("UPDATE sessions SET busy = 1, work = work + 1")
        registry.execute("COMMIT")
        restored.waiting = _number(registry, "SELECT count(*) FROM inbox WHERE state = 'routed'")
        restored.tasks = _number(registry, "SELECT count(*) FROM due WHERE at BETWEEN ? AND ?", made_at, now)
        sessions = [str(id_) for (id_,) in registry.execute("SELECT id FROM sessions ORDER BY id")]
    for session in sessions:
        folder = SessionFolder(new / "sessions" / session)
        if folder.root.is_dir():
            restored.sessions += 1
            _doubt(folder, session, now, restored)
    restored.files = sum(1 for path in new.rglob("*") if path.is_file())
    return restored


def _doubt(folder: SessionFolder, session: str, now: int, restored: Restored) -> None:
    """Rows that came to be after the backup's moment may be on the platform: they are looked up before they are said."""
    if not folder.inbound_db.exists():
        return
    try:
        last, ids = _written(folder.outbound_db)
        writer = InboundWriter(folder.inbound_db, lambda: now)
        try:
            open_now = [f"{parcel.message_out_id} {parcel.state}" for parcel in writer.open_parcels()]
            read = writer.mark("outbound_read")
            with writer.writing():
                writer.raise_mark("doubtful_up_to", last)
            restored.waiting += len(writer.wanting())
        finally:
            writer.close()
    except SessionError as error:
        restored.damaged.append(f"{session}: {error}")
        return
    unread = [id_ for seq, id_ in ids if seq > read]
    restored.begun += [f"{session}: {words}" for words in (*open_now, *(f"{id_} not read" for id_ in unread))]


def _written(outbound: Path) -> tuple[int, list[tuple[int, str]]]:
    """The last seq, and the latest rows. A container wrote the file: nothing but numbers and ids is taken from it."""
    if not outbound.exists():
        return 0, []
    try:
        with closing(apsw.Connection(str(outbound), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            connection.pragma("trusted_schema", 0)
            rows = connection.execute(
                "SELECT seq, id FROM messages_out ORDER BY seq DESC LIMIT 200"
            ).fetchall()
    except apsw.Error:
        return 0, []  # the host will say so, and quarantine it
    found = [(int(str(seq)), str(id_)[:100]) for seq, id_ in rows if isinstance(seq, int)]
    return max((seq for seq, _ in found), default=0), found


def _number(connection: Statements, sql: str, *bindings: int) -> int:
    return int(_told(connection, sql, *bindings) or 0)


def _told(connection: Statements, sql: str, *bindings: int) -> str:
    row = connection.execute(sql, bindings).fetchone()
    return str(row[0]) if row else ""
