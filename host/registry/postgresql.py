"""The registry on PostgreSQL: one connection of one host that leads, whole groups of jobs in one serializable transaction.

A commit whose answer was lost is asked for by its transaction's number, never guessed. Who leads renews a lease (`leases`), and
every transaction checks its number, the epoch: a host that was cut off and comes back finds another one there and changes
nothing more.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import conninfo, errors, sql

from host.folders.disk import Disk
from host.registry import dialect, leases, nodes, stones, telling
from host.registry.groups import Grouped, Job, Outcome
from host.registry.holding import Holding
from host.registry.leases import Beats, Connection, Right
from host.registry.nodes import Led, Node
from host.registry.port import Bindings, Rows
from host.registry.tidings import Tidings
from host.registry.ties import Ties
from host.registry.where import DATABASE as NAME
from host.registry.where import OLDEST_HOST, VERSION
from sessiondb.errors import Damaged, Full, Incompatible, SessionError, Unavailable

log = logging.getLogger(__name__)

OLDEST = 140_000  # of servers: functions are written as they have them
PATIENCE = 20.0  # s in which a group waits for the server and for an answer about its commit
PAUSE = 0.05  # s before the first other attempt at the most; doubles up to a second
IN_VAIN = 2  # attempts, after which a group waits for its turn
# No wait is the server's or the network's alone.
BOUNDS: dict[str, str | int] = {
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# What it would compile is read in milliseconds, and compiled in a second: it guesses at tables that nobody analysed.
SETTINGS = (
    "-c jit=off -c statement_timeout=60s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
    " -c standard_conforming_strings=on -c default_transaction_isolation=serializable"
)
MOVING = (
    "moving"  # in `meta`: its rows are on their way into it, or are older than a host.db by now (`migrating`)
)
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)  # nothing was changed: from the beginning


class Lost(Unavailable):
    """Another host leads, or nobody can tell any more what was committed: this one has to end."""


class _Again(Exception):
    """Nothing of the group was committed."""


class Found(list[tuple[Any, ...]]):
    """`Rows`, all of them read."""

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.pop(0) if self else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        found = list(self)
        self.clear()
        return found


class Session:
    """`Statements` on a connection of PostgreSQL's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changes = 0

    def execute(self, statements: str, bindings: Bindings | None = None, /) -> Rows:
        cursor = self._connection.execute(
            dialect.statement(statements).encode(), dialect.bound(bindings or ())
        )
        if not (cursor.statusmessage or "").startswith("SELECT"):
            self._changes = max(cursor.rowcount, 0)
        return Found(tuple(map(_plain, row)) for row in (cursor.fetchall() if cursor.description else ()))

    def executemany(self, statements: str, sequenceofbindings: Iterable[Bindings], /) -> Rows:
        for bindings in sequenceofbindings:
            self.execute(statements, bindings)
        return Found()

    def changes(self) -> int:
        return self._changes


def _plain(value: Any) -> Any:
    """A condition's value and a sum's, as SQLite has them."""
    return int(value) if isinstance(value, bool | Decimal) else value


