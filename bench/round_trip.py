"""The warm round trip: event ingested → bot's send called, against its own commits; and what the host's CPU does for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import commits
from bench.figure import Figure, Timings, one
from bench.serving import serving

TRIPS, WARM_UP = 150, 15
AT_ONCE = 15  # trips, then as many floors


def measure(scratch: Path) -> list[Figure]:
    return asyncio.run(_measure(scratch))


async def _measure(scratch: Path) -> list[Figure]:
    floor = commits.prepared(scratch / "floor")
    trips, floors, cpu = list[float](), list[float](), list[float]()
    async with serving(scratch / "host") as served:
        for _ in range(WARM_UP):
            await served.trip()
            floor()
        while len(trips) < TRIPS:
            began = time.process_time()
            trips += [await served.trip() for _ in range(AT_ONCE)]
            cpu.append((time.process_time() - began) / AT_ONCE)
            floors += [floor() for _ in range(AT_ONCE)]
    ground = Timings("its own commits", floors)
    return [
        Figure(Timings("warm round trip", trips), ground, aim=1.35),
        Figure(Timings("warm round trip, p99", trips), ground, aim=2.0, of_p99=True),
        Figure(Timings("host CPU of a round trip", cpu), one("ms"), aim=1.2),
    ]
