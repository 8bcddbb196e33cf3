"""Rows of the two files as typed values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sessiondb.frozen import frozen


class Address(NamedTuple):
    """Where a message came from and its answer goes. `platform_id` is the channel; '' means "none"."""

    channel_type: str
    workspace_id: str
    platform_id: str
    thread_id: str = ""

    def __str__(self) -> str:
        return "/".join(self)


class Kind(StrEnum):
    CHAT = "chat"
    TASK = "task"
    WEBHOOK = "webhook"
    SYSTEM = "system"
    CONTROL = "control"


class Status(StrEnum):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class AckStatus(StrEnum):
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRY = "retry"


@frozen
class MessageIn:
    seq: int
    id: str
    kind: str
    status: str
    trigger: bool
    created_at: int
    not_before: int
    attempts: int
    address: Address
    platform_message_id: str
    author_id: str
    task_id: str
    occurrence_at: int
    content: str


MESSAGE_IN_COLUMNS = (
    'seq, id, kind, status, "trigger", created_at, not_before, attempts, channel_type, workspace_id, platform_id, '
    "thread_id, platform_message_id, author_id, task_id, occurrence_at, content"
)


def message_in(row: tuple[object, ...]) -> MessageIn:
    """From a row of `MESSAGE_IN_COLUMNS`."""
    seq, id_, kind, status, trigger, created, not_before, attempts, *rest = row
    channel_type, workspace, platform, thread, platform_message, author, task, occurrence, content = rest
    return MessageIn(
        _int(seq),
        str(id_),
        str(kind),
        str(status),
        bool(trigger),
        _int(created),
        _int(not_before),
        _int(attempts),
        Address(str(channel_type), str(workspace), str(platform), str(thread)),
        str(platform_message),
        str(author),
        str(task),
        _int(occurrence),
        str(content),
    )


@frozen
class MessageOut:
    seq: int
    id: str
    in_reply_to: str
    destination: str
    kind: str
    created_at: int
    deliver_after: int
    content: str


@frozen
class Ack:
    message_id: str
    status: AckStatus
    incarnation: str
    attempt: int
    turn: str
    error: str


@frozen
class Step:
    """One durable unit of a turn. `content` is the provider's JSON."""

    step: int
    turn: str
    kind: str  # user | assistant | tool_call | tool_result | final | note
    tool_use_id: str
    state: str  # started | complete
    content: str


@frozen
class RunnerState:
    incarnation: str
    phase: str  # starting | idle | working | stopping
    tool: str
    tool_deadline: int  # ms UTC, 0 = none
    activity_at: int


@frozen
class Destination:
    name: str
    description: str
    address: Address


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
