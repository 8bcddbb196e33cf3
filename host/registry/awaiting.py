"""The table `awaited` of host.db: which tasks wait for something in a channel. Functions for jobs on the connection.

What it has of tasks is made again from the sessions' files; what it has by itself is how often each began lately.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from host.config.awaited import Awaited, Kind
from host.registry.port import Statements
from sessiondb.records import Address

MOST, WITHIN = 10, 600_000  # runs of one task in so many ms; what happens beyond is let pass, and said


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that waits at a place."""

    task_id: str
    session_id: str
    kind: Kind
    what: str
    since: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    begins: bool
    passed: int  # where it begins: so many were let pass before it; else: with this one
    until: int  # ms UTC, until when others are let pass


def keep(connection: Statements, session_id: str, found: Sequence[tuple[str, Awaited]]) -> None:
    """After a look: what the session's active tasks wait for. Others of it wait no more."""
    kept = json.dumps([id_ for id_, _ in found])
    connection.execute(
        "DELETE FROM awaited WHERE session_id = ? AND task_id NOT IN (SELECT value FROM json_each(?))",
        (session_id, kept),
    )
    connection.executemany(
        _KEEP,
        [
            (id_, session_id, *one.place[:3], one.kind, one.what, one.since, json.dumps(one.by))
            for id_, one in found
        ],
    )


def at(connection: Statements, place: Address) -> list[Waiting]:
    """Those that wait in the channel of this address."""
    rows = sorted(connection.execute(_AT, place[:3]).fetchall())  # SQLite would make room for it each time
    return [
        Waiting(str(task), str(session), kind, str(what), int(since), tuple(json.loads(str(people))))
        for task, session, kind, what, since, people in rows
    ]


def count(connection: Statements, task_id: str, now: int) -> Counted:
    """One more of what it waits for."""
    [(since, begun, passed)] = connection.execute(
        "SELECT counted_from, begun, passed FROM awaited WHERE task_id = ?", (task_id,)
    ).fetchall()
    let_pass = int(passed)
    if not since <= now < since + WITHIN:
        since, begun, passed = now, 0, 0
    begins = begun < MOST
    begun, passed = begun + begins, passed + (not begins)
    connection.execute(
        "UPDATE awaited SET counted_from = ?, begun = ?, passed = ? WHERE task_id = ?",
        (since, begun, passed, task_id),
    )
    return Counted(begins, let_pass if begins and begun == 1 else passed, since + WITHIN)


_AT = (
    "SELECT task_id, session_id, kind, what, since, people FROM awaited"
    " WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
)
_KEEP = (
    "INSERT INTO awaited (task_id, session_id, channel_type, workspace_id, platform_id, kind, what, since, people)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task_id) DO UPDATE SET kind = excluded.kind, what = excluded.what,"
    " since = excluded.since, people = excluded.people WHERE awaited.session_id = excluded.session_id"
)
