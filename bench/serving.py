"""A host that serves an instant platform, with runners that are processes: what round trips are made on."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots, Capabilities, Delivery, Ingest, Receipt, Shown
from host.ports.events import Author, EventClass, InboundEvent
from host.runners.launch.base import Launcher
from host.runners.launch.process import ProcessLauncher
from sessiondb import Address, content

LONGEST = 120.0  # s of one trip
PLACE = Address("bench", "w", "c")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class BenchBot:
    """An instant platform that notes when `send` was called, and where."""

    channel_type = "bench"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.sent = 0
        self._at: defaultdict[str, asyncio.Queue[float]] = defaultdict(asyncio.Queue)

    async def said(self, channel: str) -> float:
        return await self._at[channel].get()

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        ready()
        await asyncio.Event().wait()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return [{"text": getattr(operation, "text", "")}]

    async def send(self, delivery: Delivery) -> Receipt:
        self.sent += 1
        self._at[delivery.address.platform_id].put_nowait(time.perf_counter())
        return Receipt(delivery.key)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        return None

    async def show(self, shown: Shown) -> None:
        return


class Served:
    """A host under way, and its platform."""

    def __init__(self, host: Host, bot: BenchBot) -> None:
        self.host = host
        self.bot = bot
        self._said = 0

    async def trip(self, channel: str = "c") -> float:
        """Seconds from the event to its answer's `send`; over when the answer's receipt is durable."""
        one = event(self.next(), channel)
        began = time.perf_counter()
        await self.host.ingest(one)
        async with asyncio.timeout(LONGEST):
            ended = await self.bot.said(channel)
            await self.host.settled(one.message_id)
        return ended - began

    def next(self) -> str:
        """A natural id that no event had."""
        self._said += 1
        return f"{now_ms()}-{self._said}"


@asynccontextmanager
async def serving(
    data: Path, launcher: Callable[[Config], Launcher] = lambda _: ProcessLauncher(), **settings: Any
) -> AsyncIterator[Served]:
    data.mkdir(parents=True, exist_ok=True)
    disk, bot = ThreadDisk(), BenchBot()
    config = Config.model_validate({"data": str(data), "access": {"unknown": "allow"}, **settings})
    host = Host(config, Bots({"bench": bot}), Parts(disk, launcher(config), now_ms))
    under_way = asyncio.create_task(host.serve())
    started = asyncio.create_task(host.started.wait())
    try:
        await asyncio.wait({under_way, started}, return_when=asyncio.FIRST_COMPLETED)
        if under_way.done():
            under_way.result()
        yield Served(host, bot)
    finally:
        started.cancel()
        host.stop()
        await under_way
        disk.close()


def event(natural_id: str, channel: str = "c") -> InboundEvent:
    return InboundEvent(
        event_class=EventClass.MESSAGE,
        address=Address("bench", "w", channel),
        natural_id=natural_id,
        author=Author("U1", "Ada"),
        at=now_ms(),
        text=f"message {natural_id}",
        platform_message_id=natural_id,
        privacy="dm",
    )
