"""What an operator orders from another process: a row in host.db, carried out by the host that runs."""

from __future__ import annotations

from pathlib import Path

import apsw

from sessiondb.errors import translated


def give(path: Path, kind: str, session_id: str, now: int) -> int:
    """Writes the order beside a running host; returns its number. Raises `sessiondb.SessionError`."""
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(5_000)
            connection.execute(
                "INSERT INTO orders (kind, session_id, created_at) VALUES (?, ?, ?)", (kind, session_id, now)
            )
            return connection.last_insert_rowid()
        finally:
            connection.close()


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
