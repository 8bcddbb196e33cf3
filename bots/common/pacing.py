"""Pacing: about so many messages a second and channel, with short bursts, and what the platform said about waiting."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from host.ports.bot import Unsent

MOST_CHANNELS = 2_000  # whose pace is remembered; the least recently used is forgotten
LONGEST_WAIT = 8.0  # s inside one call; what would wait longer goes back to its lane instead


@dataclass
class _Channel:
    free_at: float = 0.0  # when the bucket is full again
    held_until: float = 0.0  # what the platform asked for


class Pace:
    """A bucket per channel that holds `burst` messages and gets one back every `interval` seconds."""

    def __init__(self, interval: float, burst: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._burst = burst
        self._now = now
        self._channels: OrderedDict[str, _Channel] = OrderedDict()

    async def turn(self, channel: str) -> None:
        """Returns when the next message may go out. Raises `Unsent` when that is too far off to wait for."""
        wait = self.reserve(channel)
        if wait > 0:
            await asyncio.sleep(wait)

    def reserve(self, channel: str) -> float:
        """Takes the next place and says how many seconds away it is; takes none when it raises `Unsent`."""
        now = self._now()
        pace = self._of(channel)
        free_at = max(pace.free_at, now)
        wait = max(free_at - now - (self._burst - 1) * self._interval, pace.held_until - now, 0.0)
        if wait > LONGEST_WAIT:
            raise Unsent("many messages wait for this channel", wait)
        pace.free_at = free_at + self._interval
        return wait

    def hold(self, channel: str, seconds: float) -> None:
        """The platform asked to wait."""
        pace = self._of(channel)
        pace.held_until = max(pace.held_until, self._now() + seconds)

    def _of(self, channel: str) -> _Channel:
        pace = self._channels.setdefault(channel, _Channel())
        self._channels.move_to_end(channel)
        if len(self._channels) > MOST_CHANNELS:
            self._channels.popitem(last=False)
        return pace
