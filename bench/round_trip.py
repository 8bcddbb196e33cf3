"""The warm round trip: event ingested → bot's send called, against its own commits done back to back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.figure import Figure, Timings
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.delivery import policy
from host.folders.disk import ThreadDisk
from host.intake import inbox
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Parcel
from host.ports.bot import Bots, Capabilities, Delivery, Ingest, Receipt, Shown
from host.ports.events import Author, EventClass, InboundEvent
from host.registry import sessions
from host.registry.db import open_host_db
from host.registry.notices import mint_key
from host.runners.launch.process import ProcessLauncher
from runner.inbound import InboundReader
from runner.outbound import Emitted, OutboundWriter
from sessiondb import Address, SessionFolder, Status, content
from sessiondb.connection import transaction

ROUNDS = 300
WARM_UP = 20
PLACE = Address("bench", "w", "c")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class BenchBot:
    """An instant platform that notes when `send` was called."""

    channel_type = "bench"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.sent: asyncio.Queue[float] = asyncio.Queue()

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        ready()
        await asyncio.Event().wait()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return [{"text": getattr(operation, "text", "")}]

    async def send(self, delivery: Delivery) -> Receipt:
        self.sent.put_nowait(time.perf_counter())
        return Receipt(delivery.key)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        return None

    async def show(self, shown: Shown) -> None:
        return


def measure(folder: Path) -> Figure:
    measured = Timings("warm round trip", asyncio.run(_round_trips(folder / "host")))
    floor = Timings("its commits back to back", _floor(folder / "floor"))
    return Figure(measured, floor, aim=2.0)


def event(number: int) -> InboundEvent:
    return InboundEvent(
        event_class=EventClass.MESSAGE,
        address=PLACE,
        natural_id=str(number),
        author=Author("U1", "Ada"),
        at=now_ms(),
        text=f"message {number}",
        platform_message_id=str(number),
        privacy="dm",
    )


async def _round_trips(data: Path) -> list[float]:
    bot = BenchBot()
    data.mkdir()
    disk = ThreadDisk()
    config = Config.model_validate({"data": str(data), "access": {"unknown": "allow"}})
    host = Host(config, Bots({"bench": bot}), Parts(disk, ProcessLauncher(), now_ms))
    serving = asyncio.create_task(host.serve())
    await host.started.wait()
    seconds = []
    for number in range(ROUNDS + WARM_UP):
        one = event(number)
        began = time.perf_counter()
        await host.ingest(one)
        async with asyncio.timeout(30):
            ended = await bot.sent.get()
            await host.settled(one.message_id)
        seconds.append(ended - began)
    host.stop()
    await serving
    disk.close()
    return seconds[WARM_UP:]


def _floor(data: Path) -> list[float]:
    """Inbox, inbound row, claim, reply with acknowledgement, intent: the same statements, nothing between them."""
    folder = SessionFolder(data / "session")
    folder.create()
    registry = open_host_db(data / "host.db")
    inbound = InboundWriter(folder.inbound_db, now_ms)
    with inbound.writing():
        inbound.set_value("incarnation", "floor")
    reader = InboundReader(folder.inbound_db)
    outbound = OutboundWriter(folder.outbound_db, reader, "floor", now_ms)
    seconds = []
    for number in range(ROUNDS + WARM_UP):
        one = event(number)
        began = time.perf_counter()
        with transaction(registry, data):
            id_ = sessions.upsert(registry, "default", PLACE, "scope", now_ms())
            inbox.add(registry, one, id_, PLACE, trigger=True, trusted=True, now=now_ms())
        with inbound.writing():
            inbound.insert(NewMessage(one.message_id, "chat", PLACE, content.Chat(one.text), one.at))
        [message] = inbound.pending()
        outbound.claim([message], f"turn-{number}")
        answer = Emitted(f"turn-{number}:final:0", content.Text(one.text), message.id)
        outbound.finish_turn(f"turn-{number}", [answer], [message.id], ())
        parcel = Parcel(answer.id, 0, number * 2 + 1, mint_key(), "pending", PLACE, "{}", message.id)
        with inbound.writing():
            inbound.put_parcels([policy.intended(parcel, now_ms())])
            inbound.settle(message.id, Status.COMPLETED)
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]
