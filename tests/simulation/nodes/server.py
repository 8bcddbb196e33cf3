"""A PostgreSQL as a host's engine meets it, in virtual time: the product's own engine and statements, told to SQLite in memory.

Transactions are one after another, which is what serializable ones come to; what the server may do besides is here: it has a
transaction tried again, answers a commit late or never, and cannot be reached by a node that is cut off. What it has committed,
it keeps; of transactions it knows by their numbers what became of them.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import apsw
import psycopg
from psycopg import errors

from host.registry import leases, postgresql, stones
from host.registry.where import DATABASE, OLDEST_HOST, VERSION
from sessiondb.errors import Unavailable
from tests.simulation.processes import Process, current

TIMELINE = "00000001"
SILENT = 10.0  # s until a connection that nobody answers is lost (`BOUNDS`)
CONNECTING = 5.0
LOCKED = 0.1  # s between two looks at a lock that another has
_COMMENT = re.compile(r"--[^\n]*")
_MADE = re.compile(r"(?:CREATE (?:TABLE|INDEX)|ALTER TABLE|INSERT INTO|CREATE (?:OR REPLACE )?VIEW)\b[^;$]*;")
_WORDS = (
    (r' COLLATE "C"', ""),
    (r"GENERATED ALWAYS AS IDENTITY ", ""),
    (r"\bbigint\b", "INTEGER"),
    (r"::int\b", ""),
    (r"\bADD COLUMN IF NOT EXISTS\b", "ADD COLUMN"),
    (r"\bSELECT FROM\b", "SELECT 1 FROM"),
    (r"CREATE OR REPLACE VIEW (\w+)", r"DROP VIEW IF EXISTS \1; CREATE VIEW \1"),
)
# As schema/tidings.sql has them.
_TOLD = (
    ("paused added", "INSERT ON paused", "json_array()"),
    ("paused gone", "DELETE ON paused", "json_array()"),
    ("closed added", "INSERT ON closed", "json_array()"),
    ("closed gone", "DELETE ON closed", "json_array()"),
    ("users changed", "UPDATE OF gone_at ON users", "json_array()"),
    (
        "channel_rules added",
        "INSERT ON channel_rules",
        "json_array(new.channel_type, new.workspace_id, new.platform_id)",
    ),
    (
        "channel_rules changed",
        "UPDATE ON channel_rules",
        "json_array(new.channel_type, new.workspace_id, new.platform_id)",
    ),
    (
        "sessions changed",
        "UPDATE OF scope ON sessions",
        "json_array(new.channel_type, new.workspace_id, new.platform_id)",
    ),
)
_TRIGGER = """
CREATE TRIGGER "tidings {0}" AFTER {2} BEGIN
    INSERT INTO tidings (what, about, node, at) VALUES ('{1}', {3}, asking(), ms_now());
