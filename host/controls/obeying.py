"""Carrying out what an operator ordered from another process."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping

from host.controls.pausing import Pausing
from host.registry import orders
from host.registry.errands import Errands
from host.registry.orders import Given
from host.registry.port import Registry, Statements
from host.registry.sessions import Sessions, address_of
from host.runners.supervisor import Supervisor
from host.schedule.desk import Desk
from sessiondb import SessionError

STOP = "stop"
NONE_RAN = "no runner was running"
SEEN_TO = 10.0  # s: two rounds of the sweep by which the node that sees to orders finds them
LOOK = 0.2  # s
Way = Callable[[str], Awaitable[str]]  # of the order's body: what became of it

log = logging.getLogger(__name__)


class Orders:
    def __init__(
        self,
        db: Registry,
        registry: Sessions,
        supervisor: Supervisor,
        desk: Desk,
        pausing: Pausing,
        ways: Mapping[str, Way],
        errands: Errands,
    ) -> None:
        """`ways` are those of other kinds of orders."""
        self._db = db
        self._registry = registry
        self._supervisor = supervisor
        self._desk = desk
        self._pausing = pausing
        self._ways = ways
        self._errands = errands
        errands.ways[STOP] = self._stopped
        self._turn = asyncio.Lock()  # sweep and page both have orders obeyed: each order once

    def are_given(self, connection: Statements) -> bool:
        return bool(orders.waiting(connection)) or self._pausing.concerns_anybody(connection)

    async def obey(self) -> None:
        """Everything that waits, in order. Raises `SessionError` of host.db."""
        async with self._turn:
            await self._obey()

    async def _obey(self) -> None:
        await self._pausing.look()
        if not self._db.holding.has_upkeep:  # of several nodes, one sees to them
            return
        for given in await self._db.read(orders.waiting):
            try:
                outcome = await self._obeyed(given)
            except SessionError as error:
                outcome = f"refused: {error}"
            except Exception:  # no order stops the sweep, nor is given again and again
                log.exception("An order failed", extra={"action": "order_failed", "number": given.number})
                outcome = "refused: a fault of the host's own; its log says more"
            if outcome.startswith("refused"):
                log.warning("Order %d: %s", given.number, outcome, extra={"action": "order_refused"})
            await self._db.write(functools.partial(orders.done, number=given.number, outcome=outcome))

    async def _obeyed(self, given: Given) -> str:
        if given.kind == "task":
            return await self._desk.obey(given)
        if (way := self._ways.get(given.kind)) is not None:
            return await way(given.body)
        return await self._stop(given.session_id)

    async def _stop(self, session_id: str) -> str:
        place = await self._db.read(lambda connection: address_of(connection, session_id))
        if place is None:
            return NONE_RAN
        answer = await self._errands.ask(place, STOP, session_id, again=True)
        return await self._stopped(session_id) if answer is None else answer

    async def _stopped(self, session_id: str) -> str:
        session = self._registry.get(session_id)
        stopped = session is not None and await self._supervisor.stop(session)
        return "stopped" if stopped else NONE_RAN

    async def outcome(self, number: int) -> str:
        """Of an order that was just given: of several nodes another may see to it. '' where that takes too long. Raises
        `SessionError` of host.db."""
        await self.obey()
        until = asyncio.get_running_loop().time() + SEEN_TO
        while not (told := await self._db.read(lambda connection: orders.outcome(connection, number))):
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(LOOK)
        return told
