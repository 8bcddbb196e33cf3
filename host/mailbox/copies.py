"""What the registry has of a session's outbound.db, where nodes share it. Functions for jobs on the registry.

The copies belong to one node's file, whose id `sessions.carried` names once they were whole: steps in their order, rows that are
not over, acknowledgements, values. What is there belongs together, for the last of it is committed at once: a copy is never
of half a transaction of the runner's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from host.registry.port import Bindings, Statements

STEP, OUT, ACK, DONE, STATE = "step", "out", "ack", "done", "state"
IN, ASK = "in", "ask"  # of inbound.db: messages and questions (`belongings`)
LONGEST_NAME = 200  # characters of a file's folder
PORTION = 200  # copies that are read at a time
MOST_OF_ONE = 50_000_000  # bytes of the steps of one session; beyond, the oldest go until half of it is left


class Copy(NamedTuple):
    part: str
    number: int  # of the step or the row; 0 for what has a name
    name: str
    content: str  # JSON: its columns


@dataclass(slots=True)
class Known:
    """What the registry has of one session, as far as the next look needs it."""

    step: int = 0  # the latest
    size: int = 0  # bytes of the steps
    latest: str = ""  # its content, by which the file is known for the one that was copied
    outs: dict[int, str] = field(default_factory=dict)  # the folder of its file by each, '' for none
    acks: dict[str, str] = field(default_factory=dict)  # of turns under way: content by message
    done: set[str] | None = field(
        default_factory=set
    )  # messages of turns that are over; None once they were compared
    values: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # hash of the content of whatever else there is, by part and name
    tasks: set[str] = field(default_factory=set)  # of which there is a copy
    whole: bool = False  # they are of this node's file, and were complete


@dataclass(frozen=True, slots=True)
class Changes:
    """From one state of the file. `whole`: with this, the copies have all of it."""

    new: Sequence[Copy]
    gone: Sequence[tuple[str, int, str]]  # part, number and name
    whole: bool
    tasks: Sequence[tuple[str, str]] = ()  # set up since, id and copy: with the step that says so


def known(connection: Statements, session_id: str, node: str) -> Known:
    """Nothing, where the copies are of another node's file."""
    row = connection.execute("SELECT carried FROM sessions WHERE id = ?", (session_id,)).fetchone()
    if row is None or row[0] != node:
        return Known()
    found = Known(whole=True)
    step = connection.execute(_LATEST, (session_id,)).fetchone()
    if step is not None:
        found.step, found.latest = int(step[0]), str(step[1])
        [(size,)] = connection.execute(_SIZE, (session_id,)).fetchall()
        found.size = int(size)
    for copy in _copies(connection, _BUT_STEPS, (session_id,)):
        note(found, copy)
    found.done = {str(name) for (name,) in connection.execute(_DONE, (session_id,)).fetchall()}
    return found


def note(found: Known, copy: Copy) -> None:
    match copy.part:
        case "step":
            found.step, found.latest = copy.number, copy.content
            found.size += len(copy.content)
        case "out":
            found.outs[copy.number] = folder_of(json.loads(copy.content)[-1])
        case "ack":
            found.acks[copy.name] = copy.content
        case "state" | "in" | "ask":
            found.values[copy.part, copy.name] = hash(copy.content)


def folder_of(said: str) -> str:
    """Of a row's file, below its `files/`; '' for none. Written by a container."""
    try:
        path = json.loads(said)["path"]
        name = PurePosixPath(path).parts[0]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return name if name not in ("/", "..") and len(name) <= LONGEST_NAME and name.isprintable() else ""


def no_more(found: Known, part: str, number: int, name: str) -> None:
    match part:
        case "out":
            found.outs.pop(number, None)
        case "ack":
            found.acks.pop(name, None)
        case "state" | "in" | "ask":
            found.values.pop((part, name), None)


def put(connection: Statements, session_id: str, node: str, changes: Changes, *, anew: bool) -> None:
    """`anew`: nothing of what is there is of this file."""
    if anew:
        drop(connection, session_id)
    connection.executemany(_DELETE, [(session_id, *one) for one in changes.gone])
    connection.executemany(_PUT, [(session_id, *copy) for copy in changes.new])
    connection.executemany(_SET_UP, [(id_, session_id, task) for id_, task in changes.tasks])
    if changes.whole:
        carry(connection, session_id, node)


def carry(connection: Statements, session_id: str, node: str) -> None:
    connection.execute(
        "UPDATE sessions SET carried = ? WHERE id = ? AND carried <> ?", (node, session_id, node)
    )


