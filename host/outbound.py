"""Reading outbound.db: untrusted input (law 8). The host never writes it and never opens it read-write (law 2)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw
from pydantic import TypeAdapter, ValidationError

from sessiondb import content, seq
from sessiondb.connection import open_reader
from sessiondb.errors import Damaged, Unavailable, translated
from sessiondb.records import Ack, AckStatus, MessageOut, RunnerState

QUERY_DEADLINE = 0.5  # s one query may take before it is interrupted
LARGEST_CONTENT = 2_000_000  # bytes of one row's content
LONGEST_ID = 200  # characters
ROWS_PER_READ = 200

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


class OutboundReader:
    """Raises `Unavailable` (look again at the next tick) and `Damaged` (quarantine)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)
        self._connection = open_reader(path, defensive=True)
        self._deadline = 0.0
        self._connection.set_progress_handler(lambda: time.monotonic() > self._deadline, 5_000)

    def close(self) -> None:
        self._connection.close()

    def is_current(self) -> bool:
        """False when another file has been put in its place."""
        try:
            return _identity(self._path) == self._identity
        except Unavailable:
            return False

    def rows_after(self, number: int) -> list[Accepted | Refused]:
        """The next rows beyond a seq, at most `ROWS_PER_READ`, each validated."""
        rows = self._query(
            "SELECT seq, id, in_reply_to, destination, kind, created_at, deliver_after, content,"
            " typeof(content) = 'text' AND length(CAST(content AS BLOB)) <= ? FROM"
            " (SELECT * FROM messages_out WHERE seq > ? ORDER BY seq LIMIT ?)",
            (LARGEST_CONTENT, number, ROWS_PER_READ),
        )
        return [_validated(row) for row in rows]

    def acks(self, ids: Sequence[str]) -> list[Ack]:
        """What the runner says of these messages; nothing of others is looked at."""
        found: list[Ack] = []
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._query(
                f"SELECT message_id, status, incarnation, attempt, turn, error FROM processing_ack WHERE message_id IN ({marks})",
                tuple(part),
            )
            found += [ack for row in rows if (ack := _ack(row)) is not None]
        return found

    def runner_state(self) -> RunnerState | None:
        rows = self._query(
            "SELECT incarnation, phase, tool, tool_deadline, activity_at FROM runner_state WHERE one = 1", ()
        )
        if not rows:
            return None
        incarnation, phase, tool, deadline, activity = rows[0]
        if not isinstance(deadline, int) or not isinstance(activity, int):
            return None
        return RunnerState(
            str(incarnation)[:LONGEST_ID], str(phase), str(tool)[:LONGEST_ID], deadline, activity
        )

    def _query(self, sql: str, bindings: Sequence[str | int]) -> list[tuple[object, ...]]:
        self._deadline = time.monotonic() + QUERY_DEADLINE
        try:
            with translated(self._path):
                return list(self._connection.execute(sql, tuple(bindings)).fetchall())
        except apsw.InterruptError as error:
            raise Damaged(self._path, "a query took too long") from error
        except (apsw.SQLError, apsw.TooBigError, apsw.MismatchError, UnicodeDecodeError) as error:
            raise Damaged(self._path, str(error)) from error


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError as error:
        raise Unavailable(path, error.strerror or "cannot be examined") from error
    return found.st_dev, found.st_ino


def _validated(row: tuple[object, ...]) -> Accepted | Refused:
    number, id_, in_reply_to, destination, kind, created_at, deliver_after, body, sized = row
    if not isinstance(number, int) or not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        return Refused(number if isinstance(number, int) else 0, "", "id or seq is not what it should be")
    if not seq.is_valid("odd", number):
        return Refused(number, id_, "seq out of range or of the wrong parity")
    if not sized or not isinstance(body, str):
        return Refused(number, id_, f"content is no text of at most {LARGEST_CONTENT} bytes")
    if not isinstance(in_reply_to, str) or not isinstance(destination, str):
        return Refused(number, id_, "in_reply_to or destination is no text")
    if not isinstance(created_at, int) or not isinstance(deliver_after, int):
        return Refused(number, id_, "a time is no integer")
    try:
        decoded = _decoded(body)
    except (ValidationError, ValueError, RecursionError) as error:
        return Refused(number, id_, f"content: {str(error).splitlines()[0]}")
    if kind != ("system" if isinstance(decoded, content.Action) else "chat"):
        return Refused(number, id_, "kind and content do not fit")
    accepted = MessageOut(number, id_, in_reply_to, destination, str(kind), created_at, deliver_after, body)
    return Accepted(accepted, decoded)


def _decoded(body: str) -> content.Outbound:
    body.encode("utf-8")  # a lone surrogate would travel as far as the platform
    found = content.parse_object(body)
    adapter = _VALID.get(str(found.pop("type", "")))
    if adapter is None:
        raise ValueError("unknown type of operation")
    return adapter.validate_python(found)


def _ack(row: tuple[object, ...]) -> Ack | None:
    id_, status, incarnation, attempt, turn, error = row
    if status not in list(AckStatus) or not isinstance(attempt, int) or not 0 <= attempt <= 1_000:
        return None
    return Ack(str(id_), AckStatus(str(status)), str(incarnation), attempt, str(turn), str(error)[:500])
