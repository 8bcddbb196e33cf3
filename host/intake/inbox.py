"""The inbox of host.db: where every event is first made durable. Functions for jobs on the connection."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Said
from host.registry.port import Statements
from sessiondb.content import Part, fields_of
from sessiondb.records import Address

_ENCODER = json.JSONEncoder(default=fields_of)
MOST_REPLAYED = 500  # entries of one session in one page


@dataclass(frozen=True, slots=True)
class Entry:
    """One event and where it goes."""

    id: int
    message_id: str
    session_id: str
    event: InboundEvent
    answer: Address
    trigger: bool
    trusted: bool


@dataclass(frozen=True, slots=True)
class Known:
    """An event of this key is in the inbox already."""

    message_id: str
    state: str
    session_id: str
    reason: str


def find(connection: Statements, key: str) -> Known | None:
    row = connection.execute(
        "SELECT message_id, state, session_id, reason FROM inbox WHERE key = ?", (key,)
    ).fetchone()
    return None if row is None else Known(*map(str, row))


def answer_of(connection: Statements, key: str) -> Address | None:
    """Where the answer to an event goes, as it was decided when it came in."""
    sql = "SELECT event ->> '$.answer' FROM inbox WHERE key = ?"
    row = connection.execute(sql, (_text(key),)).fetchone()
    return None if row is None or row[0] is None else Address(*json.loads(str(row[0])))


def add(
    connection: Statements,
    event: InboundEvent,
    session_id: str,
    answer: Address,
    *,
    trigger: bool,
    trusted: bool,
    now: int,
) -> Entry:
    row = {"event": event, "answer": answer, "trusted": trusted}
    [(id_,)] = connection.execute(
        "INSERT INTO inbox (key, message_id, state, session_id, event, trigger_, received_at)"
        " VALUES (?, ?, 'routed', ?, ?, ?, ?) RETURNING id",
        (_text(event.key), event.message_id, session_id, _json(row), int(trigger), now),
    ).fetchall()
    return Entry(id_, event.message_id, session_id, event, answer, trigger, trusted)


def decline(connection: Statements, event: InboundEvent, reason: str, now: int) -> None:
    """Recorded without its text: what a stranger wrote is not kept."""
    row = {"event": dataclasses.replace(event, text="", files=(), parts=(), thread_so_far=())}
    connection.execute(
        "INSERT INTO inbox (key, message_id, state, event, trigger_, reason, received_at) VALUES (?, ?, 'declined', ?, 0, ?, ?)",
        (_text(event.key), event.message_id, _json(row), reason, now),
    )


def forget_declined(connection: Statements, key: str) -> bool:
    """Of a message that is something else now; false when it was not declined."""
    connection.execute("DELETE FROM inbox WHERE key = ? AND state = 'declined'", (_text(key),))
    return connection.changes() > 0


def mark_stored(connection: Statements, entries: Sequence[Entry], seq_high_water: int, now: int) -> None:
    connection.executemany(
        "UPDATE inbox SET state = 'stored', stored_at = ? WHERE id = ?",
        [(now, entry.id) for entry in entries],
    )
    connection.execute(
        "UPDATE sessions SET seq_high_water = max(seq_high_water, ?), work = work + 1 WHERE id = ?",
        (seq_high_water, entries[0].session_id),
    )


def set_aside(connection: Statements, id_: int, reason: str) -> None:
    """What no session's file can take: it is over, and why stands beside it."""
    connection.execute("UPDATE inbox SET state = 'declined', reason = ? WHERE id = ?", (reason, id_))


@dataclass(frozen=True, slots=True)
class Page:
    """What a crash or an error left between the inbox and inbound.db of a session, in order."""

    entries: Sequence[Entry]
    broken: Sequence[tuple[int, str]]  # of rows that nobody can read the number and the message's id
    last: int  # number up to which there is nothing else
    is_full: bool  # there may be more behind it


def unstored(connection: Statements, session_id: str, after: int = 0) -> Page:
    """`after`: the last number of the page before."""
    rows = connection.execute(
        "SELECT id, message_id, session_id, event, trigger_ FROM inbox WHERE state = 'routed' AND session_id = ?"
        " AND id > ? ORDER BY id LIMIT ?",
        (session_id, after, MOST_REPLAYED),
    ).fetchall()
    entries: list[Entry] = []
    broken: list[tuple[int, str]] = []
    for row in rows:
        try:
            entries.append(_entry(*row))
        except (ValueError, KeyError, TypeError, AttributeError):
            broken.append((int(str(row[0])), str(row[1])))
    last = int(str(rows[-1][0])) if rows else after
    return Page(entries, broken, last, len(rows) == MOST_REPLAYED)


def is_ordered(connection: Statements, session_id: str, after: int) -> bool:
    """Whether an order stands behind that number among what is unstored of the session."""
    row = connection.execute(
        "SELECT 1 FROM inbox WHERE state = 'routed' AND session_id = ? AND id > ?"
        " AND event ->> '$.event.event_class' = ? LIMIT 1",
        (session_id, after, EventClass.CONTROL.value),
    ).fetchone()
    return row is not None


def sessions_with_unstored(connection: Statements) -> list[str]:
    return [str(id_) for (id_,) in connection.execute(_UNSTORED)]


_UNSTORED = (
    "SELECT DISTINCT session_id FROM inbox WHERE state = 'routed' AND EXISTS"
    " (SELECT 1 FROM sessions_here WHERE sessions_here.id = inbox.session_id)"
)


def event_of(kept: str) -> InboundEvent:
    """From what `kept` made of it."""
    return _event(json.loads(kept))


def kept(event: InboundEvent) -> str:
    return _json(event)


def _entry(id_: Any, message_id: Any, session_id: Any, kept: Any, trigger: Any) -> Entry:
    found = json.loads(kept)
    return Entry(
        id_,
        message_id,
        session_id,
        _event(found["event"]),
        Address(*found["answer"]),
        bool(trigger),
        bool(found["trusted"]),
    )


def _event(found: dict[str, Any]) -> InboundEvent:
    return InboundEvent(
        **{
            **found,
            "event_class": EventClass(found["event_class"]),
            "address": Address(*found["address"]),
            "author": Author(**{**found["author"], "groups": tuple(found["author"]["groups"])}),
            **_said(found),
            "thread_so_far": tuple(Said(**{**said, **_said(said)}) for said in found["thread_so_far"]),
        }
    )


def _said(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "files": tuple(IncomingFile(**file) for file in found["files"]),
        "parts": tuple(Part(**part) for part in found["parts"]),
    }


def _json(value: object) -> str:
    """Of events and what is in them."""
    return _ENCODER.encode(value)


def _text(key: str) -> str:
    return key.encode("utf-8", "backslashreplace").decode("utf-8")
