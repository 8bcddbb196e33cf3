"""Discord's rate limits, kept without refusing a call that Discord would take.

The library's own bucket, given a patience, refuses every call while the bucket's reset is further off than that, though
calls are left; without one it sleeps until the reset, however far off, before it returns the answer of the call that took
the last place. Neither is bearable: here a call goes out while there is a place, waits a little when there is none, and
is proven unsent when the wait would be long. What Discord itself answers with 429 is the library's to wait out, within
the same patience, where it can read for how long.

A server, or what stands between, may name a limit in numbers that are none: the library breaks on those after the call was
carried out, or closes the bucket for ever. Here they count as not said; beyond `LONGEST_WAIT` it is asked again.
"""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
import discord
from discord.http import HTTPClient, Ratelimit

from bots.common import waits

PATIENCE = 5.0  # s a call may wait for a place; a longer wait goes back to the queue
MOST = 256  # buckets kept before those are forgotten that nobody used for long
UNTOLD = 1.0  # s that are named where nobody knows when there will be a place
SLACK = 1.0  # s after which calls go on though whoever was told of a limit for all of them did not live to say that it is over
RETRY_AFTER = "Retry-After"


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

    def update(self, response: aiohttp.ClientResponse, *, use_clock: bool = False) -> None:
        try:
            super().update(response, use_clock=use_clock)
        except (KeyError, ValueError, OverflowError):
            self.limit = max(1, self.limit)
            self.reset()  # type: ignore[no-untyped-call]
        else:
            self.limit = max(1, self.limit)
            self.reset_after = waits.seconds(str(self.reset_after))
            self.expires = self._loop.time() + self.reset_after

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

    async def answered(
        _session: object, _context: SimpleNamespace, told: aiohttp.TraceRequestEndParams
    ) -> None:
        if told.response.status == 429 and (body := await readable(told.response)).get("global"):
            # Who is told sleeps with all calls shut out, and lets them out afterwards, unless somebody ends it meanwhile.
            asyncio.get_running_loop().call_later(
                waits.seconds(str(body["retry_after"])) + SLACK, http._global_over.set
            )

    http.max_ratelimit_timeout = PATIENCE
    http._buckets = Limits()
    http.http_trace = aiohttp.TraceConfig()
    http.http_trace.on_request_end.append(answered)


async def readable(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """What a 429 says, where the library waits it out as it should; {} where it is a proxy's, which names no time.

    Raises `discord.RateLimited` for a long wait, and for one that is not said as Discord says it.
    """
    if answer.headers.get("Content-Type", "") != "application/json":  # as the library asks
        return {}
    try:
        said = json.loads(await answer.read())
    except (ValueError, aiohttp.ClientError):
        said = {}
    body = said if isinstance(said, dict) else {}
    named = body.get("retry_after")
    seconds = waits.seconds(str(named)) if isinstance(named, int | float) else 0.0
    if not 0.0 < seconds <= PATIENCE or not answer.headers.get("Via"):
        answer.release()
        raise discord.RateLimited(seconds or waits.seconds(answer.headers.get(RETRY_AFTER, "")) or UNTOLD)
    return body
