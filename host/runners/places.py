"""Places for live runners: a limited number, given in the order they were asked for; people before scheduled work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

KEPT_FREE = 5  # every so many-th place is kept for people, and one at least where there are two


class Places:
    """One place per session. Whoever waits longest is next, however often others ask.

    What starts by itself (`background`) waits behind people and never takes the last places: a thousand tasks that are
    due in the same second delay nobody who writes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = limit - max(1, limit // KEPT_FREE) if limit > 1 else limit  # of background work
        self._taken: dict[str, bool] = {}  # session: whether it took its place as background work
        self._queue: OrderedDict[str, asyncio.Future[None]] = OrderedDict()
        self._later: OrderedDict[str, asyncio.Future[None]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._later)

    def is_waiting(self, session_id: str) -> bool:
        return session_id in self._queue or session_id in self._later

    def occupy(self, session_id: str) -> None:
        """For a runner that lives already, whatever the limit."""
        self._taken[session_id] = False

    def is_free(self, session_id: str, *, background: bool = False) -> bool:
        """Whether `take` would not wait."""
        if session_id in self._taken:
            return True
        if background:
            return self._room_for_background() and not self.waiting
        return len(self._taken) < self._limit and not self._queue

    async def take(self, session_id: str, *, background: bool = False) -> None:
        if self.is_free(session_id, background=background):
            self._taken.setdefault(session_id, background)
            return
        place = asyncio.get_running_loop().create_future()
        (self._later if background else self._queue)[session_id] = place
        try:
            await place
        except asyncio.CancelledError:
            self._queue.pop(session_id, None)
            self._later.pop(session_id, None)
            self.free(session_id)
            raise

    def promote(self, session_id: str) -> None:
        """Somebody wrote into a session that waits with background work: now a person waits."""
        place = self._later.pop(session_id, None)
        if place is not None:
            self._queue[session_id] = place
            self._give()

    def free(self, session_id: str) -> None:
        self._taken.pop(session_id, None)
        self._give()

    def _give(self) -> None:
        while self._queue and len(self._taken) < self._limit:
            self._hand(self._queue, background=False)
        while self._later and self._room_for_background():
            self._hand(self._later, background=True)

    def _hand(self, queue: OrderedDict[str, asyncio.Future[None]], *, background: bool) -> None:
        following, place = queue.popitem(last=False)
        if not place.done():
            self._taken[following] = background
            place.set_result(None)

    def _room_for_background(self) -> bool:
        return len(self._taken) < self._limit and sum(self._taken.values()) < self._share
