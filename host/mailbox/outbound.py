"""Reading outbound.db: untrusted input (law 8). The host never writes it and never opens it read-write (law 2)."""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import apsw
from pydantic import TypeAdapter, ValidationError

from host.mailbox import untrusted
from sessiondb import approving, content, seq
from sessiondb import connection as sqlite
from sessiondb.connection import open_reader, schema_sql, settle
from sessiondb.contract import CONTRACT, WAITS
from sessiondb.errors import Damaged, Missing, Unavailable, translated
from sessiondb.records import Ack, AckStatus, MessageOut, RunnerState

QUERY_BUDGET = 0.5  # s of a core that one query may take; a slow disk and a busy machine are nobody's fault
LARGEST_CONTENT = 2_000_000  # bytes of one row's content
LARGEST_READ = 8_000_000  # bytes of content one read takes into memory
LONGEST_ID = 200  # bytes
LONGEST_PARKED = 1_000  # characters of what is noted of a call that waits
LONGEST_ERROR = 2_000  # bytes
LARGEST_STEP = 500_000  # bytes of one step's content that is copied
LARGEST_VALUE = 100_000  # bytes, of a value likewise
MOST_VALUES = 2_000  # of one session, likewise
ROWS_PER_READ = 200
MOST_UNREAD = 20_000  # rows beyond the last one read; more are a flood, not a conversation
LATEST = 2**53  # ms UTC; a time beyond it is none
LARGEST_JUMP = 1_000_000  # between a row's seq and everything seen before: a runner counts by twos

_SURROGATE = re.compile(r"\\u[dD]")
_VALID: dict[str, TypeAdapter[content.Outbound]] = {
    name: TypeAdapter(cls) for name, cls in content.OUTBOUND.items()
}


