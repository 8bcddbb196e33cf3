"""Yeses in advance: a person's, to a tool, in one conversation or wherever its agent works, with an end. Jobs on the connection.

A grant decides nothing: it is counted as its giver's yes when a question is put, if they may answer it at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from host.config import people
from host.governance import access
from host.registry.port import Statements
from host.words import Sentence, say
from sessiondb.records import Address

Where = Literal["", "here", "everywhere"]
LABELS: dict[Where, str] = {"here": "Allow here for ", "everywhere": "Allow everywhere for "}
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Grant:
    id: int
    agent: str
    tool: str
    here: bool  # in one conversation alone
    user: str  # platform:id
    name: str
    ends_at: int  # ms UTC
    place: Address  # without a channel where it counts everywhere

    @property
    def by(self) -> str:
        return people.parts(self.user)[2]

    def told(self) -> Sentence:
        """For the audit, and for lists."""
        where = say("in one conversation") if self.here else say("everywhere")
        return say("{tool} of {agent} {where}", tool=self.tool, agent=self.agent, where=where)


def offered(seconds: int) -> tuple[str, ...]:
    """As the choices of a question say it."""
    return tuple(f"{label}{span(seconds)}" for label in LABELS.values()) if seconds else ()


def meant(chosen: str) -> Where:
    """Where a choice allows the tool from now on; '' of any other choice."""
    return next((where for where, label in LABELS.items() if chosen.startswith(label)), "")


def span(seconds: int) -> str:
    """In the largest unit that it is a whole number of."""
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    number = seconds // size
    return f"{number} {unit}{'s' if number != 1 else ''}"


def give(
    connection: Statements,
    place: Address,
    agent: str,
    tool: str,
    session_id: str,
    by: tuple[str, str],
    ends_at: int,
    now: int,
) -> None:
    """`by`: id and name. Given again it ends when the later one does; those that have ended go."""
    connection.execute("DELETE FROM grants WHERE ends_at <= ?", (now,))
    user = access.person(place, by[0])
    connection.execute(_GIVE, (*place[:2], agent, tool, session_id, user, by[1], ends_at))


def holding(
    connection: Statements, place: Address, agent: str, tool: str, session_id: str, now: int
) -> list[Grant]:
    return _read(connection.execute(_HOLDING, (*place[:2], agent, tool, session_id, now)).fetchall())


def there(connection: Statements, place: Address, now: int) -> list[Grant]:
    """Those that count in a conversation, or, of a place without a thread, in any of the channel."""
    found = _read(connection.execute(_THERE, (*place[:2], now)).fetchall())
    return [one for one in found if not one.here or _within(one.place, place)]


def every(connection: Statements, now: int) -> list[Grant]:
    return _read(connection.execute(_EVERY, (now,)).fetchall())


def revoke(connection: Statements, id_: int) -> None:
    connection.execute("DELETE FROM grants WHERE id = ?", (id_,))


def _within(found: Address, place: Address) -> bool:
    return found[:3] == place[:3] and place.thread_id in ("", found.thread_id)


def _read(rows: Sequence[Sequence[object]]) -> list[Grant]:
    return [
        Grant(
            int(str(id_)),
            str(agent),
            str(tool),
            bool(session),
            str(user),
            str(name),
            int(str(ends_at)),
            _place(place),
        )
        for id_, agent, tool, session, user, name, ends_at, *place in rows
    ]


def _place(columns: Sequence[object]) -> Address:
    return Address(*(str(column or "") for column in columns))


_GIVE = """
INSERT INTO grants (channel_type, workspace_id, agent, tool, session_id, user, name, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (channel_type, workspace_id, agent, tool, session_id, user) DO UPDATE SET name = excluded.name,
ends_at = CASE WHEN excluded.ends_at > grants.ends_at THEN excluded.ends_at ELSE grants.ends_at END
"""
_COLUMNS = (
    "SELECT g.id, g.agent, g.tool, g.session_id, g.user, g.name, g.ends_at, g.channel_type, g.workspace_id, s.platform_id,"
    " s.thread_id FROM grants g LEFT JOIN sessions s ON s.id = g.session_id WHERE "
)
_HOLDING = (
    f"{_COLUMNS}g.channel_type = ? AND g.workspace_id = ? AND g.agent = ? AND g.tool = ? AND g.session_id IN ('', ?)"
    " AND g.ends_at > ? ORDER BY g.id"
)
_THERE = f"{_COLUMNS}g.channel_type = ? AND g.workspace_id = ? AND g.ends_at > ? ORDER BY g.id"
_EVERY = f"{_COLUMNS}g.ends_at > ? ORDER BY g.ends_at"
