"""Discord's rate limits, kept without refusing a call that Discord would take.

The library's own bucket, given a patience, refuses every call while the bucket's reset is further off than that, though
calls are left; without one it sleeps until the reset, however far off, before it returns the answer of the call that took
the last place. Neither is bearable: here a call goes out while there is a place, waits a little when there is none, and
is proven unsent when the wait would be long. What Discord itself answers with 429 is the library's to wait out, within
the same patience.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import discord
from discord.http import HTTPClient, Ratelimit

PATIENCE = 5.0  # s a call may wait for a place; a longer wait goes back to the queue
MOST = 256  # buckets kept before those are forgotten that nobody used for long
UNTOLD = 1.0  # s that are named where nobody knows when there will be a place


class Bucket(Ratelimit):
    """One route's places. Raises `discord.RateLimited` where the next one is too far off."""

    async def acquire(self) -> None:
        clock = self._loop.time
        deadline = clock() + PATIENCE
        while not self._has_place():
            # Without an expiry the answer that will tell of the limit is still under way.
            free_at = deadline if self.expires is None else self.expires
            if free_at > deadline or clock() >= deadline:
                raise discord.RateLimited(max(UNTOLD, free_at - clock()))
            await self._until(max(0.0, free_at - clock()))
        self._last_request = clock()
        self.remaining -= 1
        self.outgoing += 1

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.outgoing -= 1
        if self.expires is None and not self.outgoing:  # an answer that told of no limit
            self.reset()  # type: ignore[no-untyped-call]
        self._wake(max(0, self.remaining))

    def _has_place(self) -> bool:
        if self.is_expired():
            self.reset()  # type: ignore[no-untyped-call]
        return self.remaining > 0

    async def _until(self, seconds: float) -> None:
        """Until a place is free, or so many seconds are over."""
        freed: asyncio.Future[None] = self._loop.create_future()
        self._pending_requests.append(freed)
        try:
            await asyncio.wait([freed], timeout=seconds + 0.01)
        finally:
            freed.cancel()


class Limits(dict[str, Ratelimit]):
    """The client's buckets: one that is not there yet is made as ours."""

    def __missing__(self, key: str) -> Ratelimit:
        if len(self) >= MOST:
            for idle in [key for key, bucket in self.items() if bucket.is_inactive()]:
                del self[idle]
        made = self[key] = Bucket(None)
        return made


def keep(http: HTTPClient) -> None:
    """For a client that has not called yet."""
    http.max_ratelimit_timeout = PATIENCE
    http._buckets = Limits()
