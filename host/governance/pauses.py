"""Agents that begin nothing until somebody says so: the brake for everything, or for one.

While one is paused no runner of it lives. What is written to it is kept, and answered afterwards; what it was at goes on after
its last step. Functions are for jobs on the registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from host.ports.events import EventClass, InboundEvent
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import say
from sessiondb.records import Address

EVERYBODY = ""  # in the place of an agent's name
KEPT = say("⏸️ I am paused. What you wrote is kept, and I answer it when I go on.")
INTERRUPTED = say("⏸️ I am paused. What I was at goes on afterwards.")


class Pauses:
    """What the host knows of them: asked where nobody can wait for the registry."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}

    def has(self, agent: str) -> bool:
        return EVERYBODY in self._since or agent in self._since

    @property
    def has_any(self) -> bool:
        return bool(self._since)

    def know(self, since: Mapping[str, int]) -> None:
        """`since` is all there is."""
        self._since = dict(since)


def load(connection: Statements) -> dict[str, int]:
    """Since when, ms UTC, by the agent's name."""
    rows = connection.execute("SELECT agent, since FROM paused").fetchall()
    return {str(agent): int(str(since)) for agent, since in rows}


def since(connection: Statements, agent: str) -> int:
    """ms UTC; 0 while it works."""
    return min((at for name, at in load(connection).items() if name in (EVERYBODY, agent)), default=0)


def begin(connection: Statements, agent: str, now: int) -> bool:
    """False where it is paused already."""
    connection.execute("INSERT INTO paused VALUES (?, ?) ON CONFLICT DO NOTHING", (agent, now))
    return connection.changes() > 0


def end(connection: Statements, agent: str) -> list[str]:
    """Whose pauses ended: `EVERYBODY` ends each one."""
    ended = [name for name in load(connection) if agent in (EVERYBODY, name)]
    connection.executemany("DELETE FROM paused WHERE agent = ?", [(name,) for name in ended])
    return ended


def named(agent: str) -> str:
    """For people."""
    return f"agent {agent}" if agent else "everything"


def begun(agent: str, *, begun: bool, running: bool) -> str:
    """What came of the order, for whoever gave it."""
    runs = "what it was at is ended, and goes on after `dovecote resume`" if running else "no host runs here"
    return f"{named(agent)}: {'paused' if begun else 'was paused already'}; {runs}"


def tell(connection: Statements, event: InboundEvent, agent: str, answer: Address, now: int) -> None:
    """Whoever writes to a paused agent."""
    began = since(connection, agent)
    if began and (notice := told(event, began, answer)) is not None:
        notices.add(connection, notice, now)


def told(event: InboundEvent, since: int, answer: Address) -> Notice | None:
    """One line for whoever writes meanwhile: once for each person, conversation and pause."""
    if event.event_class not in (EventClass.MESSAGE, EventClass.COMMAND) or event.author.is_bot:
        return None
    where = ":".join(answer)
    return Notice(
        f"paused:{since}:{where}:{event.author.id}", answer, KEPT, answers=event.platform_message_id
    )


def interrupted(session: Session, since: int) -> Notice:
    return Notice(f"paused:{since}:{session.id}", session.place, INTERRUPTED)
