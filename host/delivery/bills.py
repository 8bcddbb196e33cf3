"""What an answer took: from its question's arrival to now, and the calls of its turn. Functions for jobs on the registry."""

from __future__ import annotations

from dataclasses import dataclass

from host.governance import rules
from host.mailbox.rows import Parcel
from host.ports import bill
from host.registry.port import Statements
from host.words import Sentence, as_it_is

LOOKS = 5  # for the account of a call that has ended to be settled
PAUSE = 0.1  # s between them


@dataclass(frozen=True, slots=True)
class Bill:
    words: Sentence  # empty where the channel wants none
    settled: bool = True  # whether all of its calls are accounted for


def of_answer(connection: Statements, session_id: str, parcel: Parcel, now: int) -> Bill:
    """All calls of a turn were made for the oldest message that it is about; the answer names the last."""
    decided = rules.of_channel(connection, parcel.address)
    if decided is None or not decided.bill:
        return Bill(as_it_is(""))
    asked = parcel.in_reply_to
    arrived = _arrived(connection, asked)
    found = connection.execute(_LATEST, (session_id,)).fetchone()
    oldest, called = (str(found[0]), int(str(found[1]))) if found else ("", 0)
    if oldest != asked and (arrived is None or called < arrived):
        oldest = asked  # that call was of an earlier turn
    first, cost = connection.execute(_CALLS, (oldest,)).fetchall()[0]
    began = _arrived(connection, oldest) or arrived or first
    if began is None:
        return Bill(as_it_is(""))
    settled = connection.execute(_OPEN, (session_id,)).fetchone() is None
    paid = int(str(cost)) if cost is not None and settled else None
    return Bill(bill.said(now - int(str(began)), paid), settled)


def _arrived(connection: Statements, message_id: str) -> int | None:
    """By the host's clock; None of what no platform brought, such as a task."""
    row = connection.execute(_ARRIVED, (message_id,)).fetchone()
    return int(str(row[0])) if row else None


_ARRIVED = "SELECT received_at FROM inbox WHERE message_id = ? ORDER BY id LIMIT 1"
_LATEST = "SELECT message_id, made_at FROM usage WHERE session_id = ? AND message_id <> '' ORDER BY made_at DESC LIMIT 1"
_CALLS = "SELECT min(made_at), sum(cost) FROM usage WHERE message_id = ? AND message_id <> ''"
_OPEN = "SELECT 1 FROM reservations WHERE session_id = ? LIMIT 1"
