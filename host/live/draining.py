"""What a runner has written is drained as soon as it is heard of, and shown; who has work left is woken."""

from __future__ import annotations

import asyncio
import logging

from host.delivery.service import Deliveries
from host.live.progress import ProgressBoard
from host.mailbox.open import Mailboxes
from host.ports.outlet import Outlet
from host.registry.sessions import Session
from host.runners.supervisor import Supervisor
from sessiondb import SessionError, Unavailable

log = logging.getLogger(__name__)


class Draining:
    """Hears `news`: a session's files may hold something new. After `stopping` nobody is woken any more."""

    def __init__(
        self,
        deliveries: Deliveries,
        supervisor: Supervisor,
        mailboxes: Mailboxes,
        board: ProgressBoard,
        news: Outlet[Session],
        stopping: asyncio.Event,
    ) -> None:
        self._deliveries = deliveries
        self._supervisor = supervisor
        self._mailboxes = mailboxes
        self._board = board
        self._stopping = stopping
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        news.heard_by(self._soon)

    def _soon(self, session: Session) -> None:
        """Drains once now, and once more if asked to meanwhile: many rings are one."""
        if session.id in self._tasks:
            self._again.add(session.id)
            return
        self._tasks[session.id] = asyncio.create_task(self._drain(session), name=f"drain:{session.id}")

    async def _drain(self, session: Session) -> None:
        try:
            await self._while_asked(session)
        finally:  # at once: whoever asks from now on is not heard by this task any more
            del self._tasks[session.id]

    async def _while_asked(self, session: Session) -> None:
        while True:
            self._again.discard(session.id)
            try:
                await self._deliveries.drain(session)
                await self.wake_if_due(session)
            except Unavailable:
                log.debug("Session %s cannot be read right now", session.id)
            except SessionError as error:
                log.warning("Session %s: %s", session.id, error, extra={"action": "drain_failed"})
            if session.id not in self._again:
                self._board.look(session)
                return

    async def wake_if_due(self, session: Session) -> None:
        """What came in while its runner was ending woke nobody. Raises `SessionError`."""
        if self._supervisor.lives.has(session) or self._stopping.is_set():
            return
        if await self._mailboxes.use(session, lambda writer: writer.next_due_at()) is not None:
            self._supervisor.wake(session)

    async def done(self) -> None:
        """Waits for every drain under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
