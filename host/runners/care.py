"""Care for a session's files while no runner lives: what the last one left is read, recovered, pruned; what is damaged is judged.

Only its owner may roll back or change outbound.db (law 2). Whether a file is damaged is what the host finds, never what a
container says: it is asked to look by a runner's exit code, and quarantines what it has seen (law 8).
"""

from __future__ import annotations

import logging

from host.config.settings import Settings
from host.delivery.service import Deliveries
from host.mailbox.open import Records
from host.registry.sessions import Session
from host.runners.launch.base import Launcher, LaunchError
from host.runners.specs import Specs
from sessiondb import Damaged, Missing, Unavailable
from sessiondb.contract import DAMAGED, EVERYTHING

log = logging.getLogger(__name__)


class Care:
    def __init__(
        self,
        settings: Settings,
        records: Records,
        launcher: Launcher,
        deliveries: Deliveries,
        specs: Specs,
    ) -> None:
        self._settings = settings
        self._mailboxes = records.mailboxes
        self._launcher = launcher
        self._deliveries = deliveries
        self._specs = specs

    async def after(self, session: Session, code: int) -> None:
        """A runner has ended: what it wrote is read, and where it met damage the host looks. Raises `SessionError`."""
        try:
            await self._deliveries.drain(session)
        except Unavailable as error:
            if not isinstance(error, Missing):  # of one that never committed there is nothing to recover
                await self.recover(session, f"exit code {code}")
        if code == DAMAGED:
            await self._deliveries.examine(session)

    async def recover(self, session: Session, why: str) -> None:
        """A runner killed in mid-transaction leaves a hot journal."""
        try:
            if not await self._deliveries.sound(session):
                return
            await self._maintain(session)
            await self._deliveries.drain(session)
        except (LaunchError, Unavailable) as error:
            told = {"action": "not_recovered", "session": session.id}
            log.warning("Not recovered yet (%s): %s", why, error, extra=told)

    async def prune(self, session: Session, older_than: int) -> None:
        """Raises `LaunchError`, `SessionError`."""
        # Drained first: an acknowledgement that the host has not read must not go. What is damaged is left for somebody to see.
        await self._deliveries.drain(session)
        if session.unreadable:
            raise Damaged(session.folder.outbound_db, session.unreadable)
        await self._deliveries.forget_reader(session)
        # What is on its way is a copy: where somebody is forgotten, rows go that were read, delivered or not.
        mark = "outbound_read" if older_than >= EVERYTHING else "delivery_watermark"
        watermark = await self._mailboxes.use(session, lambda writer: writer.mark(mark))
        await self._maintain(session, watermark, older_than)
        await self._deliveries.carrier.prune(session, everything=older_than >= EVERYTHING)

    async def _maintain(self, session: Session, delivered_up_to: int = 0, older_than: int = 0) -> None:
        spec = await self._specs.spec(self._settings.config, session, "maintenance")
        try:
            await self._launcher.maintain(spec, delivered_up_to=delivered_up_to, older_than=older_than)
        except LaunchError as error:
            if error.code == DAMAGED:
                await self._deliveries.examine(session)
            raise
