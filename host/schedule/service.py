"""The scheduler: one timer on the earliest due time of all sessions, and the one place where tasks are changed.

What a crash does, step by step. Of a change: the index says "look" before the task is written, so a task that was written
is found; where another node may go on it looks before the change is answered, so that what was answered is found there. Of a
firing: the session is marked busy, then its file moves the task on and gets the message in one transaction, then that is copied
where another node may go on, then the index and the task's copy are raised; whatever comes after the first step is made up for
by the look at the next start, and a due time that was fired is no longer due.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from host.config.awaited import Awaited
from host.config.recurrence import ScheduleError
from host.mailbox import remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.tasks import ITEM_ERRORS, Task
from host.registry import awaiting, notices, sessions, standing
from host.registry.errands import Errands
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.reaching import reached
from host.registry.sessions import Session, Sessions
from host.registry.standing import Ended
from host.schedule import carried, changes, ended, index
from host.schedule.orders import Order
from host.words import as_it_is, say
from sessiondb import SessionError

log = logging.getLogger(__name__)

CLOCK_SET = 5_000  # ms by which the time of day moved back against the loop's clock: somebody has set it
LONGEST_SLEEP = 10.0  # s until the clock is read again: it may have jumped, or the machine have slept
AT_ONCE = 64  # sessions fired before anything else gets its turn
FIRST_PAUSE = 5.0  # s until a session whose file cannot be written is tried again; doubles
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look into a session's file found."""

    waits: bool  # something is there for the runner
    bounds: list[tuple[str, str, int]]
    copies: list[tuple[str, str]]
    awaited: list[tuple[str, Awaited]]
    owed: list[tuple[str, str]]  # notices, handed over at once: no runner of it may ever come


