"""Forty sessions that each say the next word when they are answered: trips a second, against a trip's commits in one process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import commits
from bench.figure import Figure, Timings, rates
from bench.serving import LONGEST, Served, event, serving

SESSIONS = 40
WARM_UP, TRIPS = 1, 10  # of each session
FLOORS = 150


def measure(scratch: Path) -> list[Figure]:
    floor = commits.prepared(scratch / "floor")
    floors = [floor() for _ in range(FLOORS)]
    took = asyncio.run(_measure(scratch))
    floors += [floor() for _ in range(FLOORS)]
    mean = sum(floors) / len(floors)  # what is done in a second is bound by the mean, not by the median
    return [
        Figure(
            Timings(f"closed loop of {SESSIONS} sessions", [SESSIONS * TRIPS / took], "/s"),
            rates("a trip's commits in one process", [mean]),
            aim=1.5,
            at_least=True,
        )
    ]


async def _measure(scratch: Path) -> float:
    runner = {"concurrent": SESSIONS, "concurrent_starts": 4}
    async with serving(scratch / "host", runner=runner) as served:
        channels = [f"c{number}" for number in range(SESSIONS)]
        await asyncio.gather(*(_talk(served, channel, WARM_UP) for channel in channels))
        began = time.perf_counter()
        await asyncio.gather(*(_talk(served, channel, TRIPS) for channel in channels))
        return time.perf_counter() - began


async def _talk(served: Served, channel: str, trips: int) -> None:
    for _ in range(trips):
        await served.host.ingest(event(served.next(), channel))
        async with asyncio.timeout(LONGEST):
            await served.bot.said(channel)
