"""Opening the session's SQLite files, and the one way to write them.

DELETE journal, synchronous=EXTRA, no mmap, BEGIN IMMEDIATE (law 2). A commit is the deletion of the journal, and only EXTRA
syncs the folder after it: with FULL a power failure can bring the journal back and take the last commit away. apsw is the
only SQLite library of the process: another one opening and closing the same file would drop its POSIX locks.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from sessiondb.contract import CONTRACT
from sessiondb.errors import Damaged, Incompatible, Missing, Unavailable, translated

WRITER_BUSY = 2_000  # ms a writer waits for readers of the other side to let go
READER_BUSY = 250  # ms a reader waits for a commit in progress; then it is "next tick"
FINE = (
    5  # ms between two tries of a reader: SQLite's own handler sleeps longer than a slow writer's pause lasts
)
SLOW_COMMIT = (
    0.05  # s that a commit takes on a slow disk, with the file closed to readers nearly all the while
)
BREATH = (
    0.025  # s in which readers get in between two slow commits, which would follow each other without a gap
)

NO_VERSION = "it has a version that was never written"
LONGEST_FINDING = 200  # characters of what SQLite says of a damaged page

SCHEMA = Path(__file__).with_name("schema")

# SQLite sets no memory aside for a connection: a host keeps hundreds open, and most are at rest. It can be told only while it
# is shut down, and this module comes before whatever opens a file.
apsw.shutdown()
apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, 0, 0)
apsw.initialize()

vfs: str | None = None  # a VFS registered with apsw, for runs on a simulated disk


def _sync(path: Path) -> None:
    """Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync = _sync  # or a simulated disk's


def open_writer(
    path: Path, schema: str, *, busy: int = WRITER_BUSY, may_be_new: bool = True
) -> apsw.Connection:
    """Opens the owner's file, or creates it where it `may_be_new`, and brings it to the current contract.

    `schema` is `"inbound"` or `"outbound"`, `busy` in ms. Raises `Missing`, `Damaged`, `Full`, `Unavailable`, `Incompatible`.
    """
    create = apsw.SQLITE_OPEN_CREATE if may_be_new else 0
    if not may_be_new and not os.path.lexists(path):
        raise Missing(path, "it is not there")
    with translated(path):
        connection = apsw.Connection(
            str(path), flags=apsw.SQLITE_OPEN_READWRITE | create | apsw.SQLITE_OPEN_NOFOLLOW, vfs=vfs
        )
        with _closed_by_failure(connection):
            connection.set_busy_timeout(busy)
            connection.pragma("journal_mode", "delete")
            connection.pragma("synchronous", "extra")
            connection.pragma("mmap_size", 0)
            connection.pragma("trusted_schema", 0)
            connection.pragma("secure_delete", True)  # what is forgotten is in no free page either
            if not may_be_new and connection.pragma("user_version") == 0 and not _holds(connection):
                raise Missing(path, "it was emptied")
            _migrate(connection, path, schema)
            settle(path)
        return connection


