"""The sweep: one look after another at every session that may have something to do."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from host.controls.obeying import Orders
from host.delivery.service import Deliveries
from host.folders import pulse
from host.folders.disk import Disk
from host.intake import inbox
from host.intake.stores import Stores
from host.live import LiveMessages
from host.live.draining import Draining
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.registry.sessions import Session
from host.runners.supervisor import Supervisor
from host.schedule.service import Scheduler
from sessiondb import SessionError, Unavailable

log = logging.getLogger(__name__)


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


class Sweep:
    """Finds everything that a crash, an error or a lost signal left behind; touches the pulse file after each round."""

    def __init__(self, parts: Parts, disk: Disk, data: Path, every: float) -> None:
        self._parts = parts
        self._disk = disk
        self._data = data
        self._every = every  # s between two rounds

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.round()
            except SessionError as error:
                log.warning("The sweep could not read host.db: %s", error, extra={"action": "sweep_failed"})
            except Exception:  # whatever broke it would break it again after a restart: the others go on
                log.exception("The sweep broke", extra={"action": "sweep_failed"})
            else:
                await self._disk.run(pulse.beat, self._data)
            await asyncio.sleep(self._every)

    async def round(self) -> None:
        """One look at everybody. Raises `SessionError` of host.db."""
        parts = self._parts
        behind = await parts.records.db.read(inbox.sessions_with_unstored)
        busy = await parts.records.db.read(parts.records.sessions.load)
        await parts.deliveries.deliver_notices()
        await parts.supervisor.make_room()
        await parts.orders.obey()
        for session in busy:
            if session.id in behind:
                parts.stores.replay(session)
            try:
                await self._look_at(session)
            except SessionError as error:
                log.warning(
                    "Session %s: %s",
                    session.id,
                    error,
                    extra={"action": "sweep_failed", "session": session.id},
                )
            except Exception:  # one sick session never stops the sweep over the others
                log.exception(
                    "Sweep of a session failed", extra={"action": "sweep_failed", "session": session.id}
                )

    async def _look_at(self, session: Session) -> None:
        parts = self._parts
        work = await parts.records.db.read(lambda c: c.execute(_WORK, (session.id,)).fetchone())
        try:
            await parts.deliveries.drain(session)
        except Unavailable as error:
            log.debug("Session %s cannot be read right now", session.id)
            if error.path == session.folder.outbound_db:
                await parts.supervisor.recover(session)
        await parts.supervisor.check(session)
        await parts.draining.wake_if_due(session)
        if parts.scheduler.has_tasks(session):
            await parts.scheduler.look(session)
        parts.live.look(session)
        if not parts.supervisor.lives.has(session) and not parts.deliveries.busy(session):
            await self._rest(session, work)

    async def _rest(self, session: Session, work: object) -> None:
        """Proven to have nothing to do: the sweep passes it over until something comes in.

        Whatever comes in counts `work` up, in the inbox and again when it is in the session's file; if it has moved since
        before the proof, or something is still between the two, the proof is void.
        """
        await self._parts.deliveries.forget_reader(session)
        if await self._parts.records.mailboxes.use(session, _nothing_to_do):
            seen = int(str(work[0])) if isinstance(work, tuple) else 0
            await self._parts.records.db.write(lambda c: c.execute(_REST, (session.id, seen)).fetchall())


_WORK = "SELECT work FROM sessions WHERE id = ?"
_REST = (
    "UPDATE sessions SET busy = 0 WHERE id = ?1 AND work = ?2"
    " AND NOT EXISTS (SELECT 1 FROM inbox WHERE session_id = ?1 AND state = 'routed')"
)


def _nothing_to_do(writer: InboundWriter) -> bool:
    """Nothing waits for an answer, to be delivered, to be said or to be taken down."""
    waits = writer.next_due_at() is not None
    return not (waits or writer.open_parcels() or writer.open_live() or writer.owed())
