"""Following what somebody at this machine ordered: `dovecote pause` and `resume` write it into host.db, beside the host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from host.governance import pauses
from host.governance.pauses import Pauses
from host.mailbox.open import Records
from host.registry import notices
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError
from host.runners.supervisor import Supervisor
from sessiondb import SessionError

log = logging.getLogger(__name__)


class Pausing:
    def __init__(
        self,
        records: Records,
        known: Pauses,
        supervisor: Supervisor,
        say: Callable[[], None],
        now: Callable[[], int],
    ) -> None:
        """`say` is called when people have been told something."""
        self._records = records
        self._known = known
        self._supervisor = supervisor
        self._say = say
        self._now = now

    async def look(self) -> None:
        """Ends the runners of whom is paused. Who goes on is woken by the sweep. Raises `SessionError` of host.db."""
        self._known.know(await self._records.db.read(pauses.load))
        live = [life.session for life in self._supervisor.lives.values() if life.runner is not None]
        if paused := [session for session in live if self._known.has(session.agent)]:
            await asyncio.gather(*(self._end(session) for session in paused))
            self._say()

    async def _end(self, session: Session) -> None:
        """The people whose turn it is hear of it first: a crash in between ends the runner at the next look."""
        try:
            due = await self._records.mailboxes.use(session, lambda writer: writer.next_due_at())
            if due is not None and due <= self._now():
                await self._records.db.write(
                    lambda connection: notices.add(
                        connection,
                        pauses.interrupted(session, pauses.since(connection, session.agent)),
                        self._now(),
                    )
                )
            await self._supervisor.stop(session)
        except (SessionError, LaunchError) as error:  # the next look tries again
            told = {"action": "not_paused", "session": session.id}
            log.warning("A runner of a paused agent goes on: %s", error, extra=told)
