"""Waiting for the host's next commit: poll is the truth, the bell is a hint (law 3)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from sessiondb.signals import Bell, ChangeDetector

POLL_FASTEST = 0.005  # s between two looks right after something happened


class Watch(Protocol):
    async def changed(self) -> None:
        """Returns when inbound.db may have changed since the last return. Cancel it to stop waiting."""


class FileWatch:
    """One lstat per interval; the interval doubles while nothing happens. A bell cuts it short.

    A look is a timer's own: no task is made and no wait begun for it, so that looking often costs next to nothing.
    """

    def __init__(self, path: Path, bell: Bell | None, slowest: float) -> None:
        self._detector = ChangeDetector(path)
        self._bell = bell
        self._slowest = slowest
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None
        self._next: asyncio.TimerHandle | None = None
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
            if self._next is not None:
                self._next.cancel()

    def close(self) -> None:
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())

    def _look_in(self, interval: float) -> None:
        self._next = asyncio.get_running_loop().call_later(interval, self._look, interval)

    def _look(self, interval: float) -> None:
        if not self._detector.changed():
            self._look_in(min(interval * 2, self._slowest))
        else:
            self._wake()

    def _ring(self, bell: Bell) -> None:
        bell.hush()
        if not self._wake():
            self._rung = True

    def _wake(self) -> bool:
        """Whether anybody waited."""
        if self._waiting is None or self._waiting.done():
            return False
        self._waiting.set_result(None)
        return True
