"""What an operation looks like on its platform. What is large is rendered by a process apart, one of a session at a time.

A text takes as long to render as whoever wrote it makes it take. What takes too long with its marks is shown as it was written,
and what takes too long even so is not shown. What it costs counts among what the session has the host do; of one that owes more
than it waits for, what is large is shown as it was written.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from host.delivery.drawn import MOST_PARTS
from host.delivery.pace import Pace, of_a_core
from host.ports.apart import Apart
from host.ports.bot import Bot
from host.words import ENGLISH, say
from sessiondb import content

log = logging.getLogger(__name__)

SMALL = 4_000  # characters of content that are rendered on the spot
LARGEST_MARKED = 200_000  # characters that are shown with their marks
# One core is left to those who serve people, however nice these are: where all are busy, each sync of a file waits for the end of
# somebody's slice, 3 ms of Linux 6.18 for one of 0.3, and an answer has a dozen of them.
PROCESSES = max(1, min(2, len(os.sched_getaffinity(0)) - 1))
DEADLINE = 10.0  # s with marks, and as long again without
START_DEADLINE = 60.0  # s for a process to be there and have its code
MOST_TURNS = 4  # of 5 s at most, that a session which owes much is waited with before one text
GIVES_WAY = 1_000  # characters: for so many a text lets pass what comes a second later and is short
TOO_LONG = say("This part of my answer takes too long to show.")


@dataclass(frozen=True, slots=True)
class Large:
    """An operation of a row that is to be rendered before the row is taken in."""

    row_id: str
    bot: Bot
    operation: content.Operation
    mentions: Sequence[str]
    language: str = ENGLISH  # of the host's own words in it


@dataclass(frozen=True, slots=True)
class Drawn:
    chunks: Sequence[dict[str, Any]]
    parts: int  # of which the chunks are the first


def at_once(bot: Bot, operation: content.Operation, mentions: Sequence[str]) -> Drawn:
    rendered = bot.render(operation, mentions=mentions)
    return Drawn(rendered[:MOST_PARTS], len(rendered))


def kept(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a chunk: how it is sent, and its one fallback."""
    return {
        "chunk": {key: value for key, value in chunk.items() if key != "plain"},
        "plain": chunk.get("plain"),
    }


class Drawing:
    """Processes are started when there is something large to render, and kept."""

    def __init__(self, pace: Pace, *, processes: int = PROCESSES, deadline: float = DEADLINE) -> None:
        self._pace = pace
        self._deadline = deadline
        self._free = _Places(processes)  # a session waits once at most
        self._idle: deque[Apart] = deque()

    async def draw(self, large: Large, session_id: str) -> Drawn:
        by = large.bot.capabilities.drawn_by
        if not by:
            return at_once(large.bot, large.operation, large.mentions)
        body = content.encode(large.operation).encode()
        front = {"by": by, "mentions": list(large.mentions), "language": large.language}
        for _ in range(MOST_TURNS):
            await self._pace.turn(session_id)
        marked = len(body) <= LARGEST_MARKED and not self._pace.wait(session_id)
        async with self._free.one(len(body) if marked else 0):
            for plain in (False, True):
                if plain or marked:
                    found, seconds = await self._drawn({**front, "plain": plain}, body)
                    self._pace.read(session_id, of_a_core(seconds))
                    if found is not None:
                        return found
        log.warning("A part of an answer takes too long to render", extra={"action": "render_failed"})
        return at_once(large.bot, content.Text(TOO_LONG.told(large.language)), ())

    async def close(self) -> None:
        while self._idle:
            await self._idle.popleft().end()

    async def _drawn(self, front: dict[str, Any], body: bytes) -> tuple[Drawn | None, float]:
        """None when it cannot be had in time, or in the memory that there is; and the seconds of a core that it took."""
        try:
            process = self._idle.popleft() if self._idle else await Apart.start("host.delivery.drawn")
        except OSError:
            return None, 0.0
        kept, seconds = False, _Meter(process)
        try:
            async with asyncio.timeout(START_DEADLINE):
                await process.ask({"by": front["by"]}, b"")
            seconds.begin()
            async with asyncio.timeout(self._deadline):
                cost, found = await process.ask(front, body)
            kept = True
        except (TimeoutError, OSError):
            return None, seconds.so_far()
        finally:
            if kept:
                self._idle.append(process)
            else:
                await asyncio.shield(process.end())
        drawn = json.loads(found)
        return Drawn(drawn["chunks"], drawn["parts"]), cost["seconds"]


class _Meter:
    """What a process that is killed has spent on a text: nothing on being there at last, which is no text's fault, and not the
    time in which a busy machine did not let it run."""

    def __init__(self, process: Apart) -> None:
        self._process = process
        self._began: tuple[float, float] | None = None  # of a core, and by the clock

    def begin(self) -> None:
        self._began = self._used(), time.monotonic()

    def so_far(self) -> float:
        if self._began is None:
            return 0.0
        used, at = self._began
        lasted = time.monotonic() - at  # all that is known of one that has ended
        return min(lasted, now - used) if (now := self._used()) else lasted

    def _used(self) -> float:
        try:
            return self._process.used()
        except OSError:
            return 0.0


class _Places:
    """Those who render. Short texts go before long ones that came a little earlier, and nobody waits for ever."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def one(self, size: int) -> AsyncIterator[None]:
        await self._take(size)
        try:
            yield
        finally:
            self._give()

    async def _take(self, size: int) -> None:
        if self._free:
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        heapq.heappush(self._waiting, (loop.time() + size / GIVES_WAY, next(self._numbers), place))
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given at the same moment
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            *_, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
