"""Conversations whose agent needs what this machine has not: they are for a node that has it, and where there is none their
people are told (laws 14 and 15).

Nothing is started for them here (`supervisor`); what came in is stored and waits, until such a node comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.registry.notices import Notice
from host.registry.placing import Place
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import say
from sessiondb import SessionError
from sessiondb.lease import clock

TOLD_AFTER = 20.0  # s in which such a node may come
DAY = 86_400_000  # ms


class Misplaced:
    def __init__(
        self,
        records: Records,
        notify: Callable[[Notice], Awaitable[None]],
        called: Callable[[str], str],
        now: Callable[[], int],
    ) -> None:
        """`called`: an agent's name for people."""
        self._called = called
        self._db = records.db
        self._records = records
        self._notify = notify
        self._now = now
        self._since: dict[str, float] = {}  # by session, by `clock`

    async def look(self) -> Sequence[Place]:
        """Those places that are for another node, which has what is needed. Raises `SessionError` of the registry."""
        placing = self._db.holding.placing
        lacking = placing.lacking()
        waiting = await self._db.read(lambda c: self._waiting(c, lacking)) if lacking else []
        self._since = {session.id: self._since.get(session.id, clock()) for session in waiting}
        for session in waiting:
            if clock() - self._since[session.id] >= TOLD_AFTER and not placing.is_elsewhere(session.agent):
                await self._tell(session)
        those = [session.address[:3] for session in waiting if placing.is_elsewhere(session.agent)]
        return [Place(*place) for place in dict.fromkeys(those)]

    def _waiting(self, connection: Statements, agents: Sequence[str]) -> list[Session]:
        among = ", ".join("?" * len(agents))
        return self._records.sessions.here(connection, f"busy = 1 AND agent IN ({among})", tuple(agents))

    async def _tell(self, session: Session) -> None:
        """Once a day. Raises `SessionError` of the registry."""
        try:
            if not await self._records.mailboxes.use(session, InboundWriter.wanting):
                return
        except SessionError:  # said elsewhere, and tried again
            return
        needed = self._db.holding.placing.needs().get(session.agent, frozenset())
        text = say(
            "⏳ **{agent}** needs a machine with {labels}, and none is running. I begin as soon as there is one.",
            agent=self._called(session.agent),
            labels=", ".join(sorted(needed)),
        )
        await self._notify(Notice(f"needs:{session.id}:{self._now() // DAY}", session.place, text))
