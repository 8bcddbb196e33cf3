"""How a test waits for something to become true, without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Every part of the fake calls `pulse()` after it changed something; waiters then look again."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def pulse(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, look: Callable[[], T], timeout: float) -> T:
        """The first truthy value of `look`; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not (found := look()):
                await self._next.wait()
        return found
