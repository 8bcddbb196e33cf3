"""Is the connection worth anything? A socket can be open, answer heartbeats and bring nothing.

discord.py replaces one that answers no heartbeat. What else there is, the histories give away: they hold what nobody told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

READY_WITHIN = 180.0  # s, and more for each shard: after them a fresh connection may do better
PER_SHARD = 15.0
SILENCE = 120.0  # s without a word from Discord after which the histories are asked
IN_FLIGHT = 10.0  # s that an event may take longer than its message takes into the history

_ABOUT_PEOPLE = (
    "MESSAGE_",
    "INTERACTION_",
    "THREAD_",
    "CHANNEL_",
)  # the others come by themselves on connect


class Watch:
    """Of one life of the connection. `unheard` gives the messages, by id, that stand in histories and no event told of."""

    def __init__(
        self, ready: Callable[[], Awaitable[None]], unheard: Callable[[], Awaitable[set[int]]]
    ) -> None:
        self._ready = ready
        self._unheard = unheard
        self._heard = asyncio.Event()
        self.heard_something = False
        self.deaf = False
        self.looked_at = 0.0  # s of the loop's clock, 0 before the connection is ready

    def heard(self, event_type: str) -> None:
        if event_type.startswith(_ABOUT_PEOPLE):
            self.heard_something = True
            self._heard.set()

    async def until_useless(self, shards: int) -> None:
        """Returns when another connection would do better than this one; `deaf` says whether that is proven."""
        try:
            async with asyncio.timeout(READY_WITHIN + PER_SHARD * shards):
                await self._ready()
        except TimeoutError:
            log.warning("Discord: not ready in time; connecting anew", extra={"action": "discord_not_ready"})
            return
        while not await self._proven_deaf():
            pass
        self.deaf = True
        log.warning("Discord: the connection is deaf; connecting anew", extra={"action": "discord_deaf"})

    async def _proven_deaf(self) -> bool:
        """After a silence, or false when it was broken."""
        self.looked_at = asyncio.get_running_loop().time()
        self._heard.clear()
        try:
            async with asyncio.timeout(SILENCE):
                await self._heard.wait()
                return False
        except TimeoutError:
            suspicious = await self._unheard()
        if not suspicious:
            return False
        await asyncio.sleep(IN_FLIGHT)
        return bool(suspicious & await self._unheard())
