"""Whose file has a task: the conversation it posts into, or a session of its own where it posts elsewhere.

A session of its own stands at the place it posts to, so that people who reply there go on with the task's conversation and
with no other: what was said where the task was asked for stays there (docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Sequence

from host.config.recurrence import ScheduleError
from host.config.settings import Settings
from host.governance import access
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.registry import sessions
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule.orders import Limits, Order, Wish
from host.schedule.readers import Readers
from host.words import clauses, say
from sessiondb.records import Address

CHANNEL = "channel"  # the destination that means: the channel of this conversation


class Homes:
    def __init__(self, settings: Settings, records: Records, readers: Readers) -> None:
        self._settings = settings
        self._db = records.db
        self._registry = records.sessions
        self._mailboxes = records.mailboxes
        self._readers = readers

    async def of_new(self, session: Session, order: Order, wish: Wish, now: int) -> tuple[Session, Address]:
        """The session that will have the task, and where it posts. Raises `ScheduleError`."""
        destination, here = wish.destination, order.address
        if destination == CHANNEL:
            place = here._replace(thread_id="")
        elif destination:
            place = await self._listed(session, destination, here)
        else:
            place = here
        direct = "-dm-" in session.scope  # its channel is the conversation
        if place == here or (direct and place == here._replace(thread_id="")):
            return session, here
        if (scope := self._of_guests(session, place)) == "":
            raise ScheduleError(say("a conversation with guests has tasks in its own channel alone"))
        if scope is None:
            scope = await self._db.read(lambda connection: _scope(connection, place))
            await self._judge(session, order.people, here, place, scope)
        return await self.made(session.agent, place, order.task_id, now, scope), place

    async def judge(self, session: Session, order: Order, home: Session) -> None:
        """Of a task that lives elsewhere: what it runs with is for whoever changes what it does. Raises `ScheduleError`."""
        await self._judge(session, order.people, order.address, home.place, home.scope)

    async def _judge(
        self, session: Session, people: Sequence[str], here: Address, place: Address, scope: str
    ) -> None:
        if scope != session.scope:  # what they have at hand here gives them nothing there
            await self._readers.judge(people, here, place, scope)

    @staticmethod
    def _of_guests(session: Session, place: Address) -> str | None:
        """The scope that their tasks keep; '' where they may have none, None for a conversation that is not theirs."""
        scope = sessions.scope_name("guests", session.address, "")
        if session.scope != scope:
            return None
        return scope if place[:3] == session.address[:3] else ""

    async def made(
        self, agent: str, place: Address, task_id: str, now: int, scope: str | None = None
    ) -> Session:
        """A session of the task's own; in the scope of its place, unless another one is given."""

        def job(connection: Statements) -> Session:
            address = place._replace(thread_id=f"task:{task_id}")
            id_ = sessions.upsert(connection, agent, address, scope or _scope(connection, place), now)
            return self._registry.load(connection, "id = ?", (id_,))[0]

        return await self._db.write(job)

    async def conversation(self, agent: str, place: Address, scope: str, now: int) -> Session:
        """The one that people have there, made if they have had none."""

        def job(connection: Statements) -> Session:
            id_ = sessions.upsert(connection, agent, place, scope, now)
            return self._registry.load(connection, "id = ?", (id_,))[0]

        return await self._db.write(job)

    def limits(self, agent: str) -> Limits:
        config = self._settings.config
        found, window = config.agents.get(agent), int(config.host.task_window * 1000)
        if found is None:
            return Limits(window=window)
        return Limits(int(found.shortest_task_interval * 1000), found.most_tasks, window)

    def is_owner(self, place: Address, user_id: str) -> bool:
        return access.is_owner(self._settings.config.access, place, user_id)

    async def _listed(self, session: Session, name: str, here: Address) -> Address:
        found = await self._mailboxes.use(session, lambda writer: _destination(writer, name))
        if isinstance(found, list):
            raise ScheduleError(
                say(
                    "unknown destination {name}; known: {known}, or none for this conversation",
                    name=repr(name),
                    known=clauses([CHANNEL, *found]),
                )
            )
        if not found.workspace_id and found.channel_type == here.channel_type:
            return found._replace(workspace_id=here.workspace_id)
        return found


def _destination(writer: InboundWriter, name: str) -> Address | list[str]:
    """The address, or the names there are."""
    found = writer.destination(name)
    return found if found is not None else writer.destination_names()


def _scope(connection: Statements, place: Address) -> str:
    """That of the conversations there. Where there were none, the channel counts as private: closed, not open."""
    row = connection.execute(
        "SELECT scope FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
        " AND scope <> ? LIMIT 1",
        (*place[:3], sessions.scope_name("guests", place, "")),
    ).fetchone()
    return sessions.scope_name("private", place, "") if row is None else str(row[0])
