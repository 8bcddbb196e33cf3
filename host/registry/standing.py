"""What a place or a person is now: whether anything can be said there, whether anybody is behind the account.

Jobs on the connection. What changes, for better or worse, makes the sessions it concerns due in the same commit: the schedule
looks at their tasks, and a crash in between leaves nothing to be told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from host.ports.events import Standing
from host.registry import places
from host.registry.port import Statements
from host.words import mark
from sessiondb.records import Address

WORDS: Mapping[str, str] = {
    "archived": mark("was archived"),
    "gone": mark("is not there any more, or I was taken out of it"),
    "removed": mark("lets me write no more: I was taken out of it"),
    "locked": mark("is locked"),
}
OPEN: Standing = "open"


@dataclass(frozen=True, slots=True)
class Ended:
    """What keeps tasks of one place from running: why nothing can be said there, '' when it can, and who is gone."""

    why: str = ""  # a sentence's end, as "was archived"
    place: str = ""  # what people call it
    gone: Mapping[str, str] = field(default_factory=dict)  # names by user id


def is_news(connection: Statements, place: Address, standing: Standing) -> bool:
    """Of a place where anybody ever talked with an agent: another is not worth a row."""
    known = connection.execute(_KNOWN, place).fetchone()
    if known is None:
        return standing != OPEN and _inhabited(connection, place)
    return str(known[0]) != standing


def place_stands(connection: Statements, place: Address, standing: Standing, now: int) -> bool:
    """True when that is new."""
    if not is_news(connection, place, standing):
        return False
    if standing == OPEN:
        connection.execute(_REOPENED, place)
    else:
        connection.execute(_SHUT, (*place, standing, now))
    _look(connection, place)
    return True


def person_stands(connection: Statements, workspace: Address, user: str, *, here: bool, now: int) -> bool:
    """True when that is new, of somebody who was let in once."""
    connection.execute(_BACK if here else _GONE, (0 if here else now, *workspace[:2], user))
    if connection.changes() == 0:
        return False
    _look(connection, workspace._replace(platform_id="", thread_id=""))
    return True


def of(connection: Statements, place: Address) -> Ended:
    row = connection.execute(_ABOUT, place).fetchone()
    gone = connection.execute(_GONE_PEOPLE, place[:2]).fetchall()
    why = "" if row is None else WORDS[str(row[0])]
    return Ended(why, places.called(connection, place), {str(user): str(name) for user, name in gone})


def inhabited(connection: Statements, channel_type: str) -> dict[Address, Standing]:
    """Where tasks post, and what was closed: what a bot asks about when it connects."""
    found: dict[Address, Standing] = {}
    for row in connection.execute(_WITH_TASKS, (channel_type,)):
        found[Address(*map(str, row))] = OPEN
    for *place, why in connection.execute(_CLOSED, (channel_type,)):
        found[Address(*map(str, place))] = cast(Standing, why)
    return found


def gone_people(connection: Statements) -> dict[tuple[str, str, str], int]:
    """Since when, ms UTC, by platform, workspace and id."""
    sql = "SELECT channel_type, workspace_id, user_id, gone_at FROM users WHERE gone_at > 0"
    return {(str(row[0]), str(row[1]), str(row[2])): int(str(row[3])) for row in connection.execute(sql)}


def _inhabited(connection: Statements, place: Address) -> bool:
    where, bindings = _below(place)
    return (
        connection.execute(f"SELECT 1 FROM sessions WHERE {where} LIMIT 1", bindings).fetchone() is not None
    )


def _look(connection: Statements, place: Address) -> None:
    """The index of tasks is a lower bound (law 12): a session that is looked at in vain costs one look."""
    where, bindings = _below(place)
    connection.execute(
        f"UPDATE due SET at = 0 WHERE session_id IN (SELECT id FROM sessions WHERE {where})", bindings
    )


def _below(place: Address) -> tuple[str, tuple[str, ...]]:
    """The sessions of a place: of the thread alone, of the channel with its threads, of the workspace."""
    columns = ("channel_type", "workspace_id", "platform_id", "thread_id")
    named = place[:2] if not place.platform_id else place[:3] if not place.thread_id else place
    return " AND ".join(f"{column} = ?" for column in columns[: len(named)]), tuple(named)


_PLACE = "channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?"
_KNOWN = f"SELECT why FROM closed WHERE {_PLACE}"
_SHUT = (
    "INSERT INTO closed VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (channel_type, workspace_id, platform_id, thread_id) DO UPDATE SET why = excluded.why, since = excluded.since"
)
_REOPENED = f"DELETE FROM closed WHERE {_PLACE}"
_ABOUT = (
    "SELECT why FROM closed WHERE channel_type = ?1 AND workspace_id = ?2 AND platform_id IN ('', ?3)"
    " AND thread_id IN ('', ?4) ORDER BY platform_id, thread_id LIMIT 1"
)
_CLOSED = "SELECT channel_type, workspace_id, platform_id, thread_id, why FROM closed WHERE channel_type = ?"
_WITH_TASKS = (
    "SELECT DISTINCT channel_type, workspace_id, platform_id, thread_id FROM due JOIN sessions ON sessions.id = session_id"
    " WHERE channel_type = ?"
)
_GONE = (
    "UPDATE users SET gone_at = ? WHERE channel_type = ? AND workspace_id = ? AND user_id = ? AND gone_at = 0"
)
_BACK = (
    "UPDATE users SET gone_at = ? WHERE channel_type = ? AND workspace_id = ? AND user_id = ? AND gone_at > 0"
)
_GONE_PEOPLE = (
    "SELECT user_id, name FROM users WHERE channel_type = ? AND workspace_id = ? AND gone_at > 0 LIMIT 10000"
)
