"""Reads of what was missed, at the pace that Slack allows.

An app that is distributed outside of Slack's Marketplace may call `conversations.history` and `conversations.replies` once a
minute in each workspace, for 15 messages. What was missed is then read page by page, beside what is live, and every
second turn is left to those for whom somebody waits: a thread before a mention, a post whose outcome is not known.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.client.errors import TRANSIENT, is_rate_limited, retry_after, translated
from host.ports.bot import Rejected

TRIES = 5  # of one page that fails
PAUSE = 1.0  # s until the second of them; each later one waits as much longer
EVERY = 2  # turns of which one is taken: the others are for those who are waited for
FORGOTTEN = (
    3_600.0  # s after which Slack's last word about it counts no more: a burst is not how an app lives
)
SHORT = 2.4  # s that a live event can wait for what was missed: who has to wait longer reads beside it

FEW = ("conversations_history", "conversations_replies")  # of which Slack allows some apps one a minute
Method = Callable[..., Awaitable[AsyncSlackResponse]]


class Turns:
    """Of one workspace."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()  # Slack has asked to wait for longer than a live event can
        self._free_at: defaultdict[str, float] = defaultdict(float)  # loop time, by method
        self._pause: defaultdict[str, float] = defaultdict(float)  # s that Slack asked for last
        self._asked_at = 0.0  # loop time at which Slack asked for it last
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def is_slow(self) -> bool:
        if self.slow.is_set() and asyncio.get_running_loop().time() - self._asked_at > FORGOTTEN:
            self.slow.clear()
            self._pause.clear()
        return self.slow.is_set()

    def free(self, method: Method) -> bool:
        return asyncio.get_running_loop().time() >= self._free_at[_name(method)]

    async def read(self, method: Method, **arguments: Any) -> AsyncSlackResponse:
        """Waits as often and as long as Slack asks for; what else fails is tried again, a little later each time."""
        failures = 0
        while True:
            async with self._alone(_name(method)):
                try:
                    return await self._once(method, arguments)
                except TRANSIENT as error:
                    if self._asked_to_wait(_name(method), error):
                        continue
                    failures += 1
                    if isinstance(translated(error), Rejected) or failures == TRIES:
                        raise
                    pause = max(retry_after(error), PAUSE * failures)
            await asyncio.sleep(pause)

    def _alone(self, name: str) -> AbstractAsyncContextManager[Any]:
        """Where there is one turn a minute, who comes second would be refused."""
        return self._locks[name] if self.is_slow() and name in FEW else nullcontext()

    async def _once(self, method: Method, arguments: dict[str, Any]) -> AsyncSlackResponse:
        name, clock = _name(method), asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._free_at[name] - clock()))
        answer = await method(**arguments)
        if self._pause[name]:
            self._free_at[name] = clock() + EVERY * self._pause[name]
        return answer

    def _asked_to_wait(self, name: str, error: Exception) -> bool:
        if name not in FEW or not is_rate_limited(error) or retry_after(error) <= SHORT:
            return False
        self._pause[name] = retry_after(error)
        self._asked_at = asyncio.get_running_loop().time()
        self._free_at[name] = self._asked_at + self._pause[name]
        self.slow.set()
        return True


def _name(method: Method) -> str:
    return getattr(method, "__name__", "")