@dataclass(frozen=True, slots=True)
class Accepted:
    row: MessageOut
    content: content.Outbound


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not what it should be; it is quarantined and blocks nothing behind it."""

    seq: int
    id: str
    reason: str
    in_reply_to: str = ""  # the message it would have answered, as far as that could be read
    asks: bool = False  # it is a question, for whose answer a call waits


@dataclass(frozen=True, slots=True)
class Page:
    """The next rows in order; `more` when there may be others behind them."""

    rows: list[Accepted | Refused]
    more: bool
    size: int = 0  # bytes of their contents


class Written(NamedTuple):
    """A step as it is copied for other nodes."""

    step: int
    turn: str
    kind: str
    tool_use_id: str
    content: str | None  # None where it is too large, or no text
    created_at: int


def _text(column: str, limit: int) -> str:
    """The bytes of a text column within its limit, else NULL. What is too long is never loaded."""
    return f"CASE WHEN typeof({column}) = 'text' AND octet_length({column}) <= {limit} THEN CAST({column} AS BLOB) END"


def _integer(column: str) -> str:
    return f"CASE WHEN typeof({column}) = 'integer' THEN {column} END"


_ROWS = (
    f"SELECT seq, {_text('id', LONGEST_ID)}, {_text('in_reply_to', LONGEST_ID)}, {_text('destination', LONGEST_ID)},"
    f" {_text('kind', 20)}, {_integer('created_at')}, {_integer('deliver_after')}, {_text('content', LARGEST_CONTENT)}"
    " FROM messages_out WHERE seq > ? ORDER BY seq LIMIT ?"
)
_ACKS = (
    f"SELECT {_text('message_id', LONGEST_ID)}, {_text('status', 20)}, {_text('incarnation', LONGEST_ID)},"
    f" {_integer('attempt')}, {_text('turn', LONGEST_ID)}, {_text('error', LONGEST_ERROR)}"
    " FROM processing_ack WHERE message_id IN"
)
_STATE = (
    f"SELECT {_text('incarnation', LONGEST_ID)}, {_text('phase', 20)}, {_text('tool', LONGEST_ID)},"
    f" {_integer('tool_deadline')}, {_integer('activity_at')} FROM runner_state WHERE one = 1"
)
_PARKED = (
    "SELECT CASE WHEN json_valid(value) THEN json_extract(value, '$.answered_by') = '' END FROM session_state"
    f" WHERE key = ? AND length(value) < {LONGEST_PARKED}"
)
_WAITS = f"SELECT {_text('value', LONGEST_ID)} FROM session_state WHERE key = ?"
_NAME = "json_extract(content, '$.name')"
_TOOLS = (
    f"SELECT CASE WHEN json_valid(content) THEN {_text(_NAME, LONGEST_ID)} END, {_text('state', 20)} FROM transcript"
    f" WHERE turn = ? AND kind = 'tool_call' AND octet_length(content) <= {LARGEST_CONTENT} ORDER BY step LIMIT ?"
)
# As it is copied for other nodes, where there are any.
_STEPS = (
    f"SELECT step, {_text('turn', LONGEST_ID)}, {_text('kind', 20)}, {_text('tool_use_id', LONGEST_ID)},"
    f" {_text('content', LARGEST_STEP)}, {_integer('created_at')} FROM transcript WHERE step > ? ORDER BY step LIMIT ?"
)
_ASKED_IN = (
    f"SELECT {_text('asked.value', LONGEST_ID)} FROM transcript,"
    " json_each(CASE WHEN json_valid(content) THEN content ELSE '{}' END, '$.ids') AS asked"
    f" WHERE turn = ? AND kind = 'user' AND octet_length(content) <= {LARGEST_STEP} LIMIT ?"
)
_ANSWERED = f"SELECT DISTINCT {_text('in_reply_to', LONGEST_ID)} FROM messages_out WHERE seq > ? LIMIT ?"
_STATES = f"SELECT {_text('key', LONGEST_ID)}, {_text('value', LARGEST_VALUE)} FROM session_state LIMIT {MOST_VALUES}"
_OPEN = (
    f"SELECT {_text('message_id', LONGEST_ID)} FROM processing_ack WHERE status IN ('processing', 'retry')"
)
_ANY = f"SELECT {_text('message_id', LONGEST_ID)} FROM processing_ack"
_UNREAD = "SELECT count(*) FROM (SELECT 1 FROM messages_out WHERE seq > ? LIMIT ?)"


class OutboundReader:
    """Raises `Unavailable` (look again at the next tick) and `Damaged` (quarantine)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)
        self._deadline = time.thread_time() + QUERY_BUDGET
        self._schema_version: object = None
        through = untrusted.NAME if sqlite.vfs is None else None
        with self._understood():
            self._connection = open_reader(path, defensive=True, through=through)
        self._connection.set_progress_handler(lambda: time.thread_time() > self._deadline, 5_000)

    def close(self) -> None:
        self._connection.close()

    def is_current(self) -> bool:
        """False when another file has been put in its place."""
        try:
            return _identity(self._path) == self._identity
        except Unavailable:
            return False

    def rows_after(self, number: int) -> Page:
        """The next rows beyond a seq, each validated: at most `ROWS_PER_READ` and about `LARGEST_READ` bytes."""
        with self._snapshot():
            rows: list[Accepted | Refused] = []
            size, known = 0, number
            cursor = self._connection.execute(_ROWS, (number, ROWS_PER_READ))
            for row in cursor:
                found = int(str(row[0]))
                if not _follows(known, found):
                    raise Damaged(self._path, f"a row of seq {found} after {known}")
                known = found
                rows.append(_validated(row))
                size += len(row[7]) if isinstance(row[7], bytes) else 0
                if size > LARGEST_READ:
                    break
            cursor.close()
            more = len(rows) == ROWS_PER_READ or size > LARGEST_READ
            if more:
                self._deadline = time.thread_time() + QUERY_BUDGET
                unread = self._connection.execute(_UNREAD, (number, MOST_UNREAD + 1)).fetchone()
                if unread is None or int(str(unread[0])) > MOST_UNREAD:
                    raise Damaged(self._path, f"more than {MOST_UNREAD} rows wait")
            return Page(rows, more, size)

    def acks(self, ids: Sequence[str]) -> list[Ack]:
        """What the runner says of these messages; nothing of others is looked at."""
        found: list[Ack] = []
        for start in range(0, len(ids), 500):
            part = tuple(ids[start : start + 500])
            with self._snapshot():
                rows = self._connection.execute(f"{_ACKS} ({','.join('?' * len(part))})", part).fetchall()
            found += [ack for row in rows if (ack := _ack(row)) is not None]
        return found

    def waits(self) -> tuple[str, int]:
        """The turn that the model API asked to come back later, and when (ms UTC)."""
        with self._snapshot():
            row = self._connection.execute(_WAITS, (WAITS,)).fetchone()
        until, _, turn = (_decoded_text(row[0]) or "" if row is not None else "").partition(" ")
        return (turn, int(until)) if len(until) < 16 and until.isascii() and until.isdigit() else ("", 0)

    def parked(self, row_ids: Sequence[str]) -> list[str]:
        """Those of these questions for whose answer a call still waits, as the runner says."""
        found = []
        for row_id in row_ids:
            with self._snapshot():
                row = self._connection.execute(_PARKED, (f"parked:{row_id}",)).fetchone()
            if row is not None and row[0] == 1:
                found.append(row_id)
        return found

    def steps_after(self, number: int) -> tuple[list[Written], bool]:
        """The next steps beyond a number, about `LARGEST_READ` bytes of them at most, and whether there may be others behind
        them. One that is none is passed over."""
        found: list[Written] = []
        size = seen = 0
        with self._snapshot():
            cursor = self._connection.execute(_STEPS, (number, ROWS_PER_READ))
            for step, *columns, at in cursor:
                turn, kind, tool, body = map(_decoded_text, columns)
                if turn is not None and kind is not None and tool is not None:
                    when = at if isinstance(at, int) else 0
                    found.append(Written(int(str(step)), turn, kind, tool, body, when))
                seen, size = seen + 1, size + len(body or "")
                if size > LARGEST_READ:
                    break
            cursor.close()
        return found, seen == ROWS_PER_READ or size > LARGEST_READ

    def numbers(self) -> set[int]:
        """Of all steps."""
        with self._snapshot():
            return {int(str(step)) for (step,) in self._connection.execute("SELECT step FROM transcript")}

    def values(self) -> dict[str, str]:
        """What the runner keeps by a key, as far as it is not too large."""
        with self._snapshot():
            rows = self._connection.execute(_STATES).fetchall()
        named = ((_decoded_text(key), _decoded_text(value)) for key, value in rows)
        return {key: value for key, value in named if key and value is not None}

    def answered_after(self, number: int) -> list[str]:
        """The messages that rows beyond a number answer."""
        with self._snapshot():
            rows = self._connection.execute(_ANSWERED, (number, ROWS_PER_READ)).fetchall()
        return [id_ for (column,) in rows if (id_ := _decoded_text(column))]

    def asked_in(self, turn: str) -> list[str]:
        """The messages that a turn has put to its model."""
        with self._snapshot():
            rows = self._connection.execute(_ASKED_IN, (turn, ROWS_PER_READ)).fetchall()
        return [id_ for (column,) in rows if (id_ := _decoded_text(column))]

    def acknowledged(self, *, open_ones: bool) -> list[str]:
        """The messages that turns have claimed: those of turns under way, or of all."""
        with self._snapshot():
            rows = self._connection.execute(_OPEN if open_ones else _ANY).fetchall()
        return [id_ for (column,) in rows if (id_ := _decoded_text(column))]

    def runner_state(self) -> RunnerState | None:
        with self._snapshot():
            row = self._connection.execute(_STATE).fetchone()
        if row is None:
            return None
        incarnation, phase, tool = (_decoded_text(column) for column in row[:3])
        deadline, activity = row[3:]
        if incarnation is None or phase is None or tool is None:
            return None
        if not isinstance(deadline, int) or not isinstance(activity, int):
            return None
        return RunnerState(incarnation, phase, tool, deadline, activity)

    def tools(self, turn: str) -> list[tuple[str, str]]:
        """The tool calls of a turn by name, each with its state; for an operator to look at."""
        with self._snapshot():
            rows = self._connection.execute(_TOOLS, (turn, ROWS_PER_READ)).fetchall()
        found = [(_decoded_text(name), _decoded_text(state)) for name, state in rows]
        return [(name, state) for name, state in found if name is not None and state is not None]

    def examine(self, most: float) -> None:
        """Looks at every page, in `most` s of a core. Raises `Damaged` for what is certain."""
        with self._snapshot():
            self._deadline += most
            sqlite.examine(self._connection, self._path, most)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is asked inside is asked of one state of the file, and locks it once. Nothing else belongs inside."""
        with self._snapshot():
            yield

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One read transaction, each query within its budget. The schema is looked at again whenever it has changed: the
        statements inside see the tables that were checked, and no others."""
        self._deadline = time.thread_time() + QUERY_BUDGET
        if self._connection.in_transaction:
            yield
            return
        with self._understood():
            self._connection.execute("BEGIN")
            try:
                version = self._connection.execute("PRAGMA schema_version").fetchone()
                if version != self._schema_version:
                    self._check_schema()
                    self._schema_version = version
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Errors in this module's terms. What an honest runner cannot cause is damage, not bad luck."""
        try:
            with translated(self._path):
                try:
                    yield
                except apsw.InterruptError as error:
                    raise Damaged(self._path, "a query took too long") from error
                except _DAMAGE as error:
                    raise Damaged(self._path, str(error)) from error
        except Unavailable as error:
            reason = untrusted.refusal(self._path) if sqlite.vfs is None else ""
            if reason:
                raise Damaged(self._path, reason) from error
            raise

    def _check_schema(self) -> None:
        if self._connection.pragma("encoding") != "UTF-8":
            raise Damaged(self._path, "its text is not UTF-8")
        rows = self._connection.execute(_SCHEMA).fetchall()
        if not rows and self._connection.pragma("user_version") == 0:
            raise Missing(self._path, "it was emptied")
        if rows != expected_schema():
            raise Damaged(self._path, "its tables are not those of an outbound.db")


