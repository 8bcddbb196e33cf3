"""Hearing runners: a bell per live session, and the poll that finds everything even if no bell ever rings (law 3)."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from host.folders import moments
from host.folders.disk import Disk
from host.registry.sessions import Session
from sessiondb.signals import Bell, ChangeDetector, slowest_poll

POLL_FASTEST = 0.02  # s between two looks right after something happened
POLL_NEAR = 0.005  # s where no bell rings and an answer is expected from one moment to the next
POLL_RUNG = 0.25  # s of the same where a bell was heard before: it tells of what comes next, and a look tells of the same again
POLL_UNASKED = 0.25  # s where no bell rings and nobody has given the runner anything to do for a while
POLL_QUIET = 30.0  # s of the same where a bell was heard before: what it does not tell of, the sweep finds within its own pace
SOON = 0.5  # s after which an answer is not expected from one moment to the next any more
ASKED = 3.0  # s after which work that was given is no reason any more to look often: what takes longer may be a quarter late
RINGS_PER_SECOND = 200  # more are heard at the next poll: a hostile bell costs no more than this


@dataclass
class _Heard:
    session: Session
    to_host: Bell | None
    to_runner: Bell | None
    detectors: tuple[ChangeDetector, ChangeDetector]
    slowest: float
    unasked: float  # the slowest, while it has nothing to do
    asked_at: float = -math.inf  # when it last was given something to do, or wrote something
    soonest: float = POLL_FASTEST  # between two looks right after something happened
    interval: float = POLL_FASTEST
    due: float = 0.0
    rings: int = 0
    window: float = 0.0

    def next_interval(self, now: float) -> float:
        """After a look that found nothing. An answer that is near, and no bell tells of, is found within an eighth more of its
        time."""
        silent = now - self.asked_at
        if self.to_runner is None and silent < SOON:
            return max(POLL_NEAR, silent / 8)
        return min(self.interval * 2, self.slowest if silent < ASKED else self.unasked)


class Ears:
    """Calls `heard(session)` when a live session's files may have changed."""

    def __init__(self, disk: Disk, heard: Callable[[Session], None], *, bells: bool, slowest: float) -> None:
        self._disk = disk
        self._heard = heard
        self._bells = bells
        self._slowest = slowest
        self._live: dict[str, _Heard] = {}
        self._asleep: asyncio.Future[None] | None = None

    def listen(self, session: Session) -> None:
        """From the start of a runner to its confirmed end."""
        folder = session.folder
        to_host = to_runner = None
        pair = Bell.pair(folder.bell_to_host, folder.bell_to_runner) if self._bells else None
        if pair is not None:
            to_host, to_runner = pair
            asyncio.get_running_loop().add_reader(to_host.fileno(), self._rung, session.id)
        detectors = (ChangeDetector(folder.outbound_db), ChangeDetector(folder.progress))
        slowest = slowest_poll(self._slowest, bell=pair is not None)
        unasked = slowest if pair is not None or self._slowest else POLL_UNASKED
        self._live[session.id] = _Heard(session, to_host, to_runner, detectors, slowest, unasked)
        self._wake()

    def forget(self, session: Session) -> None:
        heard = self._live.pop(session.id, None)
        if heard is None:
            return
        if heard.to_host is not None:
            asyncio.get_running_loop().remove_reader(heard.to_host.fileno())
            heard.to_host.close()
        if heard.to_runner is not None:
            heard.to_runner.close()

    def ring(self, session: Session) -> None:
        """Tells the session's runner to look, if one lives."""
        heard = self._live.get(session.id)
        if heard is None:
            return
        heard.asked_at = asyncio.get_running_loop().time()
        if heard.to_runner is not None:
            with contextlib.suppress(OSError):
                heard.to_runner.ring()
            return
        if heard.interval > POLL_NEAR:
            heard.interval, heard.due = POLL_NEAR, 0.0  # an answer is near, and no bell will tell of it
            self._wake()

    async def poll(self) -> None:
        """Until cancelled: looks at every live session, at once after a change and ever more slowly after none."""
        clock = asyncio.get_running_loop().time
        while True:
            due = [heard for heard in self._live.values() if heard.due <= clock()]
            if due:
                for heard, changed in zip(due, await self._disk.run(_changed, due), strict=True):
                    if changed:
                        heard.asked_at = clock()
                    heard.interval = heard.soonest if changed else heard.next_interval(clock())
                    heard.due = moments.after(clock(), heard.interval)
                    if changed and heard.session.id in self._live:
                        self._heard(heard.session)
            await self._sleep(min((heard.due for heard in self._live.values()), default=clock() + 3600))

    async def _sleep(self, until: float) -> None:
        """Or until somebody wakes it: with a timeout around an event it would take as long again, many times a second."""
        loop = asyncio.get_running_loop()
        self._asleep = loop.create_future()
        timer = loop.call_at(until, self._wake)
        try:
            await self._asleep
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._asleep is not None and not self._asleep.done():
            self._asleep.set_result(None)

    def _rung(self, session_id: str) -> None:
        heard = self._live.get(session_id)
        if heard is None or heard.to_host is None:
            return
        heard.to_host.hush()
        heard.asked_at = now = asyncio.get_running_loop().time()
        if not self._slowest:
            heard.soonest, heard.unasked = POLL_RUNG, POLL_QUIET  # this one rings
        if now - heard.window > 1.0:
            heard.window, heard.rings = now, 0
        heard.rings += 1
        if heard.rings <= RINGS_PER_SECOND:
            self._heard(heard.session)


def _changed(due: list[_Heard]) -> list[bool]:
    # Both are asked every time: a detector that is passed over would report an old change later.
    looks = [[detector.changed() for detector in heard.detectors] for heard in due]
    return [any(look) for look in looks]
