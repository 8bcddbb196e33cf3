"""What an operator orders from another process: a row in host.db, carried out by the host that runs."""

from __future__ import annotations

from pathlib import Path

import apsw

from host.hostdb import beside


def give(path: Path, kind: str, session_id: str, now: int) -> int:
    """Writes the order beside a running host; returns its number. Raises `sessiondb.SessionError`."""
    with beside(path) as connection:
        connection.execute(
            "INSERT INTO orders (kind, session_id, created_at) VALUES (?, ?, ?)", (kind, session_id, now)
        )
        return connection.last_insert_rowid()


def outcome(connection: apsw.Connection, number: int) -> str:
    """'' until it is carried out."""
    row = connection.execute("SELECT outcome FROM orders WHERE id = ?", (number,)).fetchone()
    return str(row[0]) if row else ""


def waiting(connection: apsw.Connection) -> list[tuple[int, str, str]]:
    rows = connection.execute(
        "SELECT id, kind, session_id FROM orders WHERE outcome = '' ORDER BY id"
    ).fetchall()
    return [(int(str(number)), str(kind), str(session)) for number, kind, session in rows]


def done(connection: apsw.Connection, number: int, outcome: str) -> None:
    connection.execute("UPDATE orders SET outcome = ? WHERE id = ?", (outcome, number))
