"""Chunks as they begin."""

from __future__ import annotations

from collections.abc import Sequence

from host.delivery import policy
from host.mailbox.rows import Parcel
from host.registry.notices import mint_key
from sessiondb import content
from sessiondb.records import Address, Kind, MessageIn


def quarantined(number: int, id_: str, address: Address, reason: str, in_reply_to: str = "") -> Parcel:
    return parcel(number, id_, 0, address, in_reply_to, "", "quarantined", 0, reason)


def parcel(
    number: int,
    id_: str,
    chunk: int,
    address: Address,
    reply: str,
    payload: str,
    state: str,
    due: int,
    error: str = "",
    key: str = "",
) -> Parcel:
    key = key or mint_key()
    return Parcel(id_, chunk, number, key, state, address, payload, reply, next_attempt_at=due, error=error)


def unknown(parcels: Sequence[Parcel], known: Sequence[Parcel], now: int) -> Sequence[Parcel]:
    """Of a row that is read again into a new file: what the ledger has of it is in the file already, and in its lane."""
    there = {parcel.chunk for parcel in known}
    return [policy.doubtful(parcel, now) for parcel in parcels if parcel.chunk not in there]


def opens(operation: content.Operation, origin: MessageIn | None) -> bool:
    """Whether replies under it go on with this session: what a task or a webhook has posted where no thread is."""
    about_another = isinstance(operation, content.Edit | content.Reaction)
    by_itself = origin is not None and (bool(origin.task_id) or origin.kind == Kind.WEBHOOK)
    return by_itself and not about_another
