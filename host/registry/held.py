"""What waits to come in: messages that began nearly like an order to the host, until their author sends them as they are;
threads that are to be another agent's, until the turn under way there is over.

Jobs on the connection.
"""

from __future__ import annotations

from host.registry.port import Statements


def keep(connection: Statements, message_id: str, event: str, now: int) -> None:
    """`event` is as the inbox keeps it."""
    connection.execute("INSERT INTO held VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (message_id, event, now))


def renew(connection: Statements, id_: str, event: str, now: int) -> None:
    """In the place of what was kept under this id before."""
    connection.execute(
        "INSERT INTO held VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET event = excluded.event, held_at = excluded.held_at",
        (id_, event, now),
    )


def beginning(connection: Statements, prefix: str) -> list[tuple[str, str]]:
    """Ids and events of those whose ids begin so."""
    sql = "SELECT id, event FROM held WHERE id >= ? AND id < ? ORDER BY id"
    rows = connection.execute(sql, (prefix, f"{prefix}\U0010ffff")).fetchall()
    return [(str(id_), str(event)) for id_, event in rows]


def find(connection: Statements, message_id: str) -> str | None:
    row = connection.execute("SELECT event FROM held WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else str(row[0])


def forget(connection: Statements, message_id: str) -> None:
    """It was sent: what it said is kept where every message is."""
    connection.execute("DELETE FROM held WHERE id = ?", (message_id,))
