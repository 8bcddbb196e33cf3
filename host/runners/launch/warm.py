"""Runners that are warm before a session needs them: how many, of which kind, and how one gets its session.

A warm runner has imported what its kind needs and holds nothing of anybody: no session, no folder, no setting. It is handed one
session, once, and is that session's runner from then on. Its end of a pair of sockets ties it to this host: the kernel closes
the other when the host dies, and it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from host.ports import figures

log = logging.getLogger(__name__)

DEMAND = 300.0  # s for which a start counts as a sign of more to come
REST = 0.5  # s after a start before another is warmed: the one that was started has work to do
LOOK_EVERY = 10.0  # s between two looks at demand and memory
LEAST_FREE = 0.1  # of the machine's memory; with less none is kept
HAND_OVER = 5.0  # s that a warm runner gets to take its session


class Kind(NamedTuple):
    """What a warm runner is for. The limits, the user and the network of all processes are the same."""

    installation: str
    provider: str
    node: str = ""


class Warm:
    """One that waits. `line` is this end of the pair."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.process = process
        self._line = line

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def hand_over(self, environment: Mapping[str, str], folder: Path, output: int) -> None:
        """Blocks until the line is in the pipe. Raises `OSError`; then it is to be ended before anybody else gets the session."""
        told = json.dumps({"environment": dict(environment), "folder": str(folder)}).encode() + b"\n"
        with self._line as line:
            line.settimeout(HAND_OVER)
            sent = socket.send_fds(line, [told], [output])
            line.sendall(told[sent:])

    async def end(self) -> None:
        """Returns when its end is confirmed."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class Pool:
    def __init__(
        self,
        most: int,
        make: Callable[[Kind], Awaitable[Warm]],
        *,
        roomy: Callable[[], bool] | None = None,
        rest: float = REST,
    ) -> None:
        """`most` of one kind are kept; `roomy` says whether there is memory for any."""
        self._most = most
        self._make = make
        self._roomy = roomy or has_room
        self._rest = rest
        self._ready: dict[Kind, deque[Warm]] = defaultdict(deque)
        self._starts: dict[Kind, deque[float]] = defaultdict(lambda: deque(maxlen=most + 1))
        self._asked = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None

    def ready(self, kind: Kind) -> int:
        return sum(one.alive for one in self._ready[kind])

    @property
    def waiting(self) -> int:
        """Of all kinds."""
        return sum(map(self.ready, list(self._ready)))

    def take(self, kind: Kind) -> Warm | None:
        """The one that waits longest, which is nobody else's from now on; None when there is none. Counts as demand."""
        self._starts[kind].append(time.monotonic())
        self._asked.set()
        if self._most > 0 and self._tending is None:
            self._tending = asyncio.create_task(self._tend(), name="warm")
        waiting = self._ready[kind]
        found = None
        while waiting and found is None:
            found = one if (one := waiting.popleft()).alive else None
        figures.WARM.set(self.waiting)
        return found

    async def close(self) -> None:
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        for kind in list(self._ready):
            await self._trim(kind, 0)
        figures.WARM.set(0)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(self._rest)
            self._asked.clear()
            try:
                await self._match()
            except OSError as error:
                log.warning("No runner could be warmed: %s", error, extra={"action": "not_warmed"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._asked.wait()

    async def _match(self) -> None:
        """As many as are wanted, one after another. Memory pressure empties the pool before anything else suffers."""
        for kind in list(self._starts):
            target = wanted(self._starts[kind], time.monotonic(), self._most) if self._roomy() else 0
            await self._trim(kind, target)
            # Whoever was started meanwhile goes first: what is warmed takes from its processor.
            while len(self._ready[kind]) < target and not self._asked.is_set():
                self._ready[kind].append(await self._make(kind))
        figures.WARM.set(self.waiting)

    async def _trim(self, kind: Kind, most: int) -> None:
        waiting = self._ready[kind]
        for dead in [one for one in waiting if not one.alive]:
            waiting.remove(dead)
            await dead.end()
        while len(waiting) > most:
            await waiting.pop().end()


def wanted(starts: Iterable[float], now: float, most: int) -> int:
    """How many are kept: one for each start of late but the first, for one conversation alone needs no other. Pure."""
    return max(0, min(most, sum(now - start < DEMAND for start in starts) - 1))


def has_room() -> bool:
    """Whether the machine has memory for runners that nobody uses yet."""
    try:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(told["MemAvailable"].split()[0]) >= LEAST_FREE * int(told["MemTotal"].split()[0])
    except (OSError, KeyError, ValueError):
        return True  # another system, which says it otherwise
