"""Work that is given up when something else happens first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unless(ended: Coroutine[Any, Any, object], work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the work, or raises what it raises; None where `ended` comes before, and the work is cancelled and over."""
    tasks = asyncio.create_task(work), asyncio.create_task(ended)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
