"""Moments that those share who look at something every few seconds: to wake for all at once costs little more than for one."""

from __future__ import annotations

import asyncio
import math

STEP = 5.0  # s between two moments of those who look as seldom or more seldom


def after(now: float, every: float) -> float:
    """The next moment of those who look so often, in seconds of the loop's clock. Pure."""
    return (math.floor(now / every) + 1) * every


async def come(every: float) -> None:
    """Waits for the last shared moment within `every` seconds."""
    loop, step = asyncio.get_running_loop(), min(every, STEP)
    over = loop.create_future()
    timer = loop.call_at(after(loop.time() + every - step, step), over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()