@contextmanager
def translated() -> Iterator[None]:
    """Turns psycopg's errors into `sessiondb.errors`, once, at the edge."""
    try:
        yield
    except AGAIN:
        raise
    except (errors.DiskFull, errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        raise Full(NAME, _said(error)) from error
    except (
        errors.DataCorrupted,
        errors.IndexCorrupted,
        errors.UndefinedTable,
        errors.UndefinedColumn,
    ) as error:
        raise Damaged(NAME, _said(error)) from error
    except psycopg.OperationalError as error:
        raise Unavailable(NAME, _said(error)) from error


def _said(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


def connect(url: str) -> Connection:
    """Raises `SessionError`, also for a server that would lose or change what it is given."""
    with translated():
        given = conninfo.conninfo_to_dict(url)
        options = f"{given.pop('options', None) or ''} {SETTINGS}".strip()
        bounds = {"application_name": "dovecote", "target_session_attrs": "read-write", **BOUNDS, **given}
        connection = psycopg.connect(conninfo.make_conninfo("", **bounds, options=options), autocommit=True)
        try:
            _require(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _require(connection: Connection) -> None:
    if connection.info.server_version < OLDEST:
        raise Full(NAME, f"a server of version {OLDEST // 10_000} or newer is needed")
    for name, wanted in (("server_encoding", "UTF8"), ("fsync", "on"), ("full_page_writes", "on")):
        [(found,)] = connection.execute(f"SHOW {name}").fetchall()
        if found != wanted:
            raise Full(NAME, f"{name} is {found}: it has to be {wanted}, or records are lost")
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )


def require_fit(connection: Connection) -> int:
    """The tables' version. Raises `Incompatible` where they are newer, and not for a host as old as this one."""
    with translated():
        [(found, oldest)] = connection.execute("SELECT version, oldest FROM leader").fetchall()
    if found > VERSION and not 0 < oldest <= VERSION:
        raise Incompatible(NAME, found, VERSION)
    return int(found)


def migrate(connection: Connection) -> None:
    """Makes the tables, or brings them to this version, however long that takes; of several that begin to serve one does, and
    the others see what it did. Raises `SessionError`."""
    with translated(), stones.alone(connection), connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")  # a large table's would never come to its end
        found = require_fit(connection)
        for version in range(found + 1, VERSION + 1):
            text = stones.SCHEMA.joinpath(f"host_{version:04}.sql").read_text("utf-8")
            connection.execute(dialect.schema(text).encode())
        if found <= VERSION:
            connection.execute("UPDATE leader SET version = %s, oldest = %s", (VERSION, OLDEST_HOST))


def _require_whole(connection: Connection) -> None:
    with translated():
        row = connection.execute("SELECT value FROM meta WHERE key = %s", (MOVING,)).fetchone()
    if row and str(row[0]).startswith("from"):
        raise Unavailable(NAME, "records are being moved into it: begin `dovecote migrate` there once more")
    if row:
        raise Unavailable(
            NAME, "its records were moved to a host.db: leave [cluster] out there, or make a new database"
        )


class PostgreSQL(Grouped):
    """The `Registry` in a database. In another thread `lost` is called once, when this host must end, and `drained`, perhaps more
    than once, when another one is to serve."""

    everybodys = (*AGAIN, psycopg.OperationalError)

    def __init__(
        self,
        url: str,
        disk: Disk,
        lost: Callable[[SessionError], None],
        node: Node,
        drained: Callable[[], None],
        right: Right,
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(disk, NAME)
        self._url = url
        self._tell = lost
        self._drained = drained
        self._node = node
        self._right = right
        serves = node.id if right is leases.SERVES else ""
        self.holding, self.tidings = Holding(serves, labels), Tidings(serves)
        self.ties = Ties()
        self.ahead: Callable[[], int] | None = None
        self._lost: Lost | None = None
        self._losses = threading.Lock()
        self._epoch = 0  # of ours
        self._beats: Beats | None = None
        self._connection: Connection | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        disk: Disk,
        lost: Callable[[SessionError], None],
        node: Node,
        drained: Callable[[], None] = lambda: None,
        *,
        among_others: bool = False,
        labels: Sequence[str] = (),
    ) -> PostgreSQL:
        """`among_others`: others serve at a time; `labels` are this node's then. Raises `SessionError`; `Led` while another node
        serves, or is to."""
        right = leases.SERVES if among_others else leases.LEADS
        made = cls(url, disk, lost, node, drained, right, labels)
        await disk.run(made._begin)
        return made

    @property
    def node(self) -> str:
        return self._node.id

    def leads(self) -> bool:
        return self._lost is None and self._beats is not None and self._beats.holds

    async def scrub(self) -> bool:
        """Rows that nobody sees any more make room. What stays of them in pages and in the log is the server's to overwrite."""
        await self.write(lambda _: None)
        await self._disk.run(self._vacuum)
        return True

    def _begin(self) -> None:
        connection = connect(self._url)
        try:
            with translated():
                stones.lay(connection)
            require_fit(connection)  # whoever could not serve takes the right to from nobody
            self._lead(connection)
            migrate(connection)
            if self.holding.is_shared:
                with translated():
                    stones.have_told(connection)
            _require_whole(connection)
        except BaseException:
            self._give_up()
            connection.close()
            raise
        self._connection = self._own(connection)

    def _own(self, connection: Connection) -> Connection:
        """That sees what is this node's to do (`here`, of schema/serving.sql)."""
        if self.holding.is_shared:
            connection.execute("SELECT set_config('dovecote.node', %s, false)", (self._node.id,))
        return connection

    def _end(self) -> None:
        self._give_up()
        if self._connection is not None:
            self._connection.close()

    def _give_up(self) -> None:
        """After all that was done: whoever takes over begins at once."""
        if self._beats is not None:
            self._beats.end(giving_back=self._lost is None)
        self.ties.end()

    def _vacuum(self) -> None:
        """By a connection of its own: none of a group's transactions may be open on it. Table by table, each within the time of a
        statement: one that is too large for that is the server's own (autovacuum), and holds up none of the others."""
        connection = connect(self._url)
        try:
            with translated():
                tables = (
                    "SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY 1"
                )
                for (table,) in connection.execute(tables).fetchall():
                    try:
                        connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)))
                    except errors.QueryCanceled:
                        told = {"action": "vacuum_left"}
                        log.warning(
                            "Room in %s is made by the server, when it comes to it", table, extra=told
                        )
        finally:
            connection.close()

    # ── who leads ────────────────────────────────────────────────────────────────────────────────────────

    def _lead(self, connection: Connection) -> None:
        """Raises `Led` where another node serves."""
        with translated():
            leases.show(connection, self._node)
            asked = leases.clock()
            placing = self.holding.placing
            epoch = leases.take(connection, self._node, self._right, placing.labels)
            if epoch is None:
                mixed = nodes.mixed(Session(connection), together=self._right is leases.SERVES)
                raise Led(NAME, mixed or leases.why_not(connection, self._node))
            self._epoch = epoch
            placing.hear(leases.loads(connection, self._node, self._right))  # before any place is taken
            told = leases.Told(
                self._taken_over, self._drained, self.ties.renew, self.holding.load, placing.hear
            )
            self._beats = Beats(lambda: connect(self._url), self._node, epoch, asked, told, self._right)

    def _taken_over(self) -> None:
        self._losing(self._over())

    def _check(self, connection: Connection) -> None:
        found = leases.epoch_of(connection, self._node, self._right)
        if found != self._epoch:
            raise self._losing(self._over())

    def _over(self) -> str:
        led = (
            "another host leads"
            if self._right is leases.LEADS
            else "others have what this host held, for its lease is over"
        )
        return f"{led} (our epoch was {self._epoch})"

    def _losing(self, why: str) -> Lost:
        with self._losses:
            if self._lost is None:
                self._lost = Lost(NAME, why)
                self._tell(self._lost)
            return self._lost

    def _connected(self) -> Connection:
        if self._lost is not None:
            raise self._lost
        if self._connection is None or self._connection.closed:
            self._connection = self._own(connect(self._url))
        return self._connection

    # ── groups ───────────────────────────────────────────────────────────────────────────────────────────

    def _commit(self, jobs: list[Job]) -> list[Outcome]:
        until, pause, tries = time.monotonic() + PATIENCE, PAUSE, 0
        while True:
            tries += 1
            try:
                with translated(), self._in_turn(tries):
                    return self._attempt(jobs)
            except (_Again, Unavailable) as error:
                if isinstance(error, Lost) or time.monotonic() > until:
                    raise (
                        error if isinstance(error, SessionError) else Unavailable(NAME, str(error))
                    ) from error
            time.sleep(pause * random.uniform(0.1, 1.0))  # noqa: S311 - jitter, no secret
            pause = min(2 * pause, 1.0)

    def _in_turn(self, tries: int) -> AbstractContextManager[None]:
        many = tries > IN_VAIN and self._right is leases.SERVES
        return stones.in_turn(self._connected()) if many else nullcontext()

    def _attempt(self, jobs: list[Job]) -> list[Outcome]:
        """Raises `_Again` and `Unavailable` when nothing was committed, `Lost` when this host has to end."""
        connection = self._connected()
        self.holding.hinted()  # by an attempt in vain
        try:
            with translated():
                connection.execute("BEGIN")
                self._check(connection)
                outcomes = self._outcomes(jobs)
                [(number, timeline)] = connection.execute(_NUMBER).fetchall()
        except AGAIN as error:
            with translated():
                connection.execute("ROLLBACK")
            raise _Again(_said(error)) from error
        except BaseException:  # nothing is left open that a later group would find itself in
            connection.close()
            raise
        try:
            connection.execute("COMMIT")
        except AGAIN as error:
            raise _Again(_said(error)) from error
        except psycopg.OperationalError as error:
            connection.close()
            if number is None or not self._committed(number, timeline):
                raise _Again(_said(error)) from error
        else:
            telling.tell(connection, self.holding.hinted())
        return outcomes

    def _alone(self, job: Job) -> Any:
        if self._connection is None:
            raise psycopg.OperationalError("no connection")
        with self._connection.transaction():
            return job(Session(self._connection))

    def _committed(self, number: str, timeline: str) -> bool:
        """Whether a transaction was, whose commit was not answered: the server knows. Raises `Lost` where nobody does, as after
        a failover: the same number may be another transaction's there."""
        status: list[str | None] = []

        def told() -> bool:
            try:
                with connect(self._url) as connection:
                    status[:] = [row[0] for row in connection.execute(_STATUS, (timeline, number)).fetchall()]
            except (SessionError, psycopg.OperationalError):
                return False
            except psycopg.Error:  # a server that has never heard of it: another took its place
                status[:] = [None]
            return status != ["in progress"]

        if not _until(told, PATIENCE) or status == [None]:
            raise self._losing("a commit's outcome cannot be learnt; the next start finds what was kept")
        return status == ["committed"]


_TIMELINE = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"  # another one after each failover
_NUMBER = f"SELECT pg_current_xact_id_if_assigned()::text, {_TIMELINE}"
_STATUS = f"SELECT CASE WHEN {_TIMELINE} = %s THEN pg_xact_status(%s::xid8) END"


def _until(known: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not known():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True