def drop(connection: Statements, session_id: str) -> None:
    connection.execute("DELETE FROM mailbox_copies WHERE session_id = ?", (session_id,))
    carry(connection, session_id, "")


def are_whole(connection: Statements, session_id: str) -> bool:
    """Whether they are of the files of the node that had the session last."""
    sql = "SELECT 1 FROM sessions WHERE id = ? AND carried <> '' AND carried = node"
    return connection.execute(sql, (session_id,)).fetchone() is not None


def portion(connection: Statements, session_id: str, after: Copy | None) -> list[Copy]:
    """In order, behind `after`."""
    behind = ("", 0, "") if after is None else after[:3]
    return _copies(connection, _PORTION, (session_id, *behind, PORTION))


def belongings(connection: Statements, session_id: str) -> list[Copy]:
    """Of inbound.db."""
    return _copies(connection, _BELONGINGS, (session_id,))


def _copies(connection: Statements, sql: str, bindings: Bindings) -> list[Copy]:
    rows = connection.execute(sql, bindings).fetchall()
    return [Copy(str(part), int(number), str(name), str(content)) for part, number, name, content in rows]


def are_there(connection: Statements, session_id: str) -> bool:
    """Whether anything was copied, be it not all."""
    sql = "SELECT 1 FROM mailbox_copies WHERE session_id = ? LIMIT 1"
    return connection.execute(sql, (session_id,)).fetchone() is not None


def are_of_a_runner(connection: Statements, session_id: str) -> bool:
    """Whether any of them is what a runner wrote."""
    sql = f"SELECT 1 FROM mailbox_copies WHERE session_id = ? AND part NOT IN ('{IN}', '{ASK}') LIMIT 1"
    return connection.execute(sql, (session_id,)).fetchone() is not None


def numbers(connection: Statements, session_id: str) -> list[tuple[str, int, str]]:
    """Of the steps and acknowledgements, what they are known by."""
    rows = connection.execute(_NUMBERS, (session_id,)).fetchall()
    return [(str(part), int(number), str(name)) for part, number, name in rows]


def trim(connection: Statements, session_id: str) -> int:
    """Of a session that has too much the oldest turns go. How many bytes of steps are left."""
    sized = [
        (int(number), int(size), str(kind))
        for number, size, kind in connection.execute(_SIZED, (session_id,)).fetchall()
    ]
    left = sum(size for _, size, _ in sized)
    cut = 0
    for number, size, kind in sized[:-1]:
        if left <= MOST_OF_ONE // 2 and kind == "user":  # a turn begins with what was asked
            break
        cut, left = number, left - size
    connection.execute(
        "DELETE FROM mailbox_copies WHERE session_id = ? AND part = 'step' AND number <= ?", (session_id, cut)
    )
    return left


def take_away(connection: Statements, session_id: str, gone: Iterable[tuple[str, int, str]]) -> None:
    connection.executemany(_DELETE, [(session_id, *one) for one in gone])


_LATEST = "SELECT number, content FROM mailbox_copies WHERE session_id = ? AND part = 'step' ORDER BY number DESC LIMIT 1"
_BUT_STEPS = (
    "SELECT part, number, name, content FROM mailbox_copies WHERE session_id = ?"
    " AND part IN ('out', 'ack', 'state', 'in', 'ask')"
)
_BELONGINGS = (
    "SELECT part, number, name, content FROM mailbox_copies WHERE session_id = ? AND part IN ('in', 'ask')"
)
_SIZE = "SELECT coalesce(sum(length(content)), 0) FROM mailbox_copies WHERE session_id = ? AND part = 'step'"
_SIZED = (
    "SELECT number, length(content), content ->> '$[1]' FROM mailbox_copies WHERE session_id = ? AND part = 'step'"
    " ORDER BY number"
)
_DONE = "SELECT name FROM mailbox_copies WHERE session_id = ? AND part = 'done'"
_NUMBERS = "SELECT part, number, name FROM mailbox_copies WHERE session_id = ? AND part IN ('step', 'done')"
_DELETE = "DELETE FROM mailbox_copies WHERE session_id = ? AND part = ? AND number = ? AND name = ?"
_PUT = (
    "INSERT INTO mailbox_copies (session_id, part, number, name, content) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (session_id, part, number, name) DO UPDATE SET content = excluded.content"
)
# What a look of the schedule has kept is of a later state than this.
_SET_UP = "INSERT INTO task_copies VALUES (?, ?, ?) ON CONFLICT (task_id) DO NOTHING"
_PORTION = (
    "SELECT part, number, name, content FROM mailbox_copies WHERE session_id = ? AND (part, number, name) > (?, ?, ?)"
    " ORDER BY part, number, name LIMIT ?"
)
