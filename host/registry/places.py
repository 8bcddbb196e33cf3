"""What people call channels: told by the platforms, shown in lists, and nothing is decided by it."""

from __future__ import annotations

from host.registry.port import Statements
from sessiondb.records import Address

LONGEST = 100  # characters


def call(connection: Statements, channel: Address, name: str) -> None:
    """Inside a transaction of host.db. What it is called already is not written again."""
    kept = " ".join(name.split())[:LONGEST]
    if kept and kept != called(connection, channel):
        connection.execute(
            "INSERT INTO places VALUES (?, ?, ?, ?)"
            " ON CONFLICT (channel_type, workspace_id, platform_id) DO UPDATE SET name = excluded.name",
            (*channel[:3], kept),
        )


def called(connection: Statements, channel: Address) -> str:
    """'' where nobody told."""
    row = connection.execute(
        "SELECT name FROM places WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?", channel[:3]
    ).fetchone()
    return str(row[0]) if row else ""
