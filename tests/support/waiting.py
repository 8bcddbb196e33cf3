"""Waiting for what happens in other processes, where there is no event to wait on: a bounded look at the world."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

DEADLINE = 90.0  # s; these machines are slow and noisy
LOOK_EVERY = 0.02  # s

_never = threading.Event()


def until(condition: Callable[[], object]) -> None:
    """Raises `TimeoutError`."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        _never.wait(LOOK_EVERY)


async def eventually(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(until, condition)
