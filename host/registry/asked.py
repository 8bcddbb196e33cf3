"""Which session a question on a platform belongs to, by the key that its answer names. Jobs on the connection."""

from __future__ import annotations

from host.registry.port import Statements
from sessiondb.records import Address


def note(connection: Statements, key: str, session_id: str, address: Address) -> None:
    """Before anybody can see the question; again is once."""
    connection.execute("INSERT OR IGNORE INTO asked VALUES (?, ?, ?, ?, ?, ?)", (key, session_id, *address))


def find(connection: Statements, key: str) -> tuple[str, Address] | None:
    """The session, and where its question stands."""
    row = connection.execute(
        "SELECT session_id, channel_type, workspace_id, platform_id, thread_id FROM asked WHERE key = ?",
        (key,),
    ).fetchone()
    return None if row is None else (str(row[0]), Address(*map(str, row[1:])))
