"""The registry on SQLite, host.db: one connection, one writer at a time, commits shared by all who wait (group commit)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from host.folders.disk import Disk
from host.ports.faults import BACKUP
from host.registry import nodes
from host.registry.extra import visiting
from host.registry.groups import Grouped, Job, Outcome
from host.registry.holding import Holding
from host.registry.port import Beside
from host.registry.tidings import Tidings
from host.registry.where import VERSION, NotYet, noted
from sessiondb import connection as sqlite
from sessiondb.errors import Damaged, Incompatible, translated


def open_host_db(path: Path) -> apsw.Connection:
    """Opens, creates or migrates the registry. Raises `sessiondb.SessionError`."""
    with translated(path):
        connection = apsw.Connection(str(path), vfs=sqlite.vfs)
        connection.set_busy_timeout(5_000)
        if sqlite.vfs is not None:
            connection.pragma(
                "locking_mode", "exclusive"
            )  # a simulated disk has no shared memory for the WAL's index
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("secure_delete", True)  # what is forgotten is in no free page either
        found = int(str(connection.pragma("user_version")))
        if found > VERSION:
            connection.close()
            raise Incompatible(path, found, VERSION)
        if found < 0:
            connection.close()
            raise Damaged(path, sqlite.NO_VERSION)
        for version in range(found + 1, VERSION + 1):
            sql = (
                resources.files("host.registry")
                .joinpath("schema", f"host_{version:04}.sql")
                .read_text("utf-8")
            )
            with sqlite.ours(path):
                connection.execute(f"BEGIN IMMEDIATE;{sql};PRAGMA user_version = {version};COMMIT")
        # SQLite keeps the log beside the file itself, wherever a link of the operator's leads.
        sqlite.settle_log(path.resolve() if sqlite.vfs is None else path)
        return connection


def open_registry(data: Path, *, of_any_version: bool = False) -> Beside:
    """The registry, to read beside a running host; `of_any_version`: host.db itself. Raises `SessionError`; `NotYet` where no
    host has run."""
    if not of_any_version and (url := noted(data)):
        database: Beside = visiting().beside(url, writes=False)
        return database
    path = data / "host.db"
    if not os.path.lexists(path):
        raise NotYet(path, f"not there yet: no host has run on {data.resolve()}")
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(2_000)
        found = int(str(connection.pragma("user_version")))
    if found > VERSION or (found < VERSION and not of_any_version):
        connection.close()
        if found == 0:
            raise NotYet(path, "not there yet: it is being made")
        raise Incompatible(path, found, VERSION)
    return connection


@contextmanager
def beside(path: Path, *, of_any_version: bool = False, whole: bool = False) -> Iterator[Beside]:
    """The registry (`path` is host.db's), to write a little beside a running host; `whole`: as one transaction. Raises `NotYet`,
    `SessionError`."""
    if not of_any_version and (url := noted(path.parent)):
        with visiting().writing(url, whole=whole) as database:
            yield database
        return
    never_ran = NotYet(path, f"not there yet: no host has run on {path.parent.resolve()}")
    if not path.exists():
        raise never_ran
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(10_000)
            connection.pragma("synchronous", "full")
            found = int(str(connection.pragma("user_version")))
            if found == 0:  # it is being made right now
                raise never_ran
            if found != VERSION and not of_any_version:
                raise Incompatible(path, found, VERSION)
            with sqlite.transaction(connection, path) if whole else nullcontext():
                yield connection
        finally:
            connection.close()


def emptied(path: Path, *, busy: int = 10_000) -> bool:
    """Brings the WAL into the file and cuts it to nothing, beside whoever commits meanwhile; `busy` in ms."""
    if sqlite.vfs is not None:  # a simulated disk: one connection holds the file
        return True
    with beside(path) as connection:
        connection.execute(f"PRAGMA busy_timeout = {busy:d}")
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return row is not None and row[0] == 0


class HostDB(Grouped):
    """The `Registry` of one machine."""

    # SQLite may have rolled back what the others did.
    everybodys = (apsw.FullError, apsw.IOError)

    def __init__(self, path: Path, disk: Disk, connection: apsw.Connection, node: str = "") -> None:
        super().__init__(disk, path)
        self._connection = connection
        self.node = node
        self.ties = None
        self.ahead: Callable[[], int] | None = None
        self.holding = Holding()
        self.tidings = Tidings()

    @classmethod
    async def open(cls, path: Path, disk: Disk) -> HostDB:
        try:
            connection = await disk.run(open_host_db, path)
            return cls(path, disk, connection, await disk.run(nodes.named, path.parent))
        except Damaged as error:
            raise Damaged(path, f"{error.reason}. {BACKUP}") from error

    async def scrub(self) -> bool:
        """Free pages are overwritten by every commit (secure_delete); earlier states of pages are in the WAL."""
        await self.write(lambda _: None)
        return await self._disk.run(emptied, self._where)

    def leads(self) -> bool:
        return True  # the folder's lock goes with the process

    def _end(self) -> None:
        self._connection.close()

    def _commit(self, jobs: list[Job]) -> list[Outcome]:
        with translated(self._where), sqlite.transaction(self._connection, self._where):
            if len(jobs) == 1:  # what it raises undoes the transaction, which is its own: no savepoint
                return [(jobs[0](self._connection), None)]
            return self._outcomes(jobs)

    def _alone(self, job: Job) -> Any:
        """In a savepoint: one job's failure is its own. A disk that fails can take the savepoint with the whole transaction;
        then its failure is the error, not the savepoint that is missing."""
        failure: Exception | None = None
        try:
            with self._connection:
                try:
                    return job(self._connection)
                except self.everybodys as error:
                    failure = error
                    raise
        except apsw.SQLError as error:
            raise failure or error from None
