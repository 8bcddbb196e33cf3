"""The zone of a person of whom the platform tells none: as they said it. Functions for jobs on the connection."""

from __future__ import annotations

from host.registry.port import Statements
from sessiondb.records import Address


def of(connection: Statements, place: Address, person: str) -> str:
    """IANA; '' where nobody knows. What they said themselves stands in the row of no workspace."""
    rows = connection.execute(_OF, (place.channel_type, place.workspace_id, person)).fetchall()
    return str(min(rows)[1]) if rows else ""


def keep(connection: Statements, place: Address, person: str, name: str, zone: str, now: int) -> None:
    """Once for the whole platform: their ids are the same everywhere there."""
    connection.execute(_KEEP, (place.channel_type, person, name, zone, now))


_WHO = "channel_type = ?1 AND user_id = ?3"
_OF = (
    f"SELECT workspace_id, zone FROM users WHERE {_WHO} AND workspace_id = ?2 AND zone <> ''"
    f" UNION ALL SELECT workspace_id, zone FROM users WHERE {_WHO} AND workspace_id = '' AND zone <> ''"
)
_KEEP = (
    "INSERT INTO users (channel_type, workspace_id, user_id, name, zone, seen_at) VALUES (?, '', ?, ?, ?, ?)"
    " ON CONFLICT (channel_type, workspace_id, user_id) DO UPDATE SET zone = excluded.zone"
)
