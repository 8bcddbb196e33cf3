"""Which session a question on a platform belongs to, by the key that its answer names. Jobs on the connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from host.registry.port import Statements
from sessiondb.records import Address


def note(connection: Statements, key: str, session_id: str, address: Address, row_id: str, now: int) -> None:
    """Before anybody can see the question; again is once. `row_id` is of messages_out."""
    connection.execute(
        "INSERT OR IGNORE INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key, session_id, *address, row_id, now),
    )


def find(connection: Statements, key: str) -> tuple[str, Address] | None:
    """The session, and where its question stands."""
    row = connection.execute(
        "SELECT session_id, channel_type, workspace_id, platform_id, thread_id FROM asked WHERE key = ?",
        (key,),
    ).fetchone()
    return None if row is None else (str(row[0]), Address(*map(str, row[1:])))


@dataclass(frozen=True, slots=True)
class Asked:
    key: str
    row_id: str
    address: Address


def of_session(connection: Statements, session_id: str, before: int | None = None) -> list[Asked]:
    """The questions that a session ever asked; those asked before some time, ms UTC."""
    rows = connection.execute(
        "SELECT key, row_id, channel_type, workspace_id, platform_id, thread_id FROM asked WHERE session_id = ?1"
        " AND (?2 IS NULL OR asked_at < ?2)",
        (session_id, before),
    ).fetchall()
    return [Asked(str(key), str(row_id), Address(*map(str, place))) for key, row_id, *place in rows]


def forget(connection: Statements, keys: Iterable[str]) -> None:
    """An answer to one of these is to a question that nobody knows any more."""
    connection.executemany("DELETE FROM asked WHERE key = ?", [(key,) for key in keys])
