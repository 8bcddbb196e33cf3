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


LOOK_AGAIN = 0.1  # s until a file is looked at again that was busy; doubles
LONGEST_LOOK_AGAIN = 2.0


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
        self._over = False
        self._busy: dict[str, float] = {}  # by session: s until it is looked at again
        news.heard_by(self._soon)

    def is_at(self, session: Session) -> bool:
        return session.id in self._tasks

    def _soon(self, session: Session) -> None:
        """Drains once now, and once more if asked to meanwhile: many rings are one."""
        if session.id in self._tasks:
            self._again.add(session.id)
            return
        if self._over:
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
                await self._supervisor.retire(session)
                await self.wake_if_due(session)
                self._busy.pop(session.id, None)
            except Unavailable:
                self._later(session)
            except SessionError as error:
                log.warning("Session %s: %s", session.id, error, extra={"action": "drain_failed"})
            if session.id not in self._again:
                self._board.look(session)
                return

    def _later(self, session: Session) -> None:
        """A runner that commits on a slow disk: the bell that told of it may be the last. Without a runner the sweep looks."""
        pause = self._busy.get(session.id, LOOK_AGAIN)
        self._busy[session.id] = min(pause * 2, LONGEST_LOOK_AGAIN)
        if self._supervisor.lives.has(session) and not self._stopping.is_set():
            asyncio.get_running_loop().call_later(pause, self._soon, session)

    async def wake_if_due(self, session: Session) -> None:
        """What came in while its runner was ending woke nobody. Raises `SessionError`."""
        if self._supervisor.lives.has(session) or self._stopping.is_set():
            return
        if await self._mailboxes.use(session, lambda writer: writer.next_due_at()) is not None:
            self._supervisor.wake(session)

    async def done(self) -> None:
        """Waits for every drain under way; from then on none begins. What is still written the next start reads."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
        self._over = True
