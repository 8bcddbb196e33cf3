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
    """One lstat per interval; the interval doubles while nothing happens. A bell cuts it short."""

    def __init__(self, path: Path, bell: Bell | None, slowest: float) -> None:
        self._detector = ChangeDetector(path)
        self._bell = bell
        self._slowest = slowest
        self._rung = asyncio.Event()
        if bell is not None:
            asyncio.get_running_loop().add_reader(bell.fileno(), self._ring, bell)

    async def changed(self) -> None:
        interval = POLL_FASTEST
        while not self._detector.changed():
            try:
                async with asyncio.timeout(interval):
                    await self._rung.wait()
            except TimeoutError:
                interval = min(interval * 2, self._slowest)
            else:
                self._rung.clear()
                return

    def close(self) -> None:
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())

    def _ring(self, bell: Bell) -> None:
        bell.hush()
        self._rung.set()
