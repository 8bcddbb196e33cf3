"""What other nodes changed of what this host keeps in memory comes to whoever keeps it (`registry.tidings`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from host.registry.port import Hint, Registry
from host.registry.tidings import Told
from sessiondb import SessionError

log = logging.getLogger(__name__)

LOOK = 1.0  # s between two looks when nothing is told


class Hearing:
    """Also a `Hint` to whoever looks for something else that the same word may be about."""

    def __init__(self, db: Registry) -> None:
        self._db = db
        self._again: list[Told] = []  # what somebody could not hear
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = asyncio.Event()

    async def run(self, hint: Hint) -> None:
        """Until cancelled. One that lasts or breaks keeps no other waiting."""
        try:
            while True:
                try:
                    await self.look()
                except SessionError as error:
                    log.warning("Other nodes are not heard: %s", error, extra={"action": "not_heard"})
                await hint.wait(LOOK)
                self._told.set()
        finally:
            for task in self._tasks:
                task.cancel()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        self._told.clear()

    async def look(self) -> None:
        """Raises `SessionError`."""
        tidings = self._db.tidings
        new, self._again = [*self._again, *tidings.new(await self._db.read(tidings.lately))], []
        for one in new:
            task = asyncio.create_task(self._hear(one), name=f"heard:{one.what}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hear(self, one: Told) -> None:
        told = {"action": "not_heard", "what": one.what}
        for hearer in self._db.tidings.hearers(one.what):
            try:
                await hearer(one.about)
            except SessionError as error:
                log.warning("What another node changed is looked at again: %s", error, extra=told)
                self._again.append(one)
            except Exception:  # the others hear it all the same
                log.exception("What another node changed broke its hearer", extra=told)
