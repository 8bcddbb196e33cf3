"""A session's round trips while another one is sent a thousand messages a second, against calm ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.figure import Figure, Timings
from bench.serving import Served, event, serving

FLOOD = 1_000  # messages a second
UNDER_WAY = 100
TRIPS, WARM_UP = 30, 5
BETWEEN = 0.05  # s between two trips


def measure(scratch: Path) -> list[Figure]:
    return asyncio.run(_measure(scratch))


async def _measure(scratch: Path) -> list[Figure]:
    async with serving(scratch / "host") as served:
        await _trips(served, WARM_UP)
        await served.trip("flooded")
        calm = await _trips(served, TRIPS)
        flood = asyncio.create_task(_flood(served))
        try:
            await _trips(served, WARM_UP)
            flooded = await _trips(served, TRIPS)
        finally:
            flood.cancel()
            await asyncio.wait([flood])
    return [Figure(Timings("round trip beside a flooded session", flooded), Timings("calm", calm), aim=1.5)]


async def _trips(served: Served, count: int) -> list[float]:
    seconds = []
    for _ in range(count):
        seconds.append(await served.trip())
        await asyncio.sleep(BETWEEN)
    return seconds


async def _flood(served: Served) -> None:
    """As fast as it may, with so many under way at most: what the host has not taken is held back by its platform."""
    clock = asyncio.get_running_loop().time
    began, sent = clock(), 0
    under_way = set[asyncio.Task[object]]()
    try:
        while True:
            while sent < (clock() - began) * FLOOD and len(under_way) < UNDER_WAY:
                task = asyncio.create_task(served.host.ingest(event(served.next(), "flooded")))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                sent += 1
            await asyncio.sleep(0.005)
    finally:
        await asyncio.gather(*under_way)