class Scheduler:
    """`wake` is called with each session that got a task to run."""

    def __init__(
        self,
        db: Registry,
        registry: Sessions,
        mailboxes: Mailboxes,
        wake: Callable[[Session], None],
        now: Callable[[], int],
        errands: Errands,
        copied: Callable[[Session], Awaitable[None]],
    ) -> None:
        """`copied`: another node would find what is in the session's file."""
        self._copied = copied
        self._errands = errands
        errands.ways[carried.KIND] = self._asked_to
        self._db = db
        self._registry = registry
        self._mailboxes = mailboxes
        self._wake = wake
        self._now = now
        self._changed = asyncio.Event()
        self._one: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._put_off: dict[
            str, tuple[float, float]
        ] = {}  # session: until when (loop's clock), and the pause
        self._waiting: list[str] = []  # those of them whose pause is not over
        self._with_tasks: set[str] = set()
        self._looking: set[asyncio.Task[bool]] = set()

    # ── the timer ────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.catch_up(), name="tasks")
            while True:
                ahead = self._ahead()
                try:
                    await self.fire()
                    earliest = await self._db.read(
                        lambda connection: index.earliest(connection, self._waiting)
                    )
                    await self._sleep(earliest)
                except SessionError as error:
                    log.warning(
                        "The schedule could not be read: %s", error, extra={"action": "schedule_failed"}
                    )
                    await asyncio.sleep(FIRST_PAUSE)
                except Exception:  # whatever broke it would break it again after a restart
                    log.exception("The schedule broke", extra={"action": "schedule_failed"})
                    await asyncio.sleep(FIRST_PAUSE)
                if ahead - self._ahead() > CLOCK_SET:
                    log.warning("The clock was set back", extra={"action": "clock_set_back"})
                    group.create_task(self.catch_up(), name="tasks")

    def _ahead(self) -> float:
        """ms by which the time of day is ahead of the loop's clock, which nobody sets."""
        return self._now() - asyncio.get_running_loop().time() * 1000

    async def catch_up(self) -> None:
        """At the start, and after the clock was set back: everywhere if bounds were computed by a clock that was ahead."""
        try:
            latest = await self._db.read(index.latest_time)
            if not latest or self._now() < latest - CLOCK_SET:
                await self._look_at_all()
            else:
                await self._look_at(await self._db.read(index.sessions_without_copies))
        except SessionError as error:  # host.db; every session is looked at when its time comes
            log.warning("Not every task was looked at: %s", error, extra={"action": "schedule_failed"})
        except Exception:
            log.exception("A look at every task broke", extra={"action": "schedule_failed"})

    async def _look_at_all(self) -> None:
        """A clock that was ahead put tasks off for longer than they are. A look that did not come to its end is begun anew."""
        now = self._now()
        await self._look_at(await self._db.read(index.sessions_of))
        await self._db.write(lambda connection: index.set_time(connection, now))

    async def _look_at(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            for session in await self.sessions([id_]):
                if await self.look(session):
                    self._wake(session)
                if id_ in self._put_off:  # it was not seen: due until it is
                    await self._db.write(functools.partial(index.look_again, session_id=id_))
        self._changed.set()

    async def _sleep(self, earliest: int) -> None:
        """Until something is due or changed. The wall clock is read anew however long the wait was to be."""
        clock = asyncio.get_running_loop().time
        again = min((self._put_off[id_][0] for id_ in self._waiting), default=math.inf)
        while not self._changed.is_set() and self._now() < earliest and clock() < again:
            pause = min(LONGEST_SLEEP, (earliest - self._now()) / 1000, again - clock())
            try:
                async with asyncio.timeout(max(0.001, pause)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def fire(self) -> None:
        """Everything that is due, in order, a few at a time: chat comes in between."""
        while True:
            self._changed.clear()
            clock = asyncio.get_running_loop().time()
            self._waiting = [id_ for id_, (until, _) in self._put_off.items() if until > clock]
            due = await self._db.write(self._next_due)
            if not due:
                return
            found = await asyncio.gather(*(self.look(session) for session in due))
            for session, waits in zip(due, found, strict=True):
                if waits:
                    self._wake(session)

    def _next_due(self, connection: Statements) -> list[Session]:
        """Marked busy before any work is written: a crash from here on leaves sessions that the sweep looks at."""
        ids = index.due_sessions(connection, self._now(), self._waiting, AT_ONCE)
        found: list[Session] = []
        for id_ in ids:
            known = self._registry.load(connection, "id = ?", (id_,))
            if known:
                sessions.mark_busy(connection, id_)
                found += known
            else:  # its session was forgotten
                index.settle(connection, id_, ())
        return found

    async def look(self, session: Session) -> bool:
        """Fires what is due and raises the index. True when the runner has something to do."""
        async with self._one[session.id]:
            try:
                waits = await self._seen(session)
            except SessionError as error:
                pause = min(self._put_off.get(session.id, (0.0, FIRST_PAUSE / 2))[1] * 2, LONGEST_PAUSE)
                self._put_off[session.id] = asyncio.get_running_loop().time() + pause, pause
                log.warning(
                    "Tasks cannot be fired yet: %s",
                    error,
                    extra={"action": "not_fired", "session": session.id},
                )
                return False
            except Exception:  # one session's fault of whatever kind never ends the schedule of the others
                self._put_off[session.id] = asyncio.get_running_loop().time() + LONGEST_PAUSE, LONGEST_PAUSE
                log.exception("Tasks cannot be fired", extra={"action": "not_fired", "session": session.id})
                return False
        self._put_off.pop(session.id, None)
        return waits

    async def _seen(self, session: Session) -> bool:
        began = self._now()
        here = await self._db.read(functools.partial(standing.of, place=session.place))
        found = await self._mailboxes.use(session, functools.partial(_look, here=here, now=began))
        if found.waits:
            await self._copied(session)
        await self._settle(session, found, began, here)
        return found.waits

    async def _settle(self, session: Session, found: _Looked, began: int, here: Ended) -> None:
        def job(connection: Statements) -> None:
            index.settle(connection, session.id, found.bounds)
            if standing.of(connection, session.place) != here:  # it changed meanwhile, and asked for a look
                index.look_again(connection, session.id)
            index.note_time(connection, max(began, self._now()))
            remaking.keep_tasks(connection, session.id, found.copies)
            awaiting.keep(connection, session.id, found.awaited)
            for _, notice in found.owed:  # handed over again after a crash, which is once
                notices.add(connection, Notice.decode(notice), self._now())
            if found.waits:  # once more, now that it is in the file: resting may have overlooked it
                sessions.mark_busy(connection, session.id)

        await self._db.write(job)
        if found.owed:
            await self._mailboxes.use(session, functools.partial(_paid, owed=found.owed))
        (self._with_tasks.add if found.bounds else self._with_tasks.discard)(session.id)

    # ── changes ──────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def changing(self, session: Session, order: Order) -> AsyncIterator[None]:
        """Around the transaction that carries the order out: the index is lowered before and raised after.

        Raises `ScheduleError` for a task that another session has.
        """
        self._with_tasks.add(session.id)
        async with self._one[session.id]:
            if not await self._db.write(functools.partial(_lower, session_id=session.id, order=order)):
                raise ScheduleError(say("it got an id that another task has; ask for it once more"))
            try:
                yield
            finally:
                self._changed.set()
        # The timer finds the lowered bound, looks and raises it.

    async def share(self, session: Session) -> None:
        """After a change, before anybody hears of it: another node would find it, and what it began. A single machine has it by
        now, and looks when its timer does. Raises `SessionError`."""
        if self._db.ties is None:
            return
        async with self._one[session.id]:
            waits = await self._seen(session)
        if waits:
            self._wake(session)

    async def carry_out(self, session: Session, order: Order) -> str:
        """An order from outside of the session's own file, once, by the node that holds its channel. Raises `ScheduleError`,
        `sessiondb.SessionError`."""
        body = carried.written(session.id, order) if self._errands.are_needed else ""
        answer = await self._errands.ask(session.address, carried.KIND, body, again=True)
        return await self._carry_out(session, order) if answer is None else carried.outcome(answer)

    async def _asked_to(self, body: str) -> str:
        id_, order = carried.read(body)
        try:
            [session] = await self.sessions([id_])
            return carried.answer(await self.carry_out(session, order), ok=True)
        except ScheduleError as error:
            return carried.answer(error.text, ok=False)

    async def _carry_out(self, session: Session, order: Order) -> str:
        now = self._now()
        async with self.changing(session, order):
            ok, text = await self._mailboxes.use(session, lambda w: changes.carry_out_once(w, order, now))
        if not ok:
            raise ScheduleError(as_it_is(text))
        await self.share(session)
        return text

    async def declare(self, session: Session, order: Order) -> None:
        """An order that holds however often it is given, where its channel is not another node's: every node gives the same.
        Raises as `carry_out` does."""
        if not await reached(self._db, session.address):
            return
        now = self._now()
        async with self.changing(session, order):
            await self._mailboxes.use(session, lambda writer: _declare(writer, order, now))

    def changed(self) -> None:
        """Something may be due sooner than it seemed, or the clock was set: looks again at once."""
        self._changed.set()

    def has_tasks(self, session: Session) -> bool:
        return session.id in self._with_tasks

    def let_go(self, session: Session) -> None:
        """Another node may go on with it."""
        self._with_tasks.discard(session.id)
        self._put_off.pop(session.id, None)

    def look_soon(self, session: Session) -> None:
        """A run of one of its tasks has ended: what waited for that is due now, or somebody must be told."""
        task = asyncio.create_task(self.look(session), name=f"tasks:{session.id}")
        self._looking.add(task)
        task.add_done_callback(self._looked)

    def _looked(self, task: asyncio.Task[bool]) -> None:
        self._looking.discard(task)
        self._changed.set()

    async def close(self) -> None:
        if self._looking:
            await asyncio.wait(list(self._looking))

    # ── at the start ─────────────────────────────────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """Before anything is fired. An index that was lost is made again beside the bots, by looking at every session."""
        if not await self._db.read(index.is_complete):
            log.warning(
                "The schedule's index is made again from the sessions' files", extra={"action": "reindexed"}
            )
            await self._db.write(index.look_at_every_session)
        await self._db.write(index.note_complete)
        self._with_tasks.update(await self._db.read(index.sessions_of))

    async def sessions(self, ids: Sequence[str]) -> list[Session]:
        def job(connection: Statements) -> list[Session]:
            return [found for id_ in ids for found in self._registry.load(connection, "id = ?", (id_,))]

        return await self._db.read(job)


def _lower(connection: Statements, session_id: str, order: Order) -> bool:
    if index.is_anothers(connection, order.task_id, session_id):
        return False
    index.lower(connection, order.task_id, session_id, order.made_in)
    return True


def _look(writer: InboundWriter, *, here: Ended, now: int) -> _Looked:
    tasks = writer.tasks
    ended.rest(writer, here, now)
    due, far = tasks.due(), tasks.too_far()
    if due or far or tasks.has_forgettable():
        with writer.writing():
            for task in far:
                tasks.put(task)
            for task in due:
                _fire(writer, task)
            tasks.forget()
    waits = any(message.task_id for message in writer.pending())
    return _Looked(waits, tasks.bounds(), tasks.copies(), tasks.waiting(), writer.owed())


def _paid(writer: InboundWriter, *, owed: Sequence[tuple[str, str]]) -> None:
    with writer.writing():
        writer.paid(about for about, _ in owed)


def _fire(writer: InboundWriter, task: Task) -> None:
    """One task that cannot be fired is set aside; the others of its session are fired all the same."""
    try:
        with writer.alone():
            fired = writer.tasks.fire(task)
            if fired is not None:
                writer.run_task(fired)
    except ITEM_ERRORS as error:
        log.error("Task %s is set aside: %s", task.id, error, extra={"action": "task_aside"})
        notice = writer.tasks.set_aside(task, str(error))
        writer.owe(notice.about, notice.encode())


def _declare(writer: InboundWriter, order: Order, now: int) -> None:
    with writer.writing():
        changes.carry_out(writer, order, now)
