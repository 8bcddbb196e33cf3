"""Events of 25 channels, each durable before its platform is acknowledged, against single commits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import commits
from bench.figure import Figure, Timings, rates
from bench.serving import Served, event, serving

CHANNELS, EACH = 25, 40
COMMITS = 200


def measure(scratch: Path) -> list[Figure]:
    floor = commits.singles(scratch / "before", COMMITS)
    rate = asyncio.run(_measure(scratch))
    floor += commits.singles(scratch / "after", COMMITS)
    measured = Timings(f"ingest of {CHANNELS} channels", [rate], "/s")
    return [Figure(measured, rates("E", floor), aim=2.0, at_least=True)]


async def _measure(scratch: Path) -> float:
    """Nothing wakes a runner: what is measured is the way in."""
    async with serving(scratch / "host", runner={"concurrent": 1}) as served:
        await asyncio.gather(*(_say(served, number, 1) for number in range(CHANNELS)))
        began = time.perf_counter()
        await asyncio.gather(*(_say(served, number, EACH) for number in range(CHANNELS)))
        return CHANNELS * EACH / (time.perf_counter() - began)


async def _say(served: Served, number: int, count: int) -> None:
    """One after the other, as a channel is told."""
    for _ in range(count):
        await served.host.ingest(event(served.next(), f"c{number}"))
