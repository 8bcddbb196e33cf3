"""The table `due` of host.db: when each session must be looked at for its tasks. Functions for jobs on the connection.

A lower bound, written before the task (law 12): a session that is looked at too early costs one look, one that is looked
at too late would lose a due time. Lost altogether, it is made again from the sessions' files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from host.registry import meta
from host.registry.port import Statements

NEVER = 2**62  # later than any due time: the task is paused or over
COMPLETE = "due_complete"  # in meta: the index knows every task of every file
LATEST = "due_latest"  # in meta: ms UTC, the latest time of day by which a bound was computed


@dataclass(frozen=True, slots=True)
class Home:
    """Whose file has a task, and which session asked for it."""

    session_id: str
    made_in: str


def is_anothers(connection: Statements, task_id: str, session_id: str) -> bool:
    """An id follows from what a container wrote: it may be made to be that of another session's task, or be so by chance."""
    found = home(connection, task_id)
    return found is not None and found.session_id != session_id


def lower(connection: Statements, task_id: str, session_id: str, made_in: str) -> None:
    """Before a change of the task: look at once, until the change is known."""
    connection.execute(
        "INSERT INTO due VALUES (?, ?, ?, 0) ON CONFLICT (task_id) DO UPDATE SET at = 0",
        (task_id, session_id, made_in),
    )


def settle(connection: Statements, session_id: str, bounds: Sequence[tuple[str, str, int]]) -> None:
    """After a look: what the session's file says, (task, made in, at) with 0 for never. Others of it are gone.

    What another session has stays its own, whatever this one's file says.
    """
    connection.execute("DELETE FROM due WHERE session_id = ?", (session_id,))
    connection.executemany(
        "INSERT INTO due VALUES (?, ?, ?, ?) ON CONFLICT (task_id) DO NOTHING",
        [(task, session_id, made_in, at or NEVER) for task, made_in, at in bounds],
    )


def look_again(connection: Statements, session_id: str) -> None:
    """Its tasks are not known: a bound that lasts until its file could be looked at."""
    connection.execute(
        "INSERT INTO due VALUES (?, ?, '', 0) ON CONFLICT DO NOTHING", (f"?{session_id}", session_id)
    )


def due_sessions(connection: Statements, now: int, without: Sequence[str], count: int) -> list[str]:
    """Sessions that must be looked at, those that are due the longest first."""
    sql = f"SELECT session_id FROM due WHERE at <= ? AND {_HERE} {_without(without)} ORDER BY at, session_id LIMIT ?"
    rows = connection.execute(sql, (now, *without, count)).fetchall()
    return list(dict.fromkeys(str(id_) for (id_,) in rows))


def earliest(connection: Statements, without: Sequence[str] = ()) -> int:
    """ms UTC; `NEVER` when nothing is due."""
    sql = f"SELECT at FROM due WHERE at >= 0 AND {_HERE} {_without(without)} ORDER BY at LIMIT 1"
    row = connection.execute(sql, tuple(without)).fetchone()
    return row[0] if row is not None and isinstance(row[0], int) else NEVER


_HERE = "EXISTS (SELECT 1 FROM sessions_here WHERE id = session_id)"


def _without(ids: Sequence[str]) -> str:
    return f"AND session_id NOT IN ({', '.join('?' * len(ids))})" if ids else ""


def home(connection: Statements, task_id: str) -> Home | None:
    row = connection.execute("SELECT session_id, made_in FROM due WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else Home(str(row[0]), str(row[1]))


def copies_of(connection: Statements, session_id: str) -> list[str]:
    """Of its tasks, as they were when they were looked at last."""
    rows = connection.execute("SELECT task FROM task_copies WHERE session_id = ?", (session_id,)).fetchall()
    return [str(task) for (task,) in rows]


def sessions_of(connection: Statements, made_in: str = "") -> list[str]:
    """The sessions that have tasks: all, or those with tasks that one session asked for."""
    if not made_in:
        rows = connection.execute(f"SELECT DISTINCT session_id FROM due WHERE {_HERE}").fetchall()
    else:
        sql = "SELECT DISTINCT session_id FROM due WHERE made_in = ?1 OR session_id = ?1"
        rows = connection.execute(sql, (made_in,)).fetchall()
    return [str(id_) for (id_,) in rows]


def sessions_without_copies(connection: Statements) -> list[str]:
    """Sessions with tasks that no look has copied: an older host made them."""
    sql = (
        f"SELECT DISTINCT session_id FROM due WHERE {_HERE} AND NOT EXISTS"
        " (SELECT 1 FROM task_copies WHERE task_copies.task_id = due.task_id)"
    )
    return [str(id_) for (id_,) in connection.execute(sql).fetchall()]


def note_time(connection: Statements, now: int) -> None:
    """With the bounds that were computed by this time of day. Compared as digits: a cast breaks over what is no number."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        " WHERE (length(meta.value), meta.value) < (length(excluded.value), excluded.value)",
        (LATEST, str(now)),
    )


def latest_time(connection: Statements) -> int:
    """A clock that shows less than this was set back, and bounds may lie further off than they should. ms UTC, 0 if unknown."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (LATEST,)).fetchone()
    found = "" if row is None else str(row[0])
    return int(found) if found.isdecimal() else 0


def set_time(connection: Statements, now: int) -> None:
    """Every bound was computed anew by this time of day."""
    meta.put(connection, LATEST, str(now))


def look_at_every_session(connection: Statements) -> None:
    """The index was lost: each session is due now, and what its file says takes the place of that. Done twice, it looks twice."""
    connection.execute(
        "INSERT INTO due SELECT '?' || id, id, '', 0 FROM sessions WHERE true ON CONFLICT DO NOTHING"
    )


def is_complete(connection: Statements) -> bool:
    if connection.execute("SELECT 1 FROM meta WHERE key = ?", (COMPLETE,)).fetchone() is not None:
        return True
    return connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchone() is None


def note_complete(connection: Statements) -> None:
    meta.put(connection, COMPLETE, "yes")
