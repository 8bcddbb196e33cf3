"""Having notices said soon, whoever has written one."""

from __future__ import annotations

import asyncio
import logging

from host.delivery.service import Deliveries
from host.registry.sessions import Session
from sessiondb import SessionError

log = logging.getLogger(__name__)


class Saying:
    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self) -> None:
        """There are new notices in host.db."""
        task = asyncio.create_task(self._say(), name="notices")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def pay(self, session: Session) -> None:
        """What the session's outcomes call for. Raises `SessionError`."""
        await self._deliveries.pay(session)

    async def _say(self) -> None:
        try:
            await self._deliveries.deliver_notices()
        except SessionError as error:
            log.debug("Notices wait for the sweep: %s", error)
