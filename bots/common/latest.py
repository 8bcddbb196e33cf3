"""Showing only the newest state of a thing that changes faster than a platform wants to hear of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from host.ports.bot import DeliveryError, Unsent

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
            self._tasks[name] = asyncio.create_task(self._follow(name), name=f"latest:{name}")

    async def end(self, name: str) -> None:
        """Nothing is shown under the name any more once this returns, and what is under way is given up."""
        self._newest.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        for name in list(self._tasks):
            await self.end(name)

    async def _follow(self, name: str) -> None:
        try:
            while name in self._newest:
                pause = await self._shown(self._newest.pop(name))
                await asyncio.sleep(pause)
        finally:  # before anything else can run: an offer from here on begins a task of its own
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]

    async def _shown(self, state: T) -> float:
        """Returns the seconds until the next may be shown."""
        try:
            await self._show(state)
        except DeliveryError as error:
            log.debug("A state was not shown: %s", error)
            return max(self._pause, error.retry_after) if isinstance(error, Unsent) else self._pause
        return self._pause
