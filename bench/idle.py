"""What waiting costs: the host with fifty runners that have nothing to do, one such runner, and a look that no bell hastens."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.figure import Figure, Timings, one
from bench.serving import Served, serving

RUNNERS = 50
SETTLES = 125.0  # s until every pause between two looks has grown to its longest: those of the quota take 5, 20 and 80
WINDOW = 10.0  # s
WINDOWS = 3
TRIPS = 40
SILENCE = 1.0  # s before each trip

CORE = one("%")


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    figures = []
    for bells, aim in ((True, 0.1), (False, 1.0)):
        told = f"bells {'on' if bells else 'off'}"
        runner, host = {"concurrent": RUNNERS}, {"bells": bells}
        async with serving(folder / told.replace(" ", "-"), runner=runner, host=host) as served:
            for number in range(RUNNERS):
                await served.trip(f"c{number}")
            await asyncio.sleep(SETTLES)
            spent, runners = await _spent()
            figures.append(Figure(_share(f"host beside {RUNNERS} idle runners, {told}", spent), CORE, aim))
            each = [share / RUNNERS for share in runners]
            figures.append(Figure(_share(f"one idle runner, {told}", each), CORE, 0.1))
            if not bells:
                figures += await _after_silence(served)
    return figures


async def _after_silence(served: Served) -> list[Figure]:
    seconds = []
    for number in range(TRIPS):
        await asyncio.sleep(SILENCE)
        seconds.append(await served.trip(f"c{number % RUNNERS}"))
    name = "round trip without bells, after silence"
    return [
        Figure(Timings(name, seconds), one("ms"), aim=60),
        Figure(Timings(f"{name}, p99", seconds), one("ms"), aim=250, of_p99=True),
    ]


def _share(name: str, of_a_core: list[float]) -> Timings:
    return Timings(name, [share * 100 for share in of_a_core], "%")


async def _spent() -> tuple[list[float], list[float]]:
    """Seconds of processor per second, window by window: this process's own, and its runners' together."""
    host, runners = [], []
    for _ in range(WINDOWS):
        theirs = _of_children()  # which takes some milliseconds itself, and they are no host's
        began, mine = time.perf_counter(), time.process_time()
        await asyncio.sleep(WINDOW)
        took = time.perf_counter() - began
        host.append((time.process_time() - mine) / took)
        runners.append((_of_children() - theirs) / took)
    return host, runners


def _of_children() -> float:
    """As the scheduler counts, finer than a tick."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            for thread in Path(f"/proc/{pid}/task").iterdir():
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9
