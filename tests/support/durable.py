"""A host in a process of its own, on a platform of two files that outlive it: what people wrote, and what was posted.

With an image its runners live in containers. People's messages are lines of DATA/people.jsonl (channel, id, text), posts are
lines of DATA/posts.jsonl (key, channel, text), and DATA/live.jsonl says which live messages were opened and removed. Every line
of people.jsonl is offered to the host again at each start. `tests.support.clocks` has the clock of all processes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from host.app import Host
from host.assembly import Parts
from host.delivery import attempts, policy
from host.folders.disk import ThreadDisk
from host.live import policy as live_policy
from host.ports.bot import Bots, Capabilities, Delivery, Ingest, Live, Receipt, Shown
from host.ports.events import Author, EventClass, InboundEvent
from host.runners.launch.docker import DockerLauncher
from sessiondb import Address, content
from tests.support import clocks, hosting
from tests.support.forking import ForkedLauncher


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a file that may be growing."""
    if path.exists():
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield json.loads(line)


def append(path: Path, **fields: Any) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, json.dumps(fields).encode() + b"\n")
    finally:
        os.close(fd)


class DurableBot:
    channel_type = "durable"
    capabilities = Capabilities(lookup=True, flight=0.0)

    def __init__(self, data: Path) -> None:
        self._people = data / "people.jsonl"
        self._posts = data / "posts.jsonl"
        self._live = data / "live.jsonl"

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        ready()
        offered = await asyncio.to_thread(self._first)
        while True:
            found = list(await asyncio.to_thread(lambda: list(lines(self._people))))
            for number, said in enumerate(found[offered:], offered):
                await host.ingest(self.event(number, said))
                await asyncio.to_thread(self._taken_in, number)
            offered = max(offered, len(found))
            await asyncio.sleep(0.05)

    def _first(self) -> int:
        """The line with which a start begins."""
        return 0

    def _taken_in(self, number: int) -> None:
        """The platform is told so."""

    def event(self, number: int, said: dict[str, Any]) -> InboundEvent:
        """The line of that number in people.jsonl."""
        return InboundEvent(
            event_class=EventClass.MESSAGE,
            address=Address("durable", "w", said["channel"]),
            natural_id=said["id"],
            author=Author(f"U-{said['channel']}", "Ada"),
            at=1_700_000_000_000 + number,
            text=said["text"],
            platform_message_id=said["id"],
            privacy="dm",
        )

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return [{"text": getattr(operation, "text", "")}]

    async def send(self, delivery: Delivery) -> Receipt:
        fields = {
            "key": delivery.key,
            "channel": delivery.address.platform_id,
            "text": delivery.payload["text"],
        }
        await asyncio.to_thread(append, self._posts, **fields)
        return Receipt(f"p-{delivery.key}")

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        found = await asyncio.to_thread(lambda: [post["key"] for post in lines(self._posts)])
        return Receipt(f"p-{delivery.key}") if delivery.key in found else None

    async def show(self, shown: Shown) -> None:
        return

    async def open_live(self, live: Live) -> Receipt:
        await asyncio.to_thread(
            append, self._live, key=live.key, channel=live.address.platform_id, change="opened"
        )
        return Receipt(live.key)

    async def find_live(self, live: Live) -> Receipt | None:
        found = await asyncio.to_thread(lambda: [change["key"] for change in lines(self._live)])
        return Receipt(live.key) if live.key in found else None

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        return

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        await asyncio.to_thread(
            append, self._live, key=live.key, channel=live.address.platform_id, change="removed"
        )


async def serve(data: Path, retry_backoff: int, image: str) -> None:
    policy.GRACE = 200  # the platform answers at once here
    attempts.RETRY_BACKOFF = retry_backoff
    live_policy.OPEN_AFTER = 0.1  # turns are short here
    runner = {"launcher": "docker", "image": image} if image else {}
    config = hosting.config(data, host={"sweep_every": 0.5}, runner=runner)
    bot = DurableBot(data)
    launcher = DockerLauncher(config.runner) if image else ForkedLauncher(clocks.__name__)
    parts = Parts(ThreadDisk(), launcher, clocks.clock_of(data))
    host = Host(config, Bots({bot.channel_type: bot}), parts)
    await host.serve()
