"""The sweep: one look after another at every session that may have something to do."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from host.controls.obeying import Orders
from host.delivery.endings import Endings
from host.delivery.service import Deliveries
from host.folders import moments
from host.folders.disk import Disk
from host.folders.pulse import Pulse, Told
from host.intake import inbox
from host.intake.stores import Stores
from host.live import LiveMessages
from host.live.draining import Draining
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.registry import notices
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError
from host.runners.supervisor import Supervisor
from host.schedule.service import Scheduler
from host.upkeep import calm
from host.upkeep.resting import Resting
from host.upkeep.unusable import Unusable
from sessiondb import Missing, SessionError, Unavailable

log = logging.getLogger(__name__)

AT_ONCE = 8  # looks beside each other
PATIENCE = 10.0  # s that a look keeps its place


_WORK = "SELECT id, work FROM sessions_here WHERE busy = 1"
_SETTLED = "settled_inbox = (SELECT coalesce(max(id), 0) FROM inbox), settled_out = max(settled_out, ?3)"
_UNMOVED = "WHERE id = ?1 AND work = ?2 AND NOT EXISTS (SELECT 1 FROM inbox WHERE session_id = ?1 AND state = 'routed')"
_REST = f"UPDATE sessions SET busy = 0, {_SETTLED} {_UNMOVED}"
_NOTE = f"UPDATE sessions SET {_SETTLED} {_UNMOVED}"


@dataclass(frozen=True)
class Parts:
    """Whom the sweep has look after their own."""

    records: Records
    stores: Stores
    deliveries: Deliveries
    draining: Draining
    live: LiveMessages
    supervisor: Supervisor
    scheduler: Scheduler
    orders: Orders
    endings: Endings


class _Standing(NamedTuple):
    """What a round begins with, of one moment of host.db."""

    looks: Collection[str]  # those that have something to do
    behind: Collection[str]  # sessions with something unstored
    works: dict[Any, Any]  # how far each session's work has come
    busy: Sequence[Session]  # those not at rest


class Sweep:
    """Finds everything that a crash, an error or a lost signal left behind; touches the pulse file as rounds begin and looks
    come to their end.

    Looks go on beside each other: one that hangs, at an engine that does not answer, holds up nothing but itself.
    """

    def __init__(
        self,
        parts: Parts,
        disk: Disk,
        data: Path,
        every: float,
        told: Callable[[], Told],
        unusable: Unusable,
    ) -> None:
        self._parts = parts
        self._told = told
        self._disk = disk
        self._pulse = Pulse(data)
        self._every = every  # s between two rounds
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._beat_at = -every  # loop time
        self._noted: dict[str, int] = {}  # sessions that live, by the `work` after which all was over
        self._calm = calm.Calm()
        self._resting = Resting(parts.records, disk)
        self._unusable = unusable

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await self.round()
                except SessionError as error:
                    log.warning(
                        "The sweep could not read host.db: %s", error, extra={"action": "sweep_failed"}
                    )
                except Exception:  # whatever broke it would break it again after a restart: the others go on
                    log.exception("The sweep broke", extra={"action": "sweep_failed"})
                await moments.come(self._every)
        finally:
            for task in (tasks := list(self._under_way.values())):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def round(self) -> None:
        """One look at everybody. Raises `SessionError` of host.db."""
        parts = self._parts
        # Before the files, and both before any look: what comes in meanwhile moves them, and voids what the look will prove.
        looks, behind, works, busy = await parts.records.db.read(self._standing)
        self._beat_at = asyncio.get_running_loop().time()
        files = await self._disk.run(_stamped, busy, self._pulse, self._told())
        async with asyncio.TaskGroup() as group:
            for name, look, has_work in (
                ("notices", parts.deliveries.deliver_notices, "notices" in looks),
                ("places", parts.supervisor.make_room, parts.supervisor.is_short_of_places),
                ("orders", parts.orders.obey, "orders" in looks),
                ("resting", self._resting.look, self._resting.is_due),
                ("endings", parts.endings.look, "endings" in looks),
            ):
                if has_work:
                    group.create_task(self._look(name, look))
            for session, stamps in zip(busy, files, strict=True):
                seen = calm.Seen(int(str(works.get(session.id, 0))), stamps)
                if session.id in behind:
                    parts.stores.replay(session)
                elif parts.supervisor.lives.has(session) and self._calm.passes(session, seen):
                    continue
                group.create_task(self._look(session.id, functools.partial(self._look_at, session, seen)))

    def _standing(self, connection: Statements) -> _Standing:
        """In one job: a look that finds nothing to do costs two tasks and a commit's turn."""
        asked = (
            ("notices", notices.are_open),
            ("orders", self._parts.orders.are_given),
            ("endings", self._parts.endings.are_due),
        )
        return _Standing(
            [name for name, has_work in asked if has_work(connection)],
            inbox.sessions_with_unstored(connection),
            dict(connection.execute(_WORK).fetchall()),
            self._parts.records.sessions.here(connection),
        )

    async def _look(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        """In its turn; what takes too long goes on by itself, and is not begun again before it has ended."""
        async with self._places:
            while (earlier := self._under_way.get(name)) is not None:
                await asyncio.wait({earlier}, timeout=PATIENCE)
                if not earlier.done():
                    return
            task = asyncio.create_task(self._guarded(name, look), name=f"sweep:{name}")
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
            done, _ = await asyncio.wait({task}, timeout=PATIENCE)
            if not done:
                log.warning(
                    "The sweep goes on without %s", name, extra={"action": "sweep_slow", "session": name}
                )
            elif (now := asyncio.get_running_loop().time()) - self._beat_at >= self._every:
                self._beat_at = now
                await self._disk.run(self._pulse.beat, self._told())

    async def _guarded(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        """One sick session never stops the sweep over the others."""
        try:
            await look()
        except (SessionError, LaunchError) as error:
            log.warning("%s: %s", name, error, extra={"action": "sweep_failed", "session": name})
        except Exception:
            log.exception("A look of the sweep failed", extra={"action": "sweep_failed", "session": name})

    async def _look_at(self, session: Session, seen: calm.Seen) -> None:
        try:
            await self._look_closely(session, seen)
        except SessionError as error:
            await self._unusable.note(session, error)
            raise
        self._unusable.well(session)

    async def _look_closely(self, session: Session, seen: calm.Seen) -> None:
        parts = self._parts
        try:
            await parts.deliveries.drain(session)
        except Unavailable as error:
            log.debug("Session %s cannot be read right now", session.id)
            if error.path == session.folder.outbound_db and not isinstance(error, Missing):
                await parts.supervisor.recover(session)
        await parts.supervisor.check(session)
        await parts.draining.wake_if_due(session)
        if parts.scheduler.has_tasks(session):
            await parts.scheduler.look(session)
        parts.live.look(session)
        if parts.deliveries.busy(session):
            return
        if not parts.supervisor.lives.has(session):
            await self._rest(session, seen.work)
        elif seen.work != self._noted.get(session.id):
            await self._note(session, seen.work)
        elif not parts.scheduler.has_tasks(session) and await self._is_over(session):
            self._calm.note(session, seen)

    async def _rest(self, session: Session, work: int) -> None:
        """Proven to have nothing to do: the sweep passes it over until something comes in.

        Whatever comes in counts `work` up, in the inbox and again when it is in the session's file; if it has moved since
        before the proof, or something is still between the two, the proof is void.
        """
        await self._parts.deliveries.forget_reader(session)
        await self._note(session, work, _REST)
        self._noted.pop(session.id, None)
        self._calm.forget(session)

    async def _is_over(self, session: Session) -> bool:
        """Now, too: what came in is not all there may be to do. A send may wait to be tried again, a question for its end."""
        return await self._settled_out(session) is not None

    async def _settled_out(self, session: Session) -> int | None:
        return await self._parts.records.mailboxes.use(session, _nothing_to_do)

    async def _note(self, session: Session, work: int, statement: str = _NOTE) -> None:
        """Up to where everything is over: if its files are lost, nothing up to there is answered or said again."""
        settled_out = await self._settled_out(session)
        if settled_out is None:
            return
        bindings = (session.id, work, settled_out)
        await self._parts.records.db.write(lambda c: c.execute(statement, bindings).fetchall())
        self._noted[session.id] = work


def _stamped(busy: Sequence[Session], pulse: Pulse, told: Told) -> list[calm.Files]:
    """As the files are, with a sign of life: host.db was read, and the disk answers."""
    pulse.beat(told)
    return calm.stamps(busy)


def _nothing_to_do(writer: InboundWriter) -> int | None:
    """Up to which row everything is delivered; None while something waits for an answer, to be said or to be taken down."""
    writer.catch_up()
    waits = writer.next_due_at() is not None
    if waits or writer.open_parcels() or writer.open_live() or writer.owed():
        return None
    return writer.mark("delivery_watermark")
