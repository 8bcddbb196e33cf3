"""The ledger: every intent and receipt of what sessions send, in host.db. Functions for jobs on the registry.

A chunk is first read into its session's inbound.db, where it waits, and moves on here: commits are shared by all sessions that
have something on its way, and a lost file takes no receipt with it. inbound.db has what it needs of this as a projection. A
chunk that is over there is over here; what is open there, or lies above the file's watermark, is as it stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from host.mailbox.bounds import KEPT_RECEIPTS
from host.mailbox.rows import PARCEL, Entry, Parcel, parcel_of, parcel_row
from host.registry.port import Statements


def put(connection: Statements, session_id: str, parcels: Iterable[Parcel], now: int) -> None:
    """Upserts the state of these chunks; what is over stays as it is."""
    connection.executemany(
        f"{_INSERT} ON CONFLICT (session_id, seq, chunk) DO UPDATE SET state = excluded.state,"
        " payload = excluded.payload, platform_message_id = excluded.platform_message_id, attempts = excluded.attempts,"
        " lookups = excluded.lookups, next_attempt_at = excluded.next_attempt_at,"
        " first_attempt_at = excluded.first_attempt_at, error = excluded.error, updated_at = excluded.updated_at"
        " WHERE ledger.state IN ('pending', 'sending', 'unknown')",
        [(session_id, *parcel_row(parcel), now) for parcel in parcels],
    )


def fill(connection: Statements, session_id: str, entries: Sequence[Entry], *, last: bool) -> None:
    """From a file that is older than the ledger. A crash before the last portion begins again, which changes nothing."""
    connection.executemany(
        f"{_INSERT} ON CONFLICT DO NOTHING", [(session_id, *parcel_row(parcel), at) for parcel, at in entries]
    )
    if last:
        connection.execute("UPDATE sessions SET in_ledger = 1 WHERE id = ?", (session_id,))


def entries(connection: Statements, session_id: str, above: int) -> list[Entry]:
    """Of rows whose seq is above; in order."""
    sql = f"SELECT updated_at, {PARCEL} FROM ledger WHERE session_id = ? AND seq > ? ORDER BY seq, chunk"
    found = connection.execute(sql, (session_id, above)).fetchall()
    return [(parcel_of(row), int(at)) for at, *row in found]


def target(connection: Statements, session_id: str, message_out_id: str) -> str:
    """The platform's id of what the session has said; '' when it is not there."""
    sql = (
        "SELECT platform_message_id FROM ledger WHERE session_id = ? AND message_out_id = ? AND state = 'sent'"
        " ORDER BY chunk LIMIT 1"
    )
    row = connection.execute(sql, (session_id, message_out_id)).fetchone()
    return str(row[0]) if row else ""


def sent(connection: Statements, session_id: str, seq: int, below: int) -> int:
    """How many of the row's first chunks stand on the platform."""
    sql = "SELECT count(*) FROM ledger WHERE session_id = ? AND seq = ? AND chunk < ? AND state = 'sent'"
    row = connection.execute(sql, (session_id, seq, below)).fetchone()
    return int(str(row[0])) if row else 0


def answering(connection: Statements, session_id: str, message_id: str) -> list[Entry]:
    """What answers a message, in order."""
    sql = (
        f"SELECT updated_at, {PARCEL} FROM ledger WHERE in_reply_to = ? AND in_reply_to <> '' AND session_id = ?"
        " ORDER BY seq, chunk"
    )
    found = connection.execute(sql, (message_id, session_id)).fetchall()
    return [(parcel_of(row), int(at)) for at, *row in found]


def latest(*records: Iterable[Entry]) -> list[Entry]:
    """What several records have of the same chunks, in the order of the rows; the last word counts."""
    found = {(parcel.seq, parcel.chunk): (parcel, at) for entries in records for parcel, at in entries}
    return [entry for _, entry in sorted(found.items(), key=lambda item: item[0])]


def answered_by(connection: Statements, platform_message_id: str) -> list[str]:
    """Ids of the messages that a post answers."""
    sql = (
        "SELECT DISTINCT in_reply_to FROM ledger WHERE platform_message_id = ? AND platform_message_id <> ''"
        " AND in_reply_to <> ''"
    )
    return [str(id_) for (id_,) in connection.execute(sql, (platform_message_id,)).fetchall()]


def forget(connection: Statements, session_id: str, before: int, watermark: int, most: int) -> int:
    """What is over and below the file's watermark, after the file has forgotten it; returns how many chunks went."""
    connection.execute(_FORGET, (session_id, watermark, before, most))
    return connection.changes()


def trim(connection: Statements, session_id: str, watermark: int) -> None:
    """What failed costs nobody anything, so there may be any number of it: the latest are kept, of what the file has heard."""
    connection.execute(_TRIM, (session_id, watermark, KEPT_RECEIPTS))


_INSERT = (
    f"INSERT INTO ledger (session_id, {PARCEL}, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TRIM = """
DELETE FROM ledger WHERE session_id = ?1 AND state = 'failed' AND seq <= min(?2, (
    SELECT seq FROM ledger WHERE session_id = ?1 AND state = 'failed' ORDER BY seq DESC LIMIT 1 OFFSET ?3))
"""
_FORGET = """
DELETE FROM ledger WHERE (session_id, seq, chunk) IN (
    SELECT session_id, seq, chunk FROM ledger
    WHERE session_id = ? AND seq <= ? AND state IN ('sent', 'failed') AND updated_at < ? LIMIT ?)
"""
