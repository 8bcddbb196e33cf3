"""What 2 and 4 nodes on one machine take in, answer and deliver a second, against one node; all on one PostgreSQL beside them.

Each node is a process with channels of its own. Nothing here is more than one machine: what is seen is what sharing costs, and
how much of two cores one host leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.figure import Figure, Timings
from bench.million import has_postgresql
from host.folders import share
from tests.support import postgres
from tests.support.postgres import Server

COUNTS = (1, 2, 4)
WORK = {"ingest": (24, 40), "talk": (24, 6), "deliver": (96, 20)}  # channels in all, and of each how much
SAID = {"ingest": "events taken in", "talk": "round trips", "deliver": "rows delivered"}
AIM = 0.9  # of one node's
DEADLINE = 120.0  # s


class Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def told(self, *order: object) -> None:
        """Until it is done."""
        if order:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a node ended")


def measure(scratch: Path) -> list[Figure]:
    if not has_postgresql():
        return []
    rates = {count: asyncio.run(_measured(scratch / str(count), count)) for count in COUNTS}
    return [
        Figure(
            Timings(f"{SAID[what]} a second by {count} nodes", [rates[count][what]], "/s"),
            Timings("by one", [rates[1][what]], "/s"),
            aim=AIM,
            at_least=True,
        )
        for what in WORK
        for count in COUNTS[1:]
    ]


async def _measured(folder: Path, count: int) -> dict[str, float]:
    (folder / "shared").mkdir(parents=True)
    (folder / "shared" / share.MARK).touch()
    async with up(folder, count) as (_, _, workers):
        return {what: await _rate(workers, what) for what in WORK}


async def _rate(workers: Sequence[Worker], what: str) -> float:
    channels, each = WORK[what]
    shares = [
        [f"{what}{number}" for number in range(at, channels, len(workers))] for at in range(len(workers))
    ]
    first = each if what == "deliver" else 1  # for what is warm, and for what is there to be delivered
    await asyncio.gather(*(one.told(what, mine, first) for one, mine in zip(workers, shares, strict=True)))
    began = time.perf_counter()
    await asyncio.gather(*(one.told(what, mine, each) for one, mine in zip(workers, shares, strict=True)))
    return channels * each / (time.perf_counter() - began)


def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()


@asynccontextmanager
async def up(folder: Path, count: int) -> AsyncIterator[tuple[Server, str, Sequence[Worker]]]:
    """With the server that they share, and the address of their database."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres.server())
        url = server.database()
        workers = []
        for number in range(count):
            call = ("-m", "bench.node", str(folder / f"node{number}"), url, str(folder / "shared"))
            process = await asyncio.create_subprocess_exec(
                sys.executable, *call, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            stack.push_async_callback(process.wait)
            stack.callback(_end, process)
            workers.append(Worker(process))
        for one in workers:
            await one.told()
        yield server, url, workers