END
"""
_HERE = re.compile(r"CREATE VIEW (\w+_here) AS SELECT \* FROM (\w+);")
_HERE_AS = (
    r"CREATE VIEW \1 AS SELECT * FROM \2 WHERE asking() = '' OR EXISTS (SELECT 1 FROM placements WHERE"
    r" placements.channel_type = \2.channel_type AND placements.workspace_id = \2.workspace_id"
    r" AND placements.platform_id = \2.platform_id AND placements.node = asking());"
)
_CTE = re.compile(r"\s*(?:WITH|,)\s+(\w+)\s+AS\s*\(")
_CHANGES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b")


class Server:
    """`committed` hears of each transaction that changed something, before anybody else does."""

    def __init__(self, chance: random.Random, now: Callable[[], int], waits: Callable[[float], None]) -> None:
        self.chance = chance
        self.now = now
        self.waits = waits
        self.again = 0.0  # chance that a transaction is to be tried again
        self.loses = 0.0  # chance that a connection breaks at a commit
        self.takes = 0.001  # s until it answers
        self.cut: set[str] = set()  # nodes that do not reach it
        self.silent = False  # those hear so only when they have waited
        self.committed: Callable[[Process], None] = lambda _: None
        self.epochs: dict[Process, int] = {}  # as each was given one
        self.kept: set[str] = set()  # numbers of transactions
        self.numbers = 0
        self.listening: defaultdict[str, list[Connection]] = defaultdict(list)
        self.asking = ""  # the node that the connection of this moment has named
        self.busy = False  # a transaction is open
        self.locks: dict[int, Connection] = {}
        self.db = apsw.Connection(":memory:")
        functions: tuple[tuple[str, Any, int], ...] = (
            ("ms_now", self.now, 0),
            ("asking", self._asking, 0),
            ("current_setting", lambda *_: self.asking, 2),
            ("here", self._here, 3),
            ("pg_notify", self._notify, 2),
            ("tell_nodes", self._tell, 2),
        )
        for name, function, arguments in functions:
            self.db.create_scalar_function(name, function, arguments)
        for _, file in stones.STONES:
            for sql in _tables(stones.SCHEMA.joinpath(file).read_text("utf-8")):
                self.db.execute(sql)
        for version in range(1, VERSION + 1):
            text = stones.SCHEMA.joinpath(f"host_{version:04}.sql")
            self.db.execute(_HERE.sub(_HERE_AS, text.read_text("utf-8")))
        for name, when, about in _TOLD:
            self.db.execute(_TRIGGER.format(name, name.split()[0], when, about))
        self.db.execute("UPDATE leader SET version = ?, oldest = ?", (VERSION, OLDEST_HOST))

    def rows(self, sql: str, bindings: Any = ()) -> list[tuple[Any, ...]]:
        """As nobody: for those who look on."""
        return list(self.db.execute(sql, bindings))

    def is_live(self, process: Process, node: str) -> bool:
        """Whether what it was given to serve is its own still."""
        found = self.rows("SELECT epoch FROM serving WHERE node = ? AND live = 1", (node,))
        return found == [(self.epochs.get(process),)]

    def holder(self, place: tuple[str, ...]) -> str | None:
        """'' where it was given back, None where nobody ever took it."""
        sql = "SELECT node FROM placements WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
        found = self.rows(sql, place[:3])
        return str(found[0][0]) if found else None

    def connect(self, url: str) -> Connection:
        """Raises `Unavailable`."""
        process = current()
        assert process is not None
        process.point("connect")
        self.waits(self.takes)
        if process.node in self.cut:
            self.waits(CONNECTING if self.silent else 0.0)
            raise Unavailable(DATABASE, "the server cannot be reached")
        return Connection(self, process)

    def listen(self, url: str, channel: str) -> Connection:
        made = self.connect(url)
        self.listening[channel].append(made)
        return made

    def _here(self, *place: str) -> bool:
        return not self.asking or self.holder(place) == self.asking

    def _asking(self) -> str:
        return self.asking

    def _tell(self, what: str, about: str) -> None:
        sql = "INSERT INTO tidings (what, about, node, at) VALUES (?, ?, ?, ?)"
        self.db.execute(sql, (what, about, self.asking, self.now()))

    def _notify(self, channel: str, _: str) -> None:
        self.listening[channel] = [one for one in self.listening[channel] if not one.closed]
        for connection in self.listening[channel]:
            connection.told.append(channel)
            connection.hint()


class Cursor:
    """As psycopg's, of a statement that is over."""

    description = True

    def __init__(self, rows: list[tuple[Any, ...]], statusmessage: str = "SELECT", rowcount: int = 0) -> None:
        self._rows = deque(rows)
        self.statusmessage = statusmessage
        self.rowcount = rowcount

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.popleft() if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        found = list(self._rows)
        self._rows.clear()
        return found


