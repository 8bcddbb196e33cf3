"""Whoever waits for what becomes of a message, and for the delivery of everything that answers it."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.registry.sessions import Session
from sessiondb import SessionError, Status

log = logging.getLogger(__name__)

FORGOTTEN = "forgotten"  # it was there, and is beyond the retention


@dataclass(slots=True, eq=False)
class _Waiter:
    message_id: str
    stored: bool  # the inbox says that it is in its session's file; nobody has looked yet
    future: asyncio.Future[str]


class Outcomes:
    """`know` makes sure that all which is on its way is known, `on_its_way` asks for what answers a message."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        know: Callable[[Session], Awaitable[None]],
        on_its_way: Callable[[Session, str], bool],
    ) -> None:
        self._mailboxes = mailboxes
        self._know = know
        self._on_its_way = on_its_way
        self._waiters: dict[str, list[_Waiter]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def settled(self, session: Session, message_id: str, *, stored: bool) -> str:
        """Raises `SessionError` where the session's file cannot be read at first."""
        waiter = _Waiter(message_id, stored, asyncio.get_running_loop().create_future())
        waiters = self._waiters.setdefault(session.id, [])
        waiters.append(waiter)  # before the look: what is committed meanwhile is looked at, too
        try:
            await self._know(session)
            await self._ask(session, waiter)
            return await waiter.future
        finally:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[session.id]

    def look(self, session: Session) -> None:
        """Something of the session was committed."""
        if session.id in self._waiters:
            task = asyncio.create_task(self._look(session), name=f"settled:{session.id}")
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def stop(self) -> None:
        for task in (looking := list(self._looking)):
            task.cancel()
        # A thread may be at one's file, which is closed next.
        await asyncio.gather(*looking, return_exceptions=True)

    async def _look(self, session: Session) -> None:
        try:
            await self._know(session)
            for waiter in list(self._waiters.get(session.id, ())):
                await self._ask(session, waiter)
        except SessionError as error:  # what heals the file commits, and is looked at again
            log.debug("No look at what became of messages: %s", error)

    async def _ask(self, session: Session, waiter: _Waiter) -> None:
        outcome = await self._mailboxes.use(session, functools.partial(_outcome, of=waiter))
        if outcome and not waiter.future.done() and not self._on_its_way(session, waiter.message_id):
            waiter.future.set_result(outcome)


def _outcome(writer: InboundWriter, of: _Waiter) -> str:
    """The message's status; '' before it has one. Its answer was read with it."""
    status = writer.status_of(of.message_id)
    if not status:
        return FORGOTTEN if of.stored else ""
    of.stored = False  # a file that is made again is without it for a while: it comes back
    return "" if status == Status.PENDING else status
