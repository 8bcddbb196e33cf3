"""Hosts in processes of their own that share a database and a platform, each with a data folder of its own.

The platform is that of `durable`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from host.app import Host
from host.assembly import Parts
from host.delivery import attempts, policy
from host.folders import share
from host.folders.disk import ThreadDisk
from host.live import policy as live_policy
from host.ports.bot import Bots
from host.registry import placing
from host.runners.launch.process import ProcessLauncher
from host.upkeep import giving_back, misplaced, packing
from tests.support import clocks, forking, hosting
from tests.support.durable import DurableBot, append, lines

DEADLINE = 120  # s a test waits for something to happen
LOOK = 0.05  # s between two looks at a file that another process writes
HOUR = 3_600_000  # ms


Serve: TypeAlias = Callable[[Path, Path, str], Coroutine[Any, Any, None]]


class Node:
    """One host's process, by a module's function that takes the platform, the data folder and the database."""

    def __init__(self, platform: Path, data: Path, url: str, serve: Serve) -> None:
        self.data = data
        self._serve = serve
        self._given = platform, data, url
        self.process: asyncio.subprocess.Process | None = None

    def lay(self) -> None:
        """Its data folder."""
        self.data.mkdir(exist_ok=True)

    def start(self) -> None:
        self.lay()
        self.process = forking.serving(self._serve, *self._given, said=self.data / "host.log")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        await self.ended()

    def log(self) -> str:
        return (self.data / "host.log").read_text()

    def runners(self) -> list[int]:
        mark = f"DOVECOTE_SESSION_DIR={self.data}/".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


class Sharing:
    """A platform that outlives them."""

    def __init__(self, folder: Path, url: str, serve: Serve) -> None:
        self.platform = folder / "platform"
        self.platform.mkdir()
        self.ada, self.bob = (Node(self.platform, folder / name, url, serve) for name in ("ada", "bob"))
        self.shared = folder / "shared"  # the workspaces of both, as on a share
        self.shared.mkdir()
        (self.shared / share.MARK).touch()
        self._said = 0

    def say(self, channel: str, text: str) -> None:
        self._said += 1
        append(self.platform / "people.jsonl", channel=channel, id=f"n{self._said}", text=text)

    def posts(self, channel: str) -> list[str]:
        """Without what hosts say of themselves."""
        found = [str(p["text"]) for p in lines(self.platform / "posts.jsonl") if p["channel"] == channel]
        return [text for text in found if not text.startswith("⚠️")]

    def warnings(self, channel: str) -> list[str]:
        found = [str(p["text"]) for p in lines(self.platform / "posts.jsonl") if p["channel"] == channel]
        return [text for text in found if text.startswith("⚠️")]

    def written(self) -> list[str]:
        """By agents' tools, into the one file of the workspace that all nodes share."""
        return [line for path in self.shared.rglob("written") for line in path.read_text().splitlines()]

    def holding(self, word: bytes) -> list[str]:
        """Files of conversations, of both nodes, that have it."""
        files = [path for node in (self.ada, self.bob) for path in (node.data / "sessions").rglob("*.db*")]
        return [str(path) for path in files if path.is_file() and word in path.read_bytes()]

    def twice(self) -> list[str]:
        counted = Counter(str(post["key"]) for post in lines(self.platform / "posts.jsonl"))
        return [key for key, times in counted.items() if times > 1]

    def at_work(self, count: int) -> bool:
        """Whether so many turns have begun to show themselves."""
        shown = [one for one in lines(self.platform / "live.jsonl") if one["change"] == "opened"]
        return len(shown) >= count

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not await asyncio.to_thread(true):  # noqa: ASYNC110 - another process's files
                await asyncio.sleep(LOOK)


@asynccontextmanager
async def sharing(folder: Path, url: str, *, mounted: bool = True) -> AsyncIterator[Sharing]:
    """Ada serves; Bob stands by, and his clock is an hour ahead. `mounted`: a share is where both keep workspaces."""
    both = Sharing(folder, url, _serve if mounted else _serve_apart)
    async with _started(both):
        await both.until(lambda: "Standing by" in both.bob.log())
        yield both


