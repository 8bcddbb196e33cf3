"""Channels that this node gives back, so that others may take them (docs/adr/0043): those where nothing has been said or done for
a while, and those where an agent waits for what another node has.

What a crash does. Copied and packed, nothing given back: the channel is its node's still. Given back, not yet known here: it is
free, and this node has begun nothing there since. The one order that counts is that nothing is at its files any more before the
commit that frees them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence

from host.mailbox import spaces
from host.mailbox.open import Records
from host.registry import sessions
from host.registry.holding import AT_ONCE
from host.registry.placing import Place
from host.registry.port import Statements
from host.registry.sessions import Session
from host.upkeep.sweep import Parts
from sessiondb import Address, Missing, SessionError
from sessiondb.lease import clock

log = logging.getLogger(__name__)

EVERY = 60.0  # s between two looks
FIRST = Place("", "", "")
IDLE = 600_000  # ms in which nothing happened, and in which nothing is to happen


class GivingBack:
    def __init__(self, parts: Parts, now: Callable[[], int]) -> None:
        self._parts = parts
        self._records: Records = parts.records
        self._db = parts.records.db
        self._now = now
        self._look_at = 0.0  # by `clock`
        self._after = FIRST  # where the next look goes on

    async def look(self, misplaced: Sequence[Place]) -> None:
        """`misplaced`: where work waits that another node could begin. Raises `SessionError` of the registry."""
        for place in misplaced:
            self._parts.supervisor.outdate(Address(*place))  # who works there for others ends first
            await self._give_back(place, before=0)
        if clock() < self._look_at or not self._db.holding.placing.others:
            return
        self._look_at = clock() + EVERY
        before = self._now() - IDLE
        soon = self._now() + IDLE
        found = await self._db.read(lambda c: self._db.holding.at_rest(c, before, soon, self._after))
        self._after = found[-1] if len(found) == AT_ONCE else FIRST
        for place in found:
            await self._give_back(place, before=before)

    async def _give_back(self, place: Place, before: int) -> None:
        holding = self._db.holding
        try:
            there = await self._quiet(place)
            if there is None or not all([await self._is_carried(session) for session in there]):
                return
            there = await self._quiet(place)  # still; from here on nothing is begun there
            if there is not None and await holding.given_back(
                place, lambda: self._given_back(place, there, before)
            ):
                log.info("Given back: %s", place.platform_id, extra={"action": "given_back"})
        except OSError as error:
            log.warning("Not given back: %s", error, extra={"action": "not_given_back"})

    async def _quiet(self, place: Place) -> list[Session] | None:
        """Its sessions of which anything is in this process; None where something is under way, or it is another node's."""
        there = await self._db.read(lambda connection: self._known(connection, place))
        return there if self._db.holding.has(Address(*place)) and self._is_quiet(there) else None

    def _known(self, connection: Statements, place: Place) -> list[Session]:
        found = [self._records.sessions.get(id_) for id_ in sessions.those_at(connection, place)]
        return [session for session in found if session is not None]

    def _is_quiet(self, there: Sequence[Session]) -> bool:
        """What is told without a session, the registry knows (`give_back`)."""
        parts = self._parts
        return not self._records.errands.are_under_way and not any(
            parts.supervisor.lives.has(session)
            or parts.deliveries.busy(session)
            or parts.deliveries.carrier.holds(session)
            or parts.stores.is_at(session)
            or parts.live.is_at(session)
            or parts.draining.is_at(session)
            for session in there
        )

    async def _is_carried(self, session: Session) -> bool:
        """Whether another node would find all that lies here. Raises `SessionError` of the registry, `OSError`."""
        luggage = self._records.spaces.luggage
        if session.node not in ("", self._db.node):
            return True
        try:
            with contextlib.suppress(Missing):  # no runner has been there
                await self._parts.deliveries.drain(session)
            await self._parts.deliveries.carrier.before_an_effect(session)
        except SessionError as error:
            log.info("Not given back: %s", error, extra={"action": "not_given_back", "session": session.id})
            return False
        await luggage.take_what_came(session.id, 0.0)
        return await luggage.let_go(spaces.work(session.id))

    async def _given_back(self, place: Place, there: Sequence[Session], before: int) -> bool:
        parts, soon = self._parts, self._now() + IDLE
        for session in there:
            await self._records.mailboxes.let_go(session)
            await parts.deliveries.let_go(session)
            parts.stores.let_go(session)
            parts.live.let_go(session)
            parts.scheduler.let_go(session)
        return await self._db.write(lambda c: self._db.holding.give_back(c, place, before, soon))
