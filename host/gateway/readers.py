"""Who reads the bodies of sessions: processes apart, fair by session, with limits of bytes, time and memory.

A session has one body in hand at a time, and the bodies of all have a room in common: beyond it a session that holds more
than its share is refused, whoever else waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from host.gateway import reading
from host.gateway.permits import Asked, Permit, Refused
from host.gateway.reading import too_large
from host.ports.apart import Apart

PROCESSES = 2
DEADLINE = 20.0  # s for one body
SMALL = 65_536  # bytes that are read on the spot: they hold little, whatever they hold
ROOM = 96 * 1024 * 1024  # bytes of bodies that all sessions together may have in hand
BURST = 60  # calls in a row of one session that cost nothing
MEGABYTE = 1024 * 1024  # bytes that weigh as much as a call
PER_SECOND = 2.0  # of them, on and on


class Room:
    """Counts bytes by session; nobody waits in it."""

    def __init__(self, most: int = ROOM) -> None:
        self._most = most
        self._held: dict[str, int] = {}

    @property
    def held(self) -> int:
        return sum(self._held.values())

    def take(self, session: str, count: int) -> None:
        """Raises `Refused` for a session that would hold more than its share while half of the room is in use."""
        mine = self._held.get(session, 0) + count
        share = self._most // (len(self._held.keys() | {session}) + 1)
        if mine > share and self.held + count > self._most // 2:
            raise Refused(
                429, "rate_limit_error", "the conversations of this host send more than can be read at a time"
            )
        self._held[session] = mine

    def give_back(self, session: str, count: int) -> None:
        left = self._held.get(session, 0) - count
        if left > 0:
            self._held[session] = left
        else:
            self._held.pop(session, None)


class Holding:
    """What one request of a session has in hand: its body, until that is sent."""

    def __init__(self, room: Room, session: str) -> None:
        self._room = room
        self._session = session
        self._bytes = 0
        self.body = b""

    def grow(self, count: int) -> None:
        """Raises `Refused`."""
        self._room.take(self._session, count)
        self._bytes += count

    def end(self) -> None:
        self._room.give_back(self._session, self._bytes)
        self._bytes = 0
        self.body = b""


@contextmanager
def holding(room: Room, session: str) -> Iterator[Holding]:
    held = Holding(room, session)
    try:
        yield held
    finally:
        held.end()


class Allowance:
    """Of one session: calls that cost nothing cost the host something."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at = 0.0

    def is_spent(self, now: float) -> bool:
        """`now` in seconds of any clock that only runs forward."""
        self._left = min(float(BURST), self._left + (now - self._at) * PER_SECOND)
        self._at = now
        return self._left < 1

    def spend(self, size: int = 0) -> None:
        """`size` is the body's: a large one is more work than a small one."""
        self._left = max(-float(BURST), self._left - 1 - size // MEGABYTE)


class Readers:
    """Processes are started when there is something large to read, and kept."""

    def __init__(self, *, processes: int = PROCESSES, deadline: float = DEADLINE) -> None:
        self.room = Room()
        self._deadline = deadline
        self._free = asyncio.Semaphore(processes)  # first come, first served; a session waits once at most
        self._idle: deque[Apart] = deque()

    async def read(
        self, permit: Permit, method: str, path: str, query: str, headers: Mapping[str, str], body: bytearray
    ) -> Asked:
        """Raises `Refused`."""
        wanted = {"anthropic-beta": headers["anthropic-beta"]} if "anthropic-beta" in headers else {}
        front = {"method": method, "path": path, "query": query, "headers": wanted}
        if len(body) <= SMALL:
            return await asyncio.to_thread(reading.judged, permit, front, body)
        front["permit"] = reading.permit_told(permit)
        async with self._free:
            told, canonical = await self._read(front, body)
        if "refused" in told:
            raise Refused(*told["refused"])
        return reading.asked_of(told["asked"], canonical)

    async def close(self) -> None:
        while self._idle:
            await self._idle.popleft().end()

    async def _read(self, front: dict[str, Any], body: bytearray) -> tuple[dict[str, Any], bytes]:
        try:
            process = self._idle.popleft() if self._idle else await Apart.start("host.gateway.reading")
        except OSError as error:
            raise Refused(503, "api_error", "the host cannot start what reads requests") from error
        kept = False
        try:
            async with asyncio.timeout(self._deadline):
                found = await process.ask(front, body)
            kept = len(body) <= reading.LARGE
        except TimeoutError:
            raise too_large("the request takes longer to read than is given to it") from None
        except OSError:
            raise too_large("the request takes more memory to read than is given to it") from None
        finally:
            # Also where the client went away in the midst: half a conversation with a process is no use.
            if kept:
                self._idle.append(process)
            else:
                await asyncio.shield(process.end())
        return found
