"""Cold starts in containers: event ingested → bot's send called, against the engine's own part of it, in alternate rounds."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker

from bench.figure import Figure, Timings, rates
from bench.serving import Served, event, serving
from host.runners.launch.docker import DockerLauncher

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
    """Runners end as soon as they have answered, so that none is beside the next start."""
    runner = {"image": IMAGE, "idle_exit": 0.1, "stream_idle": 0.1}
    async with serving(data, lambda config: DockerLauncher(config.runner), runner=runner) as served:
        cold, lines = [], []
        for number in range(ROUNDS):
            lines.append(await asyncio.to_thread(_line, client))
            cold.append(await _replies(served, [number]))
            await _alone(client)
        at_once = await _replies(served, range(ROUNDS, ROUNDS + AT_ONCE)) / AT_ONCE
        await _alone(client)
    peak = [await asyncio.to_thread(_lines, client, ways) / AT_ONCE for ways in WAYS]
    return [
        Figure(
            Timings("cold start to first reply, Docker", cold),
            Timings("create+start of the image, a line", lines),
            aim=1.3,
        ),
        Figure(
            rates(f"{AT_ONCE} cold sessions at once, Docker", [at_once]),
            rates("the engine's own peak", [min(peak)]),
            aim=0.9,
            at_least=True,
        ),
    ]


async def _replies(served: Served, numbers: range | list[int]) -> float:
    """Seconds until the last of several new conversations has its first reply."""
    channels = [f"c{number}" for number in numbers]
    began = time.perf_counter()
    await asyncio.gather(*(served.host.ingest(event(served.next(), channel)) for channel in channels))
    async with asyncio.timeout(PATIENCE):
        return max([await served.bot.said(channel) for channel in channels]) - began


async def _alone(client: docker.DockerClient) -> None:
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
