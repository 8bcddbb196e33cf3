"""One of several nodes that serve at a time (`nodes`): `python -m bench.node DATA URL SHARED`, a process with a host of its own.

A line of its input is what to do: ["ingest", CHANNELS, EACH], ["talk", CHANNELS, EACH] or ["deliver",
CHANNELS, EACH], which ends it and begins with one more line; a line of its output says that it is done.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import delivery
from bench.serving import LONGEST, Served, event, serving
from host.folders.disk import ThreadDisk
from host.ports.events import InboundEvent
from host.registry import nodes
from host.registry.postgresql import PostgreSQL
from host.registry.reaching import reached
from sessiondb import Address


async def main(data: Path, url: str, shared: str) -> None:
    cluster = {"database": url, "workspaces": shared}
    runner = {"concurrent": 40, "concurrent_starts": 4}
    async with serving(data, cluster=cluster, runner=runner) as served:
        _done()
        while (order := await _order())[0] != "deliver":
            what, channels, each = order
            for channel in channels:  # else some of them are left to a node that is emptier
                await reached(served.host.house.records.db, Address("bench", "w", channel))
            each_channel = {"ingest": _say, "talk": _talk}[what]
            await asyncio.gather(*(each_channel(served, channel, each) for channel in channels))
            _done()
    await _deliver(data, url, *order[1:])


async def _order() -> Any:
    return json.loads(await asyncio.to_thread(sys.stdin.readline) or '["deliver", [], 0]')


def _done() -> None:
    print(json.dumps("done"), flush=True)


async def _say(served: Served, channel: str, count: int) -> None:
    for _ in range(count):
        await served.host.ingest(_of_its_own(event(f"{channel}-{served.next()}", channel)))


def _of_its_own(one: InboundEvent) -> InboundEvent:
    """By somebody who writes in that channel alone."""
    return replace(one, author=replace(one.author, id=f"U-{one.address.platform_id}"))


async def _talk(served: Served, channel: str, count: int) -> None:
    for _ in range(count):
        await _say(served, channel, 1)
        async with asyncio.timeout(LONGEST):
            await served.bot.said(channel)


async def _deliver(data: Path, url: str, channels: Sequence[str], rows: int) -> None:
    """Without a host: what is measured is delivery alone. Begins with the next line."""

    async def ready() -> None:
        _done()
        await _order()

    places = [Address("bench", "w", channel, "t") for channel in channels]
    disk = ThreadDisk()
    db = await PostgreSQL.open(url, disk, lambda _: None, nodes.own(data), among_others=True)
    for place in places:
        await reached(db, place)
    await delivery.delivered(data, disk, db, places, rows, ready)
    _done()
    await db.close()
    disk.close()


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    asyncio.run(main(Path(arguments[0]), arguments[1], arguments[2]))
