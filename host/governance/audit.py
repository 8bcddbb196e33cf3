"""Who changed what without an agent. Written in the transaction that makes the change."""

from __future__ import annotations

from host.governance import access
from host.ports.events import Viewer
from host.registry.port import Statements
from sessiondb.records import Address

MASKED = "masked:"  # before the ids of a message and of a row that answers it


def record(
    connection: Statements,
    viewer: Viewer,
    action: str,
    detail: str,
    now: int,
    channel: Address | None = None,
) -> None:
    """`channel`: it is about another one than they order it from."""
    user = access.person(viewer.address, viewer.author.id)
    connection.execute(
        "INSERT INTO audit (at, user, name, channel_type, workspace_id, platform_id, thread_id, action, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (now, user, viewer.author.name, *(channel or viewer.address), action, detail),
    )


def masked(connection: Statements, about: str, agent: str, address: Address, detail: str, now: int) -> bool:
    """What an agent was kept from posting. False where it is known already."""
    connection.execute(
        "INSERT INTO audit (at, user, name, channel_type, workspace_id, platform_id, thread_id, action, detail, about)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'masked', ?, ?) ON CONFLICT DO NOTHING",
        (now, f"agent:{agent}", agent, *address, detail, about),
    )
    return connection.changes() > 0


def masked_in(connection: Statements, message_id: str) -> list[tuple[int, str]]:
    """When, and what, of the answers to a message."""
    sql = "SELECT at, detail FROM audit WHERE about >= ?1 || ':' AND about < ?1 || ';' AND about <> '' ORDER BY about"
    rows = connection.execute(sql, (f"{MASKED}{message_id}",)).fetchall()
    return [(int(str(at)), str(detail)) for at, detail in rows]
