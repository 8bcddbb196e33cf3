"""What waiting costs: the host with fifty runners that have nothing to do, one such runner, and a look that no bell hastens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure, Timings
from bench.round_trip import BenchBot, event, now_ms
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from host.runners.launch.process import ProcessLauncher
from sessiondb import Address

RUNNERS = 50
SETTLES = 5.0  # s until every pause between two looks has grown to its longest
WINDOW = 10.0  # s
WINDOWS = 3
TRIPS = 40
SILENCE = 1.0  # s before each trip
LATE = 0.06  # s that an answer may take after a silence where no bell rings

CORE = Timings("one core", [1.0])


def measure(folder: Path) -> list[Figure]:
    """Shares of a core are given as milliseconds of a second's."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    figures = []
    for bells, aim in ((True, 0.001), (False, 0.01)):
        told = f"bells {'on' if bells else 'off'}"
        async with _served(folder / told.replace(" ", "-"), bells=bells) as (host, bot):
            for number in range(RUNNERS):
                await _trip(host, bot, number, number)
            await asyncio.sleep(SETTLES)
            spent, runners = await _spent()
            figures.append(Figure(Timings(f"host beside {RUNNERS} idle runners, {told}", spent), CORE, aim))
            each = [share / RUNNERS for share in runners]
            figures.append(Figure(Timings(f"one idle runner, {told}", each), CORE, 0.001))
            if not bells:
                figures.append(await _after_silence(host, bot))
    return figures


async def _after_silence(host: Host, bot: BenchBot) -> Figure:
    seconds = []
    for number in range(TRIPS):
        await asyncio.sleep(SILENCE)
        seconds.append(await _trip(host, bot, number % RUNNERS, RUNNERS + number))
    return Figure(Timings("bells off, after a silence", seconds), Timings("60 ms", [LATE]), 1.0)


async def _spent() -> tuple[list[float], list[float]]:
    """Seconds of processor per second, window by window: this process's own, and its runners' together."""
    host, runners = [], []
    for _ in range(WINDOWS):
        began, mine, theirs = time.perf_counter(), time.process_time(), _of_children()
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


@asynccontextmanager
async def _served(data: Path, *, bells: bool) -> AsyncIterator[tuple[Host, BenchBot]]:
    data.mkdir(parents=True)
    bot, disk = BenchBot(), ThreadDisk()
    told = {"data": str(data), "access": {"unknown": "allow"}, "host": {"bells": bells}}
    config = Config.model_validate({**told, "runner": {"concurrent": RUNNERS}})
    host = Host(config, Bots({"bench": bot}), Parts(disk, ProcessLauncher(), now_ms))
    serving = asyncio.create_task(host.serve())
    await host.started.wait()
    try:
        yield host, bot
    finally:
        host.stop()
        await serving
        disk.close()


async def _trip(host: Host, bot: BenchBot, place: int, number: int) -> float:
    """Seconds from the event to its answer, in the conversation `place`."""
    one = replace(event(number), address=Address("bench", "w", f"c{place}"))
    began = time.perf_counter()
    await host.ingest(one)
    async with asyncio.timeout(60):
        ended = await bot.sent.get()
        await host.settled(one.message_id)
    return ended - began
