"""The agent's tools, on the host's side: validated, authorised, and answered with what really happened."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from host.config.recurrence import ScheduleError
from host.delivery.actions import ActionError, Asked, Handler, refusing
from host.mailbox import tasks
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from host.schedule import changes, index, orders
from host.schedule.homes import Homes
from host.schedule.orders import Nothing, Order, Wish
from host.schedule.service import Scheduler
from host.words import many, say
from sessiondb import SessionError, content
from sessiondb.records import Address

log = logging.getLogger(__name__)

MOST_LISTED = 50
WITHDRAWING = ("pause_task", "cancel_task")  # orders by which a task does less than it did


class TaskActions:
    """A task is the asking session's to change when it lives there or was asked for there; others do not exist for it."""

    def __init__(
        self,
        scheduler: Scheduler,
        homes: Homes,
        db: Registry,
        mailboxes: Mailboxes,
        zone: str,
        now: Callable[[], int],
    ) -> None:
        self._scheduler = scheduler
        self._homes = homes
        self._db = db
        self._mailboxes = mailboxes
        self._zone = zone
        self._now = now

    @asynccontextmanager
    async def prepared(self, session: Session, asked: Asked) -> AsyncIterator[Handler]:
        async with AsyncExitStack() as stack:
            try:
                handler = await self._handler(session, asked, stack)
            except ScheduleError as error:
                handler = refusing(str(error))
            yield handler

    async def _handler(self, session: Session, asked: Asked, stack: AsyncExitStack) -> Handler:
        """What must last until the commit is put on the stack. Raises `ScheduleError`."""
        order = await self._order(session, asked)
        if isinstance(order.asked, Nothing):
            return await self._listing(session)
        home, order = await self._home(session, order)
        if home is not session:
            return await self._elsewhere(home, order)
        stack.push_async_callback(self._scheduler.share, session)
        await stack.enter_async_context(self._scheduler.changing(session, order))
        return lambda writer: _apply(writer, order, self._now())

    async def _order(self, session: Session, asked: Asked) -> Order:
        origin = asked.origin
        by = origin.author_id if origin is not None else ""
        people = await self._people(session, asked)
        owner = bool(people) and all(self._homes.is_owner(asked.address, person) for person in people)
        return Order(
            id=f"{session.id}:{asked.row_id}",
            name=asked.action.name,
            asked=orders.parse(asked.action.name, asked.action.arguments),
            address=asked.address,
            source="agent",
            zone=await self._zone_of(asked, by),
            by=by,
            people=people,
            master=owner,
            made_in=session.id,
            limits=self._homes.limits(session.agent),
            channel=asked.address,
            asked_at=origin.created_at if origin is not None else 0,
        )

    async def _people(self, session: Session, asked: Asked) -> tuple[str, ...]:
        """Everybody whose message the turn may be answering: which of them said what, only the container knows."""
        origin = asked.origin
        if origin is None:
            return ()
        waiting = await self._mailboxes.use(session, InboundWriter.wanting)
        others = {message.author_id for message in waiting if message.address == origin.address}
        return tuple(sorted({origin.author_id, *others}))

    async def _zone_of(self, asked: Asked, user: str) -> str:
        """The asking person's: as the message said, as it was known last, or else the host's."""
        said = content.decode_inbound(asked.origin.content) if asked.origin is not None else None
        if isinstance(said, content.Chat) and said.zone:
            return said.zone
        where = (asked.address.channel_type, asked.address.workspace_id, user)
        sql = "SELECT zone FROM users WHERE channel_type = ? AND workspace_id = ? AND user_id = ?"
        row = await self._db.read(lambda connection: connection.execute(sql, where).fetchone())
        return str(row[0]) if row and row[0] else self._zone

    async def _home(self, session: Session, order: Order) -> tuple[Session, Order]:
        """The session that has, or will have, the task. Raises `ScheduleError` for what is not this session's."""
        if isinstance(order.asked, Wish):
            least = order.limits.shortest_interval
            changes.schedule_of(order.asked, order.zone, self._now(), least)  # before anything is made for it
            here = await self._mailboxes.use(session, lambda writer: writer.tasks.all())
            asked = {task.id for task in (*here, *await self._elsewhere_of(session))} - {order.task_id}
            if len(asked) >= order.limits.most:
                raise ScheduleError(
                    many(
                        "there is {count} task of this conversation already; cancel it first",
                        "there are {count} tasks of this conversation already; cancel some first",
                        len(asked),
                    )
                )
            home, place = await self._homes.of_new(session, order, order.asked, self._now())
            return home, replace(order, address=place)
        found = await self._db.read(lambda connection: index.home(connection, order.task_id))
        if found is None or session.id not in (found.session_id, found.made_in):
            raise ScheduleError(say("there is no task {id}", id=order.task_id))
        if found.session_id == session.id:
            return session, order
        homes = await self._scheduler.sessions([found.session_id])
        if not homes:
            raise ScheduleError(say("there is no task {id}", id=order.task_id))
        if order.name not in WITHDRAWING:
            await self._homes.judge(session, order, homes[0])
        return homes[0], order

    async def _elsewhere(self, home: Session, order: Order) -> Handler:
        """Carried out before the receipt, once: the order's outcome is kept beside the task."""
        try:
            text = await self._scheduler.carry_out(home, order)
        except ScheduleError as error:
            return refusing(str(error))
        except (
            SessionError
        ) as error:  # another session's file: it must neither stop this one nor be taken for it
            log.warning(
                "A task cannot be changed: %s", error, extra={"action": "task_unchanged", "session": home.id}
            )
            return refusing("its records cannot be written right now; nothing was changed, try again later")
        return lambda _: text

    async def _listing(self, session: Session) -> Handler:
        elsewhere = await self._elsewhere_of(session)
        here = session.address
        return lambda writer: _listed([*writer.tasks.all(), *elsewhere], here, self._now())

    async def _elsewhere_of(self, session: Session) -> list[tasks.Task]:
        """Tasks that were asked for in the session and live in others."""

        def others(connection: Statements) -> list[str]:
            return index.sessions_of(connection, session.id)

        ids = [id_ for id_ in await self._db.read(others) if id_ != session.id]
        found: list[tasks.Task] = []
        for home in await self._scheduler.sessions(ids):
            try:
                listed = await self._all_of(home)
            except SessionError:
                continue
            found += [task for task in listed if task.made_in == session.id]
        return found

    async def _all_of(self, home: Session) -> list[tasks.Task]:
        """Where another node has its file, as they were copied last."""
        if self._db.holding.has(home.address):
            return await self._mailboxes.use(home, lambda writer: writer.tasks.all())
        copied = await self._db.read(lambda connection: index.copies_of(connection, home.id))
        return [task for one in copied if (task := tasks.copied(one)) is not None]


def _apply(writer: InboundWriter, order: Order, now: int) -> str:
    try:
        return changes.carry_out(writer, order, now)
    except ScheduleError as error:
        raise ActionError(str(error)) from error


def _listed(found: Sequence[tasks.Task], here: Address, now: int) -> str:
    if not found:
        return "There are no tasks."
    lines = []
    for task in found[:MOST_LISTED]:
        elsewhere = f" Posts in {task.address}." if task.address.platform_id != here.platform_id else ""
        lines.append(f"{tasks.in_words(task, now)}{elsewhere}")
    more = [f"… and {len(found) - MOST_LISTED} more"] if len(found) > MOST_LISTED else []
    return "\n".join([*lines, *more])
