"""Cold starts in containers: event ingested → bot's send called, against the engine's own part of it, in alternate rounds."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import docker

from bench.figure import Figure, Timings
from bench.round_trip import BenchBot, event, now_ms
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from host.runners.launch.docker import DockerLauncher
from sessiondb import Address

IMAGE = os.environ.get("IMAGE", "dovecote-runner:dev")
ROUNDS = 12
AT_ONCE = 50
WAYS = (2, 3, 4)  # starts at a time by which the engine's own peak is sought
PATIENCE = 120.0  # s


def measure(folder: Path) -> list[Figure]:
    """Needs an engine and `IMAGE`."""
    client = docker.from_env()
    try:
        return asyncio.run(_measure(folder / "starts", client))
    finally:
        client.close()


async def _measure(data: Path, client: docker.DockerClient) -> list[Figure]:
    data.mkdir()
    async with _served(data) as (host, bot):
        cold, lines = [], []
        for number in range(ROUNDS):
            lines.append(await asyncio.to_thread(_line, client))
            cold.append(await _replies(host, bot, [number]))
            await _alone(client, host)
        at_once = await _replies(host, bot, range(ROUNDS, ROUNDS + AT_ONCE)) / AT_ONCE
        await _alone(client, host)
    peak = [await asyncio.to_thread(_lines, client, ways) / AT_ONCE for ways in WAYS]
    return [
        Figure(
            Timings("cold start to first reply, Docker", cold),
            Timings("create+start of the image, a line", lines),
            aim=1.3,
        ),
        Figure(
            Timings(f"{AT_ONCE} cold sessions at once, each", [at_once]),
            Timings("the engine's own peak, each", [min(peak)]),
            aim=1 / 0.9,
        ),
    ]


@asynccontextmanager
async def _served(data: Path) -> AsyncIterator[tuple[Host, BenchBot]]:
    """A host whose runners end as soon as they have answered, so that none is beside the next start."""
    bot, disk = BenchBot(), ThreadDisk()
    runner = {"image": IMAGE, "idle_exit": 0.1, "stream_idle": 0.1}
    config = Config.model_validate({"data": str(data), "access": {"unknown": "allow"}, "runner": runner})
    host = Host(config, Bots({"bench": bot}), Parts(disk, DockerLauncher(config.runner), now_ms))
    serving = asyncio.create_task(host.serve())
    await host.started.wait()
    try:
        yield host, bot
    finally:
        host.stop()
        await serving
        disk.close()


async def _replies(host: Host, bot: BenchBot, numbers: range | list[int]) -> float:
    """Seconds until the last of several new conversations has its first reply."""
    began = ended = time.perf_counter()
    await asyncio.gather(
        *(host.ingest(replace(event(n), address=Address("bench", "w", f"c{n}"))) for n in numbers)
    )
    async with asyncio.timeout(PATIENCE):
        for _ in numbers:
            ended = max(ended, await bot.sent.get())
    return ended - began


async def _alone(client: docker.DockerClient, host: Host) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(client.api.containers, all=True, filters={"ancestor": IMAGE}):  # noqa: ASYNC110 - the engine tells of no end
            await asyncio.sleep(0.05)


def _line(client: docker.DockerClient) -> float:
    """Seconds until a container of the same image has printed a line. The image's shell tools do it, not its Python."""
    began = time.perf_counter()
    made = client.containers.create(IMAGE, entrypoint=["/bin/echo"], command=["up"], network_mode="none")
    said = made.attach(stream=True, stdout=True, logs=False)
    made.start()
    next(iter(said))
    took = time.perf_counter() - began
    made.remove(force=True)
    return took


def _lines(client: docker.DockerClient, ways: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(ways) as pool:
        list(pool.map(lambda _: _line(client), range(AT_ONCE)))
    return time.perf_counter() - began