class Connection:
    """As psycopg's, as far as the product asks."""

    def __init__(self, server: Server, process: Process) -> None:
        self._server = server
        self._process = process
        self.closed = False
        self.told: list[str] = []
        self.hint: Callable[[], object] = lambda: None
        self._node = ""
        self._patience = CONNECTING  # s for a lock
        self._open = False
        self._before = 0  # changes, when its transaction began

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._open:
            self._rolled_back()
        self.closed = True

    def notifies(self, *, timeout: float) -> list[str]:
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        self._reach()
        told, self.told = self.told, []
        return told

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Within one that was begun."""
        assert self._open
        with self._server.db:
            yield

    def execute(self, query: str | bytes, bindings: Any = None) -> Cursor:
        """Raises `psycopg.Error`."""
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        text = query.decode() if isinstance(query, bytes) else query
        match text:
            case "BEGIN":
                return self._begun()
            case "COMMIT":
                return self._committed()
            case "ROLLBACK":
                self._rolled_back()
                return Cursor([])
            case postgresql._NUMBER:
                return Cursor([(self._number(), TIMELINE)])
        if not self._open:
            self._reach()
        if (own := self._of_session(text, bindings)) is not None:
            return own
        if self._open and self._server.chance.random() < self._server.again / 8:
            raise errors.SerializationFailure("could not serialize access")
        self._server.asking = self._node
        rows, changes = _told(self._server.db, text, bindings)
        if text == leases.SERVES.take and rows:
            self._server.epochs[self._process] = int(rows[0][0])
        return Cursor(rows, text.split(None, 1)[0].upper(), changes)

    def _of_session(self, text: str, bindings: Any) -> Cursor | None:
        """What is asked of the server and not of its tables."""
        if text == postgresql._STATUS:
            return Cursor([("committed" if bindings[1] in self._server.kept else "aborted",)])
        if "set_config('dovecote.node'" in text:
            self._node = bindings[0]
            return Cursor([])
        if text.startswith(("SET ", "RESET ")):
            if text.startswith("SET lock_timeout"):
                self._patience = float(text.split("'")[1].removesuffix("s"))
            return Cursor([])
        if "pg_advisory_" in text:
            return self._locked(bindings[0]) if "_unlock" not in text else self._unlocked(bindings[0])
        return None

    # ── locks of a session ───────────────────────────────────────────────────────────────────────────────

    def _locked(self, number: int) -> Cursor:
        locks, waited = self._server.locks, 0.0
        while (holder := locks.get(number)) is not None and holder.is_there:
            if waited >= self._patience:
                raise errors.LockNotAvailable("canceling statement due to lock timeout")
            self._server.waits(LOCKED)
            waited += LOCKED
        locks[number] = self
        return Cursor([])

    def _unlocked(self, number: int) -> Cursor:
        if self._server.locks.get(number) is self:
            del self._server.locks[number]
        return Cursor([])

    @property
    def is_there(self) -> bool:
        return not self.closed and self._process.alive

    # ── transactions ─────────────────────────────────────────────────────────────────────────────────────

    def _reach(self) -> None:
        """The way there and back, on which it may die, or be stopped for long."""
        self._process.point("ask the database")
        self._server.waits(self._server.takes)
        if self._process.node in self._server.cut:
            self._server.waits(SILENT if self._server.silent else 0.0)
            self.close()
            raise psycopg.OperationalError("the server does not answer")

    def _begun(self) -> Cursor:
        self._reach()
        assert not self._server.busy, "nobody waits while a transaction is open"
        self._server.db.execute("BEGIN")
        self._server.busy = self._open = True
        self._before = self._server.db.total_changes()
        return Cursor([])

    def _number(self) -> str | None:
        if self._server.db.total_changes() == self._before:
            return None
        self._server.numbers += 1
        return str(self._server.numbers)

    def _committed(self) -> Cursor:
        server = self._server
        if server.chance.random() < server.again:
            self._rolled_back()
            raise errors.SerializationFailure("could not serialize access")
        breaks = server.chance.random() < server.loses
        if breaks and server.chance.random() < 0.5:
            self.close()
            raise psycopg.OperationalError("the connection broke")
        changed = server.db.total_changes() != self._before
        server.db.execute("COMMIT")
        server.busy = self._open = False
        if changed:
            server.kept.add(str(server.numbers))
            server.committed(self._process)
        self._process.point("committed")
        server.waits(server.takes)
        if breaks or self._process.node in server.cut:
            self.close()
            raise psycopg.OperationalError("the connection broke")
        return Cursor([])

    def _rolled_back(self) -> None:
        if self._open:
            self._server.db.execute("ROLLBACK")
            self._server.busy = self._open = False


def _tables(text: str) -> list[str]:
    """Of what nodes share, as SQLite has it."""
    found = _MADE.findall(
        _COMMENT.sub("", re.sub(r"(?s)CREATE FUNCTION.*?(?:\$\$;|RETURN [^;]*;)", "", text))
    )
    for word, ours in _WORDS:
        found = [re.sub(word, ours, sql) for sql in found]
    return found


def _told(db: apsw.Connection, text: str, bindings: Any) -> tuple[list[tuple[Any, ...]], int]:
    """Rows, and how many were changed."""
    if isinstance(bindings, (list, tuple)):
        bindings = [json.dumps(one) if isinstance(one, list) else one for one in bindings]
    for table, sql in _steps(text):
        if not table:
            return list(db.execute(sql, bindings)), db.changes()
        cursor = db.execute(sql, bindings)
        rows = cursor.fetchall()
        column = "epoch" if "RETURNING epoch" in sql else "one"
        db.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table} ({column})"
        )  # kept: another schema has all prepared anew
        db.execute(f"DELETE FROM temp.{table}")
        db.executemany(f"INSERT INTO temp.{table} VALUES (?)", [row[:1] for row in rows])
    raise AssertionError(text)


@lru_cache(maxsize=4_000)
def _steps(text: str) -> tuple[tuple[str, str], ...]:
    """As SQLite understands it: what changes within a WITH, by name, comes first, and the statement last."""
    text = re.sub(r"%\((\w+)\)s", r":\1", text).replace("%s", "?").replace("%%", "%")
    text = re.sub(r"\bSELECT FROM\b", "SELECT 1 FROM", text)
    text = re.sub(r"(FROM \w+)\s+(ON CONFLICT)", r"\1 WHERE true \2", text)
    text = re.sub(r"'\$\.(\d+)", r"'$[\1]", text).replace("= ANY(?)", "IN (SELECT value FROM json_each(?))")
    steps, rest = [], text
    while (found := _CTE.match(rest)) is not None:
        end = _closing(rest, found.end())
        if not _CHANGES.match(rest[found.end() : end]):
            break
        steps.append((found[1], rest[found.end() : end]))
        rest = rest[end + 1 :]
    return (*steps, ("", rest))


def _closing(text: str, at: int) -> int:
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at - 1
