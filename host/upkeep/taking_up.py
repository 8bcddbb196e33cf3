"""What this node takes up while it serves beside others: places that nobody holds any more, and what came for those that it has.

It takes up a place as a start takes up all of them: what was accepted and not stored is stored, what may be on a platform is
looked up, and the sweep looks at every conversation there that is not at rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from host.intake import inbox
from host.registry.holding import AT_ONCE, Place
from host.registry.port import Hint, Statements
from host.registry.sessions import Session
from host.upkeep.giving_back import GivingBack
from host.upkeep.misplaced import Misplaced
from host.upkeep.sweep import Parts, Sweep
from sessiondb import SessionError

log = logging.getLogger(__name__)

LOOK = 1.0  # s between two looks when nothing is told
LATELY = 60_000  # ms


class TakingUp:
    def __init__(
        self,
        parts: Parts,
        sweep: Sweep,
        now: Callable[[], int],
        has_upkeep: Callable[[], Coroutine[Any, Any, None]],
        resume: Callable[[], Coroutine[Any, Any, None]],
        misplaced: Misplaced,
    ) -> None:
        """`parts`: who goes on with it. `has_upkeep`: what is begun once this node does what one is to do for all. `resume`: how
        threads are given to another agent that were to be."""
        self._misplaced = misplaced
        self._giving_back = GivingBack(parts, now)
        self._resume = resume
        self._parts = parts
        self._sweep = sweep
        self._db = parts.records.db
        self._now = now
        self._has_upkeep = has_upkeep
        self._begun: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """At the start, before anything is taken up: what an earlier life held and nobody else took. Raises `SessionError`."""
        holding = self._db.holding
        if holding.is_shared:
            holding.when_taken.append(self._parts.records.sessions.anew)
            holding.note(await self._db.read(holding.held))
            holding.new()
            if await self._db.write(holding.take_upkeep):
                holding.note_upkeep()

    async def run(self, hint: Hint) -> None:
        """Until cancelled."""
        while True:
            try:
                while len(await self.look()) >= AT_ONCE:
                    pass
                await self._giving_back.look(await self._misplaced.look())
            except SessionError as error:
                log.warning("Nothing is taken up: %s", error, extra={"action": "not_taken_up"})
            except Exception:  # whatever broke it, this node goes on with what it has
                log.exception("Taking up broke", extra={"action": "not_taken_up"})
            await hint.wait(LOOK)

    async def look(self) -> Sequence[Place]:
        """Raises `SessionError`."""
        holding = self._db.holding

        def job(connection: Statements) -> tuple[Sequence[Place], Sequence[Place], bool]:
            upkeep = holding.has_upkeep or holding.take_upkeep(connection)
            return holding.take_idle(connection, self._now()), holding.held(connection, LATELY), upkeep

        taken, lately, upkeep = await self._db.write(job)
        if upkeep and not holding.has_upkeep:
            holding.note_upkeep()
            log.info("What one node does for all is this one's", extra={"action": "upkeep_taken"})
            self._begun = asyncio.create_task(self._begin_upkeep(), name="upkeep")
        holding.note(lately)  # with what was taken by somebody whose task ended before it could say so
        new = holding.new()  # with those taken for what was said there
        if new:
            await self._look_at(new)
        for session in await self._db.read(self._with_unstored):
            self._parts.stores.replay(session)
        if new:
            await self._sweep.round()
            self._parts.scheduler.changed()
        return taken

    async def _begin_upkeep(self) -> None:
        try:
            await self._has_upkeep()
        except SessionError as error:
            log.warning("The upkeep begins later: %s", error, extra={"action": "not_taken_up"})
        except Exception:  # the end of a task: nobody waits for it
            log.exception("The upkeep broke", extra={"action": "not_taken_up"})

    async def _look_at(self, new: Sequence[Place]) -> None:
        log.info("%d channels taken up", len(new), extra={"action": "taken_up"})
        await self._parts.scheduler.begin()
        for session in await self._db.read(self._parts.records.sessions.here):
            if session.address[:3] in new and self._parts.scheduler.has_tasks(session):
                await self._recovered(session)
        await self._resume()

    def _with_unstored(self, connection: Statements) -> list[Session]:
        found = [
            self._parts.records.sessions.one(connection, id_)
            for id_ in inbox.sessions_with_unstored(connection)
        ]
        return [session for session in found if session is not None]

    async def _recovered(self, session: Session) -> None:
        try:
            await self._parts.deliveries.recover(session)
        except SessionError as error:
            log.warning("Session %s: %s", session.id, error, extra={"action": "not_recovered"})
