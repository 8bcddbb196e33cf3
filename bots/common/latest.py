"""Showing only the newest state of a thing that changes faster than a platform wants to hear of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from host.bots import DeliveryError, Unsent

log = logging.getLogger(__name__)
T = TypeVar("T")


class Latest(Generic[T]):
    """At most one `show` per name at a time and `pause` seconds between two; what came meanwhile is shown after it.

    Best effort: a state that `show` refuses with a `DeliveryError` is dropped; a platform that asks to wait is obeyed.
    """

    def __init__(self, show: Callable[[T], Awaitable[None]], pause: float) -> None:
        self._show = show
        self._pause = pause
        self._newest: dict[str, T] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def offer(self, name: str, state: T) -> None:
        self._newest[name] = state
        if name not in self._tasks:
            task = asyncio.create_task(self._follow(name), name=f"latest:{name}")
            self._tasks[name] = task
            task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def end(self, name: str) -> None:
        """Nothing is shown under the name any more once this returns, and what is under way is given up."""
        self._newest.pop(name, None)
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        for name in list(self._tasks):
            await self.end(name)

    async def _follow(self, name: str) -> None:
        while name in self._newest:
            pause = self._pause
            try:
                await self._show(self._newest.pop(name))
            except DeliveryError as error:
                log.debug("A state was not shown: %s", error)
                if isinstance(error, Unsent):
                    pause = max(pause, error.retry_after)
            await asyncio.sleep(pause)
