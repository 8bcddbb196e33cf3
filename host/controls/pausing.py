"""Following what somebody at this machine ordered: `dovecote pause` and `resume` write it into host.db, beside the host."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from host.controls.reloading import operator
from host.governance import audit, pauses
from host.governance.pauses import Pauses
from host.mailbox.open import Records
from host.registry import notices
from host.registry.port import Statements
from host.registry.sessions import Session
from host.registry.tidings import What
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
        records.db.tidings.heard_by(What.PAUSED, lambda _: self.look())

    async def ordered(self, body: str) -> str:
        """From another process of this machine. It counts when this returns: nobody is told of a pause that does not hold."""
        order = json.loads(body)
        agent, by = str(order["agent"]), operator(str(order["by"]))

        def job(connection: Statements) -> bool:
            begun = pauses.begin(connection, agent, self._now())
            if begun:
                audit.record(connection, by, "pause", pauses.named(agent), self._now())
            # In the transaction that tells those who write from here on: what they read is so.
            self._known.know(pauses.load(connection))
            return begun

        begun = await self._records.db.write(job)
        await self.look()
        return pauses.begun(agent, begun=begun, running=True)

    def concerns_anybody(self, connection: Statements) -> bool:
        """Whether somebody is paused, or was when this host last looked."""
        return bool(pauses.load(connection)) or self._known.has_any

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
