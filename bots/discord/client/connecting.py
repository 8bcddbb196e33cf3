"""A connection that ends when it is to end.

`asyncio.wait_for` of Python 3.11 keeps a cancellation to itself that comes in the turn in which what it waits for is done, and
discord.py connects within one: whoever cancelled then waited for ever (https://github.com/python/cpython/issues/86296).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

AGAIN = 1.0  # s after which an end is asked for once more


async def connected(connection: Coroutine[Any, Any, None], name: str) -> None:
    """The library's `connect()` to its end, or to the caller's."""
    task = asyncio.create_task(connection, name=name)
    try:
        await asyncio.wait([task])
    finally:
        await ended(task)
    task.result()


async def ended(task: asyncio.Task[Any]) -> None:
    """Asks until it does."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN)
