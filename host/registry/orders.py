"""What an operator orders from another process: a row in host.db, carried out by the host that runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from host.registry.db import beside
from host.registry.port import Statements


@dataclass(frozen=True, slots=True)
class Given:
    number: int
    kind: str  # stop | task | reload
    session_id: str
    body: str  # JSON, '' for none
    created_at: int  # ms UTC


def give(path: Path, kind: str, session_id: str, now: int, body: str = "") -> int:
    """Writes the order beside a running host; returns its number. Raises `sessiondb.SessionError`."""
    with beside(path) as connection:
        return put(connection, kind, session_id, now, body)


def put(connection: Statements, kind: str, session_id: str, now: int, body: str = "") -> int:
    """The same in the host itself. For a job on host.db."""
    [(number,)] = connection.execute(
        "INSERT INTO orders (kind, session_id, body, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        (kind, session_id, body, now),
    ).fetchall()
    return int(str(number))


def outcome(connection: Statements, number: int) -> str:
    """'' until it is carried out."""
    row = connection.execute("SELECT outcome FROM orders WHERE id = ?", (number,)).fetchone()
    return str(row[0]) if row else ""


def waiting(connection: Statements) -> list[Given]:
    sql = "SELECT id, kind, session_id, body, created_at FROM orders WHERE outcome = '' ORDER BY id"
    rows = connection.execute(sql).fetchall()
    return [
        Given(int(str(number)), str(kind), str(session), str(body), int(str(at)))
        for number, kind, session, body, at in rows
    ]


def done(connection: Statements, number: int, outcome: str) -> None:
    connection.execute(_DONE, (outcome, number))


# Whom it was about to forget is nobody's to know any more.
_DONE = "UPDATE orders SET outcome = ?, body = CASE WHEN kind = 'forget' THEN '' ELSE body END WHERE id = ?"
