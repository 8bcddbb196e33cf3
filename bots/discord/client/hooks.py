"""Calls by an interaction's own token, which discord.py makes apart from all others: no wait of theirs is longer than ours.

The library keeps the answer of the call that took the last place until there is another, and sleeps through whatever wait a 429
names. Here the next call waits, a little, and a long wait is told instead of slept (as `limits` does for the rest).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import aiohttp
import discord
from discord.http import Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context
from multidict import CIMultiDict

from bots.common import waits
from bots.discord.client.limits import PATIENCE, UNTOLD, readable

MOST = 1_000  # interactions whose next place is remembered
_REMAINING, _RESET_AFTER = "X-RateLimit-Remaining", "X-RateLimit-Reset-After"


def keep() -> None:
    """For everything that the current task begins from now on."""
    async_context.set(Adapter())


class Adapter(AsyncWebhookAdapter):
    """Raises `discord.RateLimited` where the next place is too far off."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._free_at: OrderedDict[object, float] = (
            OrderedDict()
        )  # by kind of call and interaction, loop time

    async def request(self, route: Route, session: aiohttp.ClientSession, **more: Any) -> Any:
        bucket = (
            route.method,
            route.path,
            route.webhook_id,
            route.webhook_token,
        )  # each kind of call has its own
        clock = asyncio.get_running_loop().time
        wait = self._free_at.get(bucket, 0.0) - clock()
        if wait > PATIENCE:
            raise discord.RateLimited(wait)
        if wait > 0:
            await asyncio.sleep(wait)

        def took_the_last(seconds: float) -> None:
            self._free_at[bucket] = clock() + seconds
            while len(self._free_at) > MOST:
                self._free_at.popitem(last=False)

        told = cast(aiohttp.ClientSession, _Session(session, took_the_last))
        return await super().request(route, told, **more)


class _Session:
    """What of a session the library's adapter uses."""

    def __init__(self, session: aiohttp.ClientSession, took_the_last: Callable[[float], None]) -> None:
        self._session = session
        self._took_the_last = took_the_last

    def request(self, method: str, url: str, **more: Any) -> AbstractAsyncContextManager[Any]:
        return self._asked(method, url, **more)

    @contextlib.asynccontextmanager
    async def _asked(self, method: str, url: str, **more: Any) -> AsyncIterator[Any]:
        async with self._session.request(method, url, **more) as answer:
            if answer.status == 429:
                try:
                    await readable(answer)
                except discord.RateLimited as limited:
                    self._took_the_last(limited.retry_after)
                    raise
            elif answer.headers.get(_REMAINING) == "0":
                self._took_the_last(_named(answer.headers, _RESET_AFTER) or UNTOLD)
            yield _Answer(answer)


class _Answer:
    """The answer without what makes the library wait before it hands it on."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.headers = CIMultiDict(answer.headers)
        self.headers.popall(_REMAINING, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)


def _named(headers: Mapping[str, str], name: str) -> float:
    return waits.seconds(headers.get(name, ""))
