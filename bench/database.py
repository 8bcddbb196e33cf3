"""What a round trip and a node that does nothing cost the PostgreSQL that nodes share: a hundred are counted on paper by it.

The server's own numbers: its processes' time, transactions that wrote something, bytes of its log. The second of two nodes
serves without anything to do, as most of a hundred do with regard to one message.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from bench.figure import Figure, Timings, one
from bench.million import has_postgresql
from bench.nodes import up
from host.folders import share
from tests.support.postgres import Server

NODES = 2
CHANNELS = [f"c{number}" for number in range(24)]
TRIPS = 20  # of each channel
AT_REST = 20.0  # s
SETTLED = (
    1.5  # s after which a backend has told what it committed, by PostgreSQL's documentation of its statistics
)
KIB = 1024


class Used(NamedTuple):
    seconds: float
    processor: float  # s
    commits: float
    log: float  # bytes

    def less(self, other: Used) -> Used:
        return Used(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def each(self, count: float) -> Used:
        return Used(*(value / count for value in self))


def measure(scratch: Path) -> list[Figure]:
    if not has_postgresql():
        return []
    return asyncio.run(_measure(scratch))


async def _measure(folder: Path) -> list[Figure]:
    (folder / "shared").mkdir(parents=True)
    (folder / "shared" / share.MARK).touch()
    async with up(folder, NODES) as (server, url, [worker, _]):
        await worker.told("talk", CHANNELS, 1)
        rest = await _used(server, url, lambda: asyncio.sleep(AT_REST))
        figures = _of("a node at rest, a second", rest.each(rest.seconds * NODES), aims=(5, 4, 1))
        talk = functools.partial(worker.told, "talk", CHANNELS, TRIPS)
        used = await _used(server, url, talk)
        own = used.less(rest.each(rest.seconds / used.seconds))
        return figures + _of("a round trip", own.each(len(CHANNELS) * TRIPS), aims=(5, 6, 20))


def _of(said: str, used: Used, aims: tuple[float, float, float]) -> list[Figure]:
    time_, commits, log = aims
    return [
        Figure(Timings(f"PostgreSQL's processor time: {said}", [used.processor]), one("ms"), aim=time_),
        Figure(
            Timings(f"PostgreSQL's commits: {said}", [used.commits], "commit"), one("commit"), aim=commits
        ),
        Figure(Timings(f"PostgreSQL's log: {said}", [used.log / KIB], "KiB"), one("KiB"), aim=log),
    ]


async def _used(server: Server, url: str, work: Callable[[], Awaitable[None]]) -> Used:
    before = await _now(server, url)
    await work()
    after = await _now(server, url)
    return after.less(before)


async def _now(server: Server, url: str) -> Used:
    await asyncio.sleep(SETTLED)
    written = (
        "SELECT pg_snapshot_xmax(pg_current_snapshot())"  # a number for each that writes, none for others
    )
    return Used(
        time.perf_counter(),
        server.processor(),
        float(server.says(url, written)),
        float(server.says(url, "SELECT pg_current_wal_insert_lsn() - '0/0'")),
    )