@asynccontextmanager
async def serving_both(
    folder: Path, url: str, before: Callable[[Sharing], Coroutine[Any, Any, None]] | None = None
) -> AsyncIterator[Sharing]:
    """Ada and Bob serve at a time; his clock is an hour ahead. Ada has C0. In G0 and G1 an agent answers that needs what Bob has.
    `before` is awaited while she serves alone."""
    both = Sharing(folder, url, _serve_together)
    async with _started(both, before):
        await both.until(lambda: "Duplicate" in both.bob.log())
        yield both


@asynccontextmanager
async def serving_restless(folder: Path, url: str) -> AsyncIterator[Sharing]:
    """As `serving_both`, of nodes that give back at once what is at rest."""
    both = Sharing(folder, url, _serve_restless)
    async with _started(both):
        await both.until(lambda: "Duplicate" in both.bob.log())
        yield both


@asynccontextmanager
async def _started(
    both: Sharing, before: Callable[[Sharing], Coroutine[Any, Any, None]] | None = None
) -> AsyncIterator[None]:
    both.bob.lay()
    clocks.set_clock(both.bob.data, HOUR)
    try:
        both.ada.start()
        both.say("C0", "hello")
        await both.until(lambda: both.posts("C0") == ["hello"])
        if before is not None:
            await before(both)
        both.bob.start()
        yield
    finally:
        for node in (both.ada, both.bob):
            if node.process is not None and node.process.returncode is None:
                await node.kill()
            for pid in node.runners():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def _serve(platform: Path, data: Path, url: str) -> None:
    if not (data / "workspaces").exists():  # what both have, of which neither is told
        (data / "workspaces").symlink_to(data.parent / "shared")
    await _serve_by(platform, data, database=url)


async def _serve_apart(platform: Path, data: Path, url: str) -> None:
    await _serve_by(platform, data, database=url)


async def _serve_together(platform: Path, data: Path, url: str) -> None:
    labels = ["gpu"] if data.name == "bob" else []
    await _serve_by(platform, data, database=url, workspaces=str(data.parent / "shared"), labels=labels)


async def _serve_restless(platform: Path, data: Path, url: str) -> None:
    giving_back.IDLE, giving_back.EVERY = 100, 0.2
    placing.SLACK = 0  # half as many more are much
    runner = {"idle_exit": 0.5, "stream_idle": 0.3, "warm": 0}
    await _serve_by(
        platform, data, runner=runner, database=url, workspaces=str(data.parent / "shared"), labels=[]
    )


async def _serve_by(platform: Path, data: Path, runner: dict[str, Any] | None = None, **cluster: Any) -> None:
    logging.basicConfig(level=logging.INFO)
    policy.GRACE = 200  # the platform answers at once here
    attempts.RETRY_BACKOFF = 100
    live_policy.OPEN_AFTER = 0.1  # turns are short here
    misplaced.TOLD_AFTER = 0.5
    packing.EVERY, packing.WHILE_WRITTEN, packing.SHARE = 0.2, 0.5, 0  # and people write soon again
    from host.registry import leases  # an extra's, where there is one

    leases.LEASE, leases.GRACE, leases.BEAT = 3.0, 0.5, 0.3
    config = hosting.config(
        data,
        host={"sweep_every": 0.5},
        runner=runner or {},
        cluster=cluster,
        agents={"default": {"options": {"tools": ["bash"]}}, "painter": {"needs": ["gpu"]}},
        routes=[{"channel": "G0", "agent": "painter"}, {"channel": "G1", "agent": "painter"}, {}],
    )
    bot = DurableBot(platform)
    parts = Parts(ThreadDisk(), ProcessLauncher(clocks.__name__), clocks.clock_of(data))
    await Host(config, Bots({bot.channel_type: bot}), parts).serve()
