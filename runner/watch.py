"""Waiting for the host's next commit: poll is the truth, the bell is a hint (law 3)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path
from typing import Protocol

from sessiondb.signals import Bell, ChangeDetector

POLL_FASTEST = 0.005  # s between two looks right after something happened
OFTEN = 0.25  # s; whoever looks more often in a silence has a thread do it: a timer of the loop costs five times as much


class Watch(Protocol):
    async def changed(self) -> None:
        """Returns when inbound.db may have changed since the last return. Cancel it to stop waiting."""


class FileWatch:
    """One lstat per interval; the interval doubles while nothing happens. A bell cuts it short.

    A look is a timer's own: no task is made and no wait begun for it. In a silence without a bell a thread does nothing else.
    """

    def __init__(self, path: Path, bell: Bell | None, slowest: float) -> None:
        self._detector = ChangeDetector(path)
        self._bell = bell
        self._slowest = slowest
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None
        self._next: asyncio.TimerHandle | None = None
        self._over = threading.Event()  # of the wait that a thread looks for
        if bell is not None:
            asyncio.get_running_loop().add_reader(bell.fileno(), self._ring, bell)

    async def changed(self) -> None:
        if self._detector.changed():
            return
        if self._rung:
            self._rung = False
            return
        self._waiting = asyncio.get_running_loop().create_future()
        self._look_in(POLL_FASTEST)
        try:
            await self._waiting
        finally:
            self._waiting = None
            self._over.set()
            if self._next is not None:
                self._next.cancel()

    def close(self) -> None:
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())

    def _look_in(self, interval: float) -> None:
        self._next = asyncio.get_running_loop().call_later(interval, self._look, interval)

    def _look(self, interval: float) -> None:
        if self._detector.changed():
            self._wake()
        elif interval < self._slowest or self._slowest > OFTEN:
            self._look_in(min(interval * 2, self._slowest))
        else:
            self._over = threading.Event()
            told = asyncio.get_running_loop(), self._over
            threading.Thread(target=self._look_on, args=told, name="watch", daemon=True).start()

    def _look_on(self, loop: asyncio.AbstractEventLoop, over: threading.Event) -> None:
        """Until something changed, or nobody waits any more."""
        while not over.is_set():
            if self._detector.changed():
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._found)
                return
            # All runners of a machine look in the same moment: to wake costs a third less while others are awake.
            time.sleep(self._slowest - time.monotonic() % self._slowest)

    def _found(self) -> None:
        """The detector tells of a change once: whoever waits next must hear of what a thread saw too late."""
        if not self._wake():
            self._rung = True

    def _ring(self, bell: Bell) -> None:
        bell.hush()
        self._found()

    def _wake(self) -> bool:
        """Whether anybody waited."""
        if self._waiting is None or self._waiting.done():
            return False
        self._waiting.set_result(None)
        return True
