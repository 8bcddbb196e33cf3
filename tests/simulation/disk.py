"""A disk in memory for SQLite: what was not synced is lost with the power, and locks die with their process.

Files beside the databases (folders, heartbeat, progress) are real ones; a database has an empty real file as a marker,
whose modification time moves with every sync, for those who look by lstat.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from tests.simulation.processes import Process, current

NAME = "simulated"
FIRST_STAMP = 10**18  # ns; long ago, so that no change detector takes a file for young


class _Inode:
    """A file's content as the system sees it, and as the platters have it."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.data = bytearray()
        self.synced = bytearray()
        self.written = False  # since the last commit
        self.unsynced: list[tuple[int, bytes] | int] = []  # writes, and truncations to a size
        self.sharing: set[_File] = set()
        self.reserved: _File | None = None
        self.exclusive: _File | None = None

    def sync(self) -> None:
        for change in self.unsynced:
            _apply(self.synced, change)
        self.unsynced.clear()

    def lose_power(self, chance: random.Random) -> None:
        """Any of the unsynced changes may have reached the platters, in any combination."""
        share = chance.choice((0.0, 0.5, 1.0))
        for change in self.unsynced:
            if chance.random() < share:
                _apply(self.synced, change)
        self.unsynced.clear()
        self.data = bytearray(self.synced)


