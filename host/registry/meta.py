"""Single values that the registry keeps by name. Functions for jobs on it."""

from __future__ import annotations

from host.registry.port import Statements


def put(connection: Statements, key: str, value: str) -> None:
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )
