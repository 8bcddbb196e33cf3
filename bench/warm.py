"""The first reply of a conversation whose runner was warm before it began, against the next one's, which finds it at work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.figure import Figure, Timings
from bench.serving import serving
from host.runners.launch.process import ProcessLauncher

KEPT = 2
ROUNDS = 20
PATIENCE = 60.0  # s that the next runners get to become warm
IMPORTS = 1.5  # s in which those that were begun have certainly done theirs


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measure(folder / "warm"))


async def _measure(data: Path) -> list[Figure]:
    launcher, first, later = ProcessLauncher(warm=KEPT), list[float](), list[float]()
    async with serving(data, lambda _: launcher) as served:
        for number in range(KEPT + 1):  # a first conversation alone has none warmed
            await served.trip(f"before-{number}")
        for number in range(ROUNDS):
            await _are_warm(launcher)
            first.append(await served.trip(f"c{number}"))
            later.append(await served.trip(f"c{number}"))
    return [Figure(Timings("first reply of a warm runner", first), Timings("its next reply", later), aim=5.0)]


async def _are_warm(launcher: ProcessLauncher) -> None:
    async with asyncio.timeout(PATIENCE):
        while launcher.pool.waiting < KEPT:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    await asyncio.sleep(IMPORTS)
