"""Trials of tasks: conversations in the direct messages of whoever tries one.

What one may do and spend is decided where its task works. Functions for jobs on the connection.
"""

from __future__ import annotations

from host.registry.port import Statements
from sessiondb.records import Address

THREAD = "task:try-"  # before the task's id: a thread that no platform knows


def thread(task_id: str) -> str:
    return f"{THREAD}{task_id}"


def judged_at(connection: Statements, place: Address) -> Address:
    """Where the rules and the purse of a session's place are: of a trial where its task works, as long as there is one."""
    if not place.thread_id.startswith(THREAD):
        return place
    row = connection.execute(_WORKS_AT, (place.thread_id.removeprefix(THREAD),)).fetchone()
    return place if row is None else Address(*map(str, row))


_WORKS_AT = (
    "SELECT channel_type, workspace_id, platform_id, thread_id FROM due JOIN sessions"
    " ON sessions.id = due.session_id WHERE due.task_id = ?"
)
