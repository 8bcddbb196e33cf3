"""Who changed what without an agent. Written in the transaction that makes the change."""

from __future__ import annotations

from host.ports.events import Viewer
from host.registry.port import Statements
from sessiondb.records import Address


def record(
    connection: Statements,
    viewer: Viewer,
    action: str,
    detail: str,
    now: int,
    channel: Address | None = None,
) -> None:
    """`channel`: it is about another one than they order it from."""
    user = f"{viewer.address.channel_type}:{viewer.author.id}"
    connection.execute(
        "INSERT INTO audit (at, user, name, channel_type, workspace_id, platform_id, thread_id, action, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (now, user, viewer.author.name, *(channel or viewer.address), action, detail),
    )