def _apply(data: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del data[change:]
        return
    offset, written = change
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


class Disk(apsw.VFS):
    """`on_commit` hears of every commit of a database by a process; `pause` lets the others go on for some time.

    `sync_takes` so many s. `restless` is the chance that others get their turn at a lock, an unlock or a commit.
    """

    def __init__(
        self,
        chance: random.Random,
        on_commit: Callable[[Process, str], None],
        pause: Callable[[float, list[Callable[[], None]]], None],
        on_write_lock: Callable[[Process, str], None] = lambda *_: None,
    ) -> None:
        super().__init__(NAME, "")
        self._pause = pause
        self.on_write_lock = on_write_lock
        self.sync_takes = 0.0
        self.restless = 0.0
        self._chance = chance
        self._on_commit = on_commit
        self._names: dict[str, _Inode] = {}
        self._durable: dict[str, _Inode] = {}
        self._open: set[_File] = set()
        self._stamp = FIRST_STAMP
        self.full = False  # no file can grow
        self.failing: dict[str, int] = {}  # so many writes and syncs of a file fail
        self.busy: dict[str, int] = {}  # so many lock requests for a file are refused

    # ── what SQLite calls ────────────────────────────────────────────────────────────────────────────────

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        flags[1] = flags[0]
        inode = self._names.get(path) if path else _Inode("")
        if inode is None:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(path)
            _reach(f"create {Path(path).name}")
            is_database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
            inode = self._names[path] = _Inode(path if is_database else "")
            if is_database:
                Path(path).touch()
        file = _File(self, path, inode)
        self._open.add(file)
        return file  # type: ignore[return-value]

    def xDelete(self, path: str, syncdir: bool) -> None:  # noqa: N802
        _reach(f"delete {Path(path).name}")
        self._names.pop(path, None)
        database = path.removesuffix("-journal")
        process = current()
        self.yields()
        inode = self._names.get(database)
        if database != path and process is not None and inode is not None and inode.written:
            inode.written = False
            self._on_commit(process, database)
        if syncdir:
            self.takes_its_time()
            self.sync_folder(path)
            self.yields()

    def xAccess(self, path: str, flags: int) -> bool:  # noqa: N802
        return path in self._names

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        self.waits(microseconds / 1e6, quietly=True)
        return microseconds

    def xRandomness(self, count: int) -> bytes:  # noqa: N802
        return self._chance.randbytes(count)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────

    def yields(self, *, quietly: bool = False) -> None:
        """A point at which another process may go on. `quietly` where SQLite takes no error: who is dead hears
        of it at the next call."""
        process = current()
        if process is not None and (seconds := process.hangs_now()):
            self.waits(seconds, quietly=quietly)
        elif self.restless and self._chance.random() < self.restless:
            self.waits(self._chance.choice((0.0, 0.001, 0.02)), quietly=quietly)

    def takes_its_time(self) -> None:
        if self.sync_takes:
            self.waits(self.sync_takes * self._chance.uniform(0.5, 1.0))

    def waits(self, seconds: float, *, quietly: bool = False) -> None:
        """Who is dead when the time is over goes no further."""
        process = current()
        if process is None:
            return
        if process.alive:
            self._pause(seconds, process.wakers)
        if not process.alive and not quietly:
            process.point("")

    # ── what happens to it ───────────────────────────────────────────────────────────────────────────────

    def sync_folder(self, path: str) -> None:
        folder = path[: path.rfind("/") + 1]
        here = [n for n in self._durable.keys() | self._names.keys() if n.startswith(folder)]
        for name in here:
            if "/" in name[len(folder) :]:
                continue
            if name in self._names:
                self._durable[name] = self._names[name]
            else:
                self._durable.pop(name, None)

    def sync(self, path: Path) -> None:
        """What whoever opens a database syncs: its log, or its folder. No point of its own to die at: the next one comes soon."""
        if (inode := self._names.get(str(path))) is not None:
            inode.sync()
        else:
            self.sync_folder(f"{path}/")

    def touch(self, path: str) -> None:
        self._stamp += 1
        with suppress(FileNotFoundError):  # somebody has removed it, and whoever has it open still writes
            os.utime(path, ns=(self._stamp, self._stamp))

    def grows(self, path: str, process: Process | None) -> None:
        if self.full and process is not None:
            raise apsw.FullError(path)

    def writes(self, path: str, process: Process | None) -> None:
        left = self.failing.get(path.removesuffix("-journal").removesuffix("-wal"), 0)
        if left and process is not None:
            self.failing[path] = left - 1
            raise apsw.IOError(path)

    def refuses(self, path: str, process: Process | None) -> bool:
        """Whether the file's owner is in the middle of a commit as this process wants to read."""
        owner = "host" if path.endswith("inbound.db") else "runner"
        if process is None or process.kind == owner:
            return False
        left = self.busy.get(path, 0)
        if left:
            self.busy[path] = left - 1
        return left > 0

    def renamed(self, path: str, to: str) -> None:
        """A database, with its journal; the real file beside it has been renamed already."""
        for suffix in ("-journal", ""):
            for names in (self._names, self._durable):
                if (inode := names.pop(f"{path}{suffix}", None)) is not None:
                    names[f"{to}{suffix}"] = inode
                    inode.marker = to if inode.marker else ""

    def removed(self, path: str) -> None:
        """A database, or all in a folder."""
        for names in (self._names, self._durable):
            for name in [
                name for name in names if name == path or (path.endswith("/") and name.startswith(path))
            ]:
                del names[name]

    def ruin(self, path: str, how: str) -> None:
        """Somebody removes a database, or something writes into it; whoever has it open goes on with what they have."""
        inode = self._names.get(path)
        if inode is None:
            return
        for name in (path, f"{path}-journal"):
            if how == "lost":
                self._names.pop(name, None)
                self._durable.pop(name, None)
        if how == "lost":
            Path(path).unlink(missing_ok=True)
            return
        size = {"emptied": 0, "cut": len(inode.data) // 2 + 1}.get(how, len(inode.data))
        for data in (inode.data, inode.synced):
            del data[size:]
            if how == "overwritten":
                data[:100] = self._chance.randbytes(min(100, len(data)))
        inode.unsynced.clear()
        self.touch(path)

    def is_quiet(self, path: str) -> bool:
        """Whether nobody is in the middle of a commit there, nor died in one."""
        inode = self._names.get(path)
        return inode is not None and inode.exclusive is None and f"{path}-journal" not in self._names

    def end_of(self, process: Process) -> None:
        """The kernel closes a dead process's files: its locks go, what it wrote stays."""
        for file in [file for file in self._open if file.process is process]:
            file.let_go()

    def lose_power(self) -> None:
        for file in list(self._open):
            file.let_go()
        for name in sorted({*self._names, *self._durable}):
            now, then = self._names.get(name), self._durable.get(name)
            kept = now if now is then or self._chance.random() < 0.5 else then
            for names in (self._names, self._durable):
                if kept is None:
                    names.pop(name, None)
                else:
                    names[name] = kept
            if kept is None and now is not None and now.marker:
                Path(name).unlink(missing_ok=True)
        for inode in self._names.values():
            inode.lose_power(self._chance)

    def closed(self, file: _File) -> None:
        self._open.discard(file)


class _File:
    """An open file of one process."""

    def __init__(self, disk: Disk, path: str, inode: _Inode) -> None:
        self.process = current()
        self.path = path
        self._disk = disk
        self._inode = inode
        self._label = Path(path).name
        self._level = apsw.SQLITE_LOCK_NONE

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._alive()
        return bytes(self._inode.data[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._reach("write")
        self._disk.writes(self.path, self.process)
        if self.path and offset + len(data) > len(self._inode.data):
            self._disk.grows(self.path, self.process)
        change = (offset, bytes(data))
        _apply(self._inode.data, change)
        self._inode.unsynced.append(change)
        self._inode.written = True

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._reach("truncate")
        _apply(self._inode.data, size)
        self._inode.unsynced.append(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._reach("sync")
        self._disk.writes(self.path, self.process)
        self._disk.takes_its_time()
        self._inode.sync()
        if self._inode.marker:
            self._disk.touch(self._inode.marker)
        elif self.path:
            self._disk.sync_folder(self.path)  # SQLite syncs a new journal's folder along with the journal

    def xFileSize(self) -> int:  # noqa: N802
        self._alive()
        return len(self._inode.data)

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        self.let_go()

    # ── locks ────────────────────────────────────────────────────────────────────────────────────────────

    def xLock(self, level: int) -> None:  # noqa: N802
        self._alive()
        inode = self._inode
        if self._level >= level:
            return
        if level == apsw.SQLITE_LOCK_SHARED:
            if self._disk.refuses(self.path, self.process) or inode.exclusive not in (None, self):
                raise apsw.BusyError(self.path)
            inode.sharing.add(self)
        elif level == apsw.SQLITE_LOCK_RESERVED:
            if inode.reserved not in (None, self) or inode.exclusive not in (None, self):
                raise apsw.BusyError(self.path)
            inode.reserved = self
            if self.process is not None:
                self._disk.on_write_lock(self.process, self.path)
        else:
            if inode.exclusive not in (None, self) or inode.reserved not in (None, self):
                raise apsw.BusyError(self.path)
            inode.exclusive = self  # pending: no new reader comes in
            if inode.sharing - {self}:
                self._level = apsw.SQLITE_LOCK_PENDING
                raise apsw.BusyError(self.path)
        self._level = level
        self._disk.yields()

    def _give_up(self, level: int) -> None:
        inode = self._inode
        if inode.exclusive is self:
            inode.exclusive = None
        if inode.reserved is self:
            inode.reserved = None
        if level == apsw.SQLITE_LOCK_NONE:
            inode.sharing.discard(self)
        self._level = level

    def xUnlock(self, level: int) -> None:  # noqa: N802
        self._give_up(level)
        self._disk.yields(quietly=True)

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return self._inode.reserved is not None or self._inode.exclusive is not None

    def let_go(self) -> None:
        self._give_up(apsw.SQLITE_LOCK_NONE)
        self._disk.closed(self)

    # ── death ────────────────────────────────────────────────────────────────────────────────────────────

    def _alive(self) -> None:
        if self.path and self.process is not None and not self.process.alive:
            self.process.point("")

    def _reach(self, what: str) -> None:
        """Nobody dies over a file that has no name and is nobody else's: SQLite's spilled memory. The next real one will do."""
        if self.path and self.process is not None:
            self.process.point(f"{what} {self._label}")


def _reach(label: str) -> None:
    process = current()
    if process is not None:
        process.point(label)