_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name LIMIT 100"
_DAMAGE = (
    apsw.SQLError,
    apsw.TooBigError,
    apsw.MismatchError,
    apsw.NoMemError,
    apsw.AuthError,
    apsw.RangeError,
    apsw.InternalError,
    UnicodeDecodeError,
)


@functools.cache
def expected_schema() -> list[tuple[apsw.SQLiteValue, ...]]:
    """What an outbound.db of this contract holds: its fingerprint. No view, trigger, virtual table or generated column."""
    connection = apsw.Connection(":memory:")
    try:
        for version in range(1, CONTRACT + 1):
            connection.execute(schema_sql("outbound", version))
        return connection.execute(_SCHEMA).fetchall()
    finally:
        connection.close()


def settled(path: Path) -> OutboundReader:
    """For whoever acts on what is read: its runner may have been killed within its last commit. Raises as the reader does."""
    settle(path)
    return OutboundReader(path)


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except FileNotFoundError as error:
        raise Missing(path, "it is not there") from error
    except OSError as error:
        raise Unavailable(path, error.strerror or "cannot be examined") from error
    if found.st_size > untrusted.LARGEST_FILE:
        raise Damaged(path, f"it has {found.st_size} bytes")
    return found.st_dev, found.st_ino


def _follows(known: int, found: int) -> bool:
    """A file can be made whose rows stand in another order than SQLite writes, and seem to be new each time."""
    return known < found <= min(seq.MAX_SEQ, known + LARGEST_JUMP)


