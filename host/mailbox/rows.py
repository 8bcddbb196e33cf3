"""The host's rows of inbound.db as typed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sessiondb import content
from sessiondb.records import Address

OPEN_STATES = ("pending", "sending", "unknown")
PARCEL = (
    "message_out_id, chunk, seq, key, state, channel_type, workspace_id, platform_id, thread_id, payload, in_reply_to,"
    " platform_message_id, attempts, lookups, next_attempt_at, first_attempt_at, error"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message for the runner, before it has a seq."""

    id: str
    kind: str
    address: Address
    content: content.Inbound
    created_at: int
    trigger: bool = True
    not_before: int = 0
    platform_message_id: str = ""
    author_id: str = ""
    task_id: str = ""
    occurrence_at: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One chunk of one row, as the ledger and `delivered` record it. `payload` is what the bot's `render` made of it."""

    message_out_id: str
    chunk: int
    seq: int
    key: str
    state: str  # pending | sending | unknown | sent | applied | failed | quarantined
    address: Address
    payload: str
    in_reply_to: str = ""
    platform_message_id: str = ""
    attempts: int = 0
    lookups: int = 0
    next_attempt_at: int = 0
    first_attempt_at: int = 0
    error: str = ""

    @property
    def terminal(self) -> bool:
        return self.state not in OPEN_STATES

    def moved(self, state: str, **changed: str | int) -> Parcel:
        """As `dataclasses.replace`, which takes five times as long: each chunk is moved twice."""
        made = object.__new__(Parcel)
        for slot in _SLOTS:
            slot.__set__(made, slot.__get__(self))
        for name, value in {"state": state, **changed}.items():
            object.__setattr__(made, name, value)
        return made


_SLOTS: tuple[Any, ...] = tuple(Parcel.__dict__[name] for name in Parcel.__slots__)

Entry: TypeAlias = tuple[Parcel, int]  # a parcel, and when it was put so (ms UTC)


def parcel_row(parcel: Parcel) -> tuple[Any, ...]:
    """In the order of `PARCEL`; a terminal one no longer needs its payload."""
    return (
        parcel.message_out_id,
        parcel.chunk,
        parcel.seq,
        parcel.key,
        parcel.state,
        *parcel.address,
        "" if parcel.terminal else parcel.payload,
        parcel.in_reply_to,
        parcel.platform_message_id,
        parcel.attempts,
        parcel.lookups,
        parcel.next_attempt_at,
        parcel.first_attempt_at,
        parcel.error[:500],
    )


def parcel_of(row: Sequence[Any]) -> Parcel:
    """From the columns of `PARCEL`."""
    id_, chunk, number, key, state, channel, workspace, platform, thread, payload, reply, *rest = row
    return Parcel(
        id_, chunk, number, key, state, Address(channel, workspace, platform, thread), payload, reply, *rest
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What people were asked. `key` is what their answer refers to."""

    row_id: str  # of messages_out
    key: str
    audience: tuple[str, ...]  # ids of the users who may answer; empty: whoever is let in
    expires_at: int = 0  # ms UTC, 0 = never
    approval: bool = False  # of a tool's call
    answered_by: str = ""  # the message that is its answer


@dataclass(frozen=True, slots=True)
class LiveRow:
    """The live message of one address, as `live` records it. At most one of an address is open."""

    message_id: str  # the message it will answer
    attempt: int
    state: str  # intended | shown | removed | failed
    key: str
    address: Address
    answers: str  # platform id of the message it will answer
    asked_by: str
    opened_at: int  # ms UTC
    platform_message_id: str = ""

    @property
    def open(self) -> bool:
        return self.state in ("intended", "shown")


def live_row(row: tuple[Any, ...]) -> LiveRow:
    id_, attempt, state, key, channel, workspace, platform, thread, *rest = row
    return LiveRow(id_, attempt, state, key, Address(channel, workspace, platform, thread), *rest)
