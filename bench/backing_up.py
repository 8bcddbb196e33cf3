"""Round trips while a backup is made by another process, again and again: none may wait longer for it than a second."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.figure import Figure, Timings
from bench.serving import Served, serving

TRIPS, WARM_UP = 60, 5
WORK = 200_000_000  # bytes in the conversation's folder, so that a backup takes a while
_MAKE = """\
import sys; from pathlib import Path; from host.upkeep.backups.making import make
while True:
    with open(sys.argv[2], "wb") as to: make(Path(sys.argv[1]), to, lambda _: None)
    print("made", flush=True)
"""


def measure(scratch: Path) -> list[Figure]:
    return asyncio.run(_measure(scratch))


async def _measure(scratch: Path) -> list[Figure]:
    data = scratch / "host"
    async with serving(data) as served:
        await _trips(served, WARM_UP)
        [work] = data.glob("sessions/*/work")
        (work / "large").write_bytes(bytes(range(256)) * (WORK // 256))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAKE, str(data), str(scratch / "backup"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            await process.stdout.readline()  # the first one warmed it up
            seconds = await _trips(served, TRIPS)
        finally:
            process.kill()
            await process.wait()
    waits = Timings("slowest round trip while a backup is made", seconds)
    return [Figure(waits, Timings("a second", [1.0]), aim=1.0, of_p99=True)]


async def _trips(served: Served, count: int) -> list[float]:
    return [await served.trip() for _ in range(count)]
