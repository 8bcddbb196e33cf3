"""Places for live runners: a limited number, given in the order they were asked for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class Places:
    """One place per session. Whoever waits longest is next, however often others ask."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: set[str] = set()
        self._queue: OrderedDict[str, asyncio.Future[None]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def is_waiting(self, session_id: str) -> bool:
        return session_id in self._queue

    def occupy(self, session_id: str) -> None:
        """For a runner that lives already, whatever the limit."""
        self._taken.add(session_id)

    def is_free(self, session_id: str) -> bool:
        """Whether `take` would not wait."""
        return session_id in self._taken or (len(self._taken) < self._limit and not self._queue)

    async def take(self, session_id: str) -> None:
        if self.is_free(session_id):
            self._taken.add(session_id)
            return
        place = asyncio.get_running_loop().create_future()
        self._queue[session_id] = place
        try:
            await place
        except asyncio.CancelledError:
            self._queue.pop(session_id, None)
            self.free(session_id)
            raise

    def free(self, session_id: str) -> None:
        self._taken.discard(session_id)
        while self._queue and len(self._taken) < self._limit:
            following, place = self._queue.popitem(last=False)
            if not place.done():
                self._taken.add(following)
                place.set_result(None)
