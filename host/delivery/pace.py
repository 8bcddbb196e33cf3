"""How fast what sessions write is read: all that is read costs the host work, and those who cause much of it share a part.

Counted is work that is the same on any machine, bytes, and rows that cost their session nothing; and the time of a core that it
takes to mask and to render what was written, for no length tells that. A session has `AT_ONCE` of it for free, as much as one
page; what it wrote beyond is read at its share of `OF_ALL`, so that one that talks is not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from host.mailbox.outbound import Accepted, Refused
from host.ports.unless import unless
from sessiondb import content

AT_ONCE = 8_000_000  # bytes
OF_ALL = 2_000_000  # bytes a second, of all sessions that have used up what is free
A_ROW = 5_000  # bytes' worth: one that is refused, or carried out
A_SECOND = 20_000_000  # bytes' worth: one of a core that is spent on showing what was written
USUAL = (
    0.02  # s of a core that are nobody's: what a visit to a session's files takes that finds an answer there
)
LONGEST = 5.0  # s a session is waited with at a time
MOST_KNOWN = 1_000  # sessions of which it is remembered what they owe

T = TypeVar("T")


def of_a_core(seconds: float) -> int:
    """Bytes' worth of what took so long to render."""
    return int(seconds * A_SECOND)


def of_a_visit(seconds: float) -> int:
    """Bytes' worth of a visit that took so long of a core."""
    return of_a_core(max(0.0, seconds - USUAL))


def weight(size: int, rows: Sequence[Accepted | Refused]) -> int:
    """Of rows whose contents have so many bytes."""
    free = [row for row in rows if isinstance(row, Refused) or isinstance(row.content, content.Action)]
    return size + A_ROW * len(free)


class Pace:
    """`clock` in seconds; it may be that of a loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owed: dict[str, float] = {}  # bytes by session
        self._at = 0.0  # when that was so
        self._ends: float | None = None  # when nothing more is read
        self._ending = asyncio.Event()

    def read(self, session_id: str, work: int) -> None:
        self._pay()
        if work:
            self._owed[session_id] = self._owed.pop(session_id, 0.0) + work
        if len(self._owed) > MOST_KNOWN:  # whoever read least recently
            del self._owed[next(iter(self._owed))]

    def wait(self, session_id: str) -> float:
        """s until more of the session is to be read."""
        self._pay()
        over = self._owed.get(session_id, 0.0) - AT_ONCE
        return min(LONGEST, over / self._share()) if over > 0 else 0.0

    async def turn(self, session_id: str) -> None:
        """Where the host stops nobody is waited with: what is left is read by the next one."""
        if self._ends is None and (wait := self.wait(session_id)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._ending.wait()

    def end(self, grace: float) -> None:
        """In so many seconds nothing more is read: the host stops."""
        self._ends = self._clock() + grace
        self._ending.set()

    @property
    def over(self) -> bool:
        return self._ends is not None and self._clock() >= self._ends

    async def in_time(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What comes of it; None where the host stops before, and the work with it."""
        return await unless(self._until_over(), work)

    async def _until_over(self) -> None:
        await self._ending.wait()
        if self._ends is not None:
            await asyncio.sleep(max(0.0, self._ends - self._clock()))

    def _pay(self) -> None:
        now = self._clock()
        paid = (now - self._at) * self._share()
        self._at = now
        self._owed = {id_: left for id_, owed in self._owed.items() if (left := owed - paid) > 0}

    def _share(self) -> float:
        return OF_ALL / max(1, sum(owed > AT_ONCE for owed in self._owed.values()))
