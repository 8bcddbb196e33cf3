"""Which session a question on a platform belongs to, by the key that its answer names. Jobs on the connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from host.registry.port import Statements
from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when a question waits, and of an approval what would run."""

    ends_at: int = 0  # ms UTC; 0 = for ever, or it is answered
    needed: int = 0  # of those who may allow it; 0 = no approval
    tool: str = ""
    call: str = ""  # as it was shown


def note(
    connection: Statements, key: str, session_id: str, address: Address, row_id: str, now: int, terms: Terms
) -> None:
    """Before anybody can see the question; again is once. `row_id` is of messages_out."""
    connection.execute(
        "INSERT INTO asked (key, session_id, channel_type, workspace_id, platform_id, thread_id, row_id,"
        " asked_at, ends_at, needed, tool, call) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (key, session_id, *address, row_id, now, terms.ends_at, terms.needed, terms.tool, terms.call),
    )


def terms_of(connection: Statements, key: str) -> Terms | None:
    row = connection.execute("SELECT ends_at, needed, tool, call FROM asked WHERE key = ?", (key,)).fetchone()
    return None if row is None else Terms(int(str(row[0])), int(str(row[1])), str(row[2]), str(row[3]))


def over(connection: Statements, key: str) -> None:
    """It is answered, or has been said to be over: what would have run is nobody's to read any more."""
    connection.execute("UPDATE asked SET ends_at = 0, call = '' WHERE key = ?", (key,))


def ended(connection: Statements, since: int, now: int, most: int) -> list[tuple[str, Asked]]:
    """Questions whose time came between these, ms UTC, and of which nobody was told yet; by session."""
    rows = connection.execute(
        "SELECT session_id, key, row_id, channel_type, workspace_id, platform_id, thread_id FROM asked"
        " WHERE ends_at > 0 AND ends_at > ? AND ends_at <= ?"
        " AND EXISTS (SELECT 1 FROM sessions_here WHERE sessions_here.id = asked.session_id) ORDER BY ends_at LIMIT ?",
        (since, now, most),
    ).fetchall()
    return [
        (str(session_id), Asked(str(key), str(row_id), Address(*map(str, place))))
        for session_id, key, row_id, *place in rows
    ]


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


def of_session(connection: Statements, session_id: str, before: int = 2**62) -> list[Asked]:
    """The questions that a session ever asked; those asked before some time, ms UTC."""
    rows = connection.execute(
        "SELECT key, row_id, channel_type, workspace_id, platform_id, thread_id FROM asked WHERE session_id = ?"
        " AND asked_at < ?",
        (session_id, before),
    ).fetchall()
    return [Asked(str(key), str(row_id), Address(*map(str, place))) for key, row_id, *place in rows]


def forget(connection: Statements, keys: Iterable[str]) -> None:
    """An answer to one of these is to a question that nobody knows any more."""
    gone = [(key,) for key in keys]
    connection.executemany("DELETE FROM votes WHERE key = ?", gone)
    connection.executemany("DELETE FROM asked WHERE key = ?", gone)
