"""Up to where each address's history was taken in. Functions for jobs on the connection of host.db."""

from __future__ import annotations

from host.registry.port import Statements
from sessiondb.records import Address

_GET = (
    "SELECT natural_id FROM watermarks WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
    " AND thread_id = ?"
)
_SET = (
    "INSERT INTO watermarks VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (channel_type, workspace_id, platform_id, thread_id) DO UPDATE SET natural_id = excluded.natural_id"
)
_ALL = "SELECT channel_type, workspace_id, platform_id, thread_id FROM watermarks WHERE channel_type = ?"
_ENGAGED = (
    "SELECT channel_type, workspace_id, platform_id, thread_id, since FROM engaged WHERE channel_type = ?"
)


def get(connection: Statements, address: Address) -> str:
    row = connection.execute(_GET, address).fetchone()
    return "" if row is None else str(row[0])


def advance(connection: Statements, address: Address, natural_id: str) -> None:
    connection.execute(_SET, (*address, natural_id))


def of_platform(connection: Statements, channel_type: str) -> list[Address]:
    return [Address(*map(str, row)) for row in connection.execute(_ALL, (channel_type,)).fetchall()]


def engaged(connection: Statements, channel_type: str) -> list[tuple[Address, int]]:
    return [
        (Address(*map(str, row[:4])), int(str(row[4])))
        for row in connection.execute(_ENGAGED, (channel_type,)).fetchall()
    ]
