"""Carrying out what an operator ordered from another process."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping

from host.controls.pausing import Pausing
from host.registry import orders
from host.registry.orders import Given
from host.registry.port import Registry, Statements
from host.registry.sessions import Sessions
from host.runners.supervisor import Supervisor
from host.schedule.desk import Desk
from sessiondb import SessionError

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
    ) -> None:
        """`ways` are those of other kinds of orders."""
        self._db = db
        self._registry = registry
        self._supervisor = supervisor
        self._desk = desk
        self._pausing = pausing
        self._ways = ways
        self._turn = asyncio.Lock()  # sweep and page both have orders obeyed: each order once

    def are_given(self, connection: Statements) -> bool:
        return bool(orders.waiting(connection)) or self._pausing.concerns_anybody(connection)

    async def obey(self) -> None:
        """Everything that waits, in order. Raises `SessionError` of host.db."""
        async with self._turn:
            await self._obey()

    async def _obey(self) -> None:
        await self._pausing.look()
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
        session = self._registry.get(given.session_id)
        stopped = session is not None and await self._supervisor.stop(session)
        return "stopped" if stopped else "no runner was running"