def open_reader(path: Path, *, defensive: bool = False, through: str | None = None) -> apsw.Connection:
    """Opens the other side's file read-only, following no symlink.

    `defensive` is for files an enemy may have written: schema functions are untrusted and the SQLite limits are small.
    `through` names a registered VFS that looks closer than SQLite's own.
    """
    if vfs is None:
        _require_regular_file(path)
    with translated(path):
        connection = apsw.Connection(
            str(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW, vfs=vfs or through
        )
        with _closed_by_failure(connection):
            _wait_finely(connection, READER_BUSY)
            connection.pragma("mmap_size", 0)
            connection.pragma("trusted_schema", 0)
            if defensive:
                _harden(connection)
            # First: its owner may be making the file, and what has tables by now has a version a moment later.
            holds = _holds(connection)
            found = int(str(connection.pragma("user_version")))
            foreign = found < 0 or (found == 0 and holds)
    if found != CONTRACT:
        connection.close()
        if found == 0 and not foreign:
            raise Missing(path, "not initialised yet")
        if foreign:
            raise Damaged(path, NO_VERSION)
        raise Incompatible(path, found, CONTRACT)
    return connection


def settle(path: Path) -> None:
    """Makes durable what is to be seen of a file, before anybody acts on it. Raises `Unavailable`.

    Who is killed within a commit may have removed the journal and not synced the folder: the rows are there, and a power failure
    would take them away again, with what was done about them elsewhere left standing (laws 1, 3 and 6).
    """
    try:
        sync(path.parent)
    except PermissionError:
        return  # it may be entered and not read: SQLite does without its sync there as well
    except OSError as error:
        raise Unavailable(
            path, f"its folder cannot be synced: {error.strerror or 'no reason is given'}"
        ) from error


def settle_log(path: Path) -> None:
    """The same for a file in WAL mode: its newest commits stand in the log, perhaps in memory alone. Raises `Unavailable`."""
    log = Path(f"{path}-wal")
    try:
        if vfs is not None or log.exists():
            sync(log)
    except OSError as error:
        raise Unavailable(
            path, f"its log cannot be synced: {error.strerror or 'no reason is given'}"
        ) from error
    settle(path)


def examine(connection: apsw.Connection, path: Path, most: float) -> None:
    """Looks at every page. Raises `Damaged` for what is certain; what `most` s of a core do not find is not found."""
    deadline = time.thread_time() + most
    handler = object()
    connection.set_progress_handler(lambda: time.thread_time() > deadline, 5_000, id=handler)
    try:
        with translated(path):
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except apsw.InterruptError:
        return
    finally:
        connection.set_progress_handler(None, id=handler)
    if found is None or found[0] != "ok":
        raise Damaged(
            path, str(found[0] if found else "nothing is known of it").splitlines()[-1][:LONGEST_FINDING]
        )


@contextmanager
def transaction(connection: apsw.Connection, path: Path) -> Iterator[apsw.Connection]:
    """`BEGIN IMMEDIATE` … `COMMIT`; any failure, a failed commit included, rolls back and leaves nothing."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            began = time.monotonic()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    if time.monotonic() - began > SLOW_COMMIT:
        time.sleep(BREATH)


def _wait_finely(connection: apsw.Connection, most: int) -> None:
    """`most` in ms."""

    def again(tries: int) -> bool:
        time.sleep(FINE / 1000)
        return tries * FINE < most

    connection.set_busy_handler(again)


@contextmanager
def _closed_by_failure(connection: apsw.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _require_regular_file(path: Path) -> None:
    """lstat only: opening the file ourselves and closing it would drop SQLite's locks on it."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError as error:
        raise Missing(path, "it is not there") from error
    except OSError as error:
        raise Unavailable(path, error.strerror or "cannot be examined") from error
    if not stat.S_ISREG(mode):
        raise Damaged(path, "not a regular file")


def _harden(connection: apsw.Connection) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, 4 * 1024 * 1024)
    connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, 64 * 1024)
    connection.limit(apsw.SQLITE_LIMIT_COLUMN, 100)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    connection.limit(apsw.SQLITE_LIMIT_WORKER_THREADS, 0)


def _holds(connection: apsw.Connection) -> bool:
    """Whether there is a table, without a look at it: tables and version come in one commit."""
    return int(str(connection.pragma("page_count"))) > 1


def _migrate(connection: apsw.Connection, path: Path, schema: str) -> None:
    holds = _holds(connection)
    found = int(str(connection.pragma("user_version")))
    if found > CONTRACT:
        raise Incompatible(path, found, CONTRACT)
    if found < 0 or (found == 0 and holds):
        raise Damaged(path, NO_VERSION)
    if found == CONTRACT:
        return
    with transaction(connection, path), ours(path):
        for version in range(found + 1, CONTRACT + 1):
            connection.execute(schema_sql(schema, version), can_cache=False)
        connection.pragma("user_version", CONTRACT)


@contextmanager
def ours(path: Path) -> Iterator[None]:
    """For what brings a file up to date. Raises `Damaged` where it has other tables than its version has."""
    try:
        yield
    except apsw.SQLError as error:
        raise Damaged(path, f"its tables are not those of its version ({error})") from error


def schema_sql(schema: str, version: int) -> str:
    """The append-only migration that leads to `version`."""
    return (SCHEMA / f"{schema}_{version:04}.sql").read_text("utf-8")
