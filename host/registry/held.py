"""Messages that began nearly like an order to the host, kept until their author sends them as they are.

Jobs on the connection.
"""

from __future__ import annotations

from host.ports.events import Author, InboundEvent
from host.registry.port import Statements


def keep(connection: Statements, message_id: str, event: str, now: int) -> None:
    """`event` is as the inbox keeps it."""
    connection.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?)", (message_id, event, now))


def find(connection: Statements, message_id: str) -> str | None:
    row = connection.execute("SELECT event FROM held WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else str(row[0])


def is_theirs(written: InboundEvent, by: Author) -> bool:
    """What somebody thought better of sending is nobody else's to send."""
    return written.author.id == by.id


def forget(connection: Statements, message_id: str) -> None:
    """It was sent: what it said is kept where every message is."""
    connection.execute("DELETE FROM held WHERE id = ?", (message_id,))