def _is_time(at: int) -> bool:
    return 0 <= at <= LATEST


def _validated(row: tuple[object, ...]) -> Accepted | Refused:
    number = int(str(row[0]))
    id_, in_reply_to, destination, kind = (_decoded_text(column) for column in row[1:5])
    created_at, deliver_after, body = row[5:]
    if not id_:
        return Refused(number, "", f"its id is no text of 1 to {LONGEST_ID} bytes")
    if not seq.is_valid("odd", number):
        return Refused(number, id_, "seq out of range or of the wrong parity")
    if in_reply_to is None or destination is None:
        return Refused(number, id_, "in_reply_to or destination is no text")
    if not isinstance(created_at, int) or not isinstance(deliver_after, int):
        return Refused(number, id_, "a time is no integer", in_reply_to)
    text = _decoded_text(body)
    if text is None:
        return Refused(number, id_, f"content is no text of at most {LARGEST_CONTENT} bytes", in_reply_to)
    try:
        decoded = _decoded(text)
    except (ValidationError, ValueError, RecursionError) as error:
        return Refused(number, id_, f"content: {str(error).splitlines()[0]}", in_reply_to, _asks(text))
    if kind != ("system" if isinstance(decoded, content.Action) else "chat"):
        return Refused(number, id_, "kind and content do not fit", in_reply_to)
    accepted = MessageOut(number, id_, in_reply_to, destination, kind, created_at, deliver_after, text)
    return Accepted(accepted, decoded)


def _decoded_text(column: object) -> str | None:
    if not isinstance(column, bytes):
        return None
    try:
        return column.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _decoded(body: str) -> content.Outbound:
    found = json.loads(body, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    if _SURROGATE.search(body):  # a lone one, escaped in the JSON, would travel as far as the platform
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    adapter = _VALID.get(str(found.pop("type", "")))
    if adapter is None:
        raise ValueError("unknown type of operation")
    valid = adapter.validate_python(found)
    if isinstance(valid, content.Question) and not _is_time(valid.expires_at):
        raise ValueError(
            "its end is no time"
        )  # SQLite holds 64 bits: a larger one would fail where it is kept
    if (
        isinstance(valid, content.Question)
        and valid.approval
        and not approving.is_of(valid.approval, valid.call)
    ):
        raise ValueError("it asks for a yes, and what would run is not there to be shown")
    return valid


def _asks(body: str) -> bool:
    """Whether a body that is refused was to be a question."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("type") == content.Question.type


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _ack(row: tuple[object, ...]) -> Ack | None:
    id_, status, incarnation, turn, error = (_decoded_text(row[n]) for n in (0, 1, 2, 4, 5))
    attempt = row[3]
    if id_ is None or incarnation is None or turn is None or status not in list(AckStatus):
        return None
    if not isinstance(attempt, int) or not 0 <= attempt <= 1_000:
        return None
    return Ack(id_, AckStatus(status), incarnation, attempt, turn, (error or "")[:500])
