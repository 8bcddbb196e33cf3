"""The Discord bot in the test's own loop, with a host that only writes down what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bots.discord.bot import DiscordBot
from host.ports.bot import Bot, Delivery, HostBusy
from host.ports.events import InboundEvent, Ingested, Privacy, Standing, Verdict
from sessiondb import Address, content
from tests.fakes.controls import FakeControls
from tests.fakes.discord import Channel, FakeDiscord
from tests.fakes.discord.client import pointed_at
from tests.fakes.installs import KeptInstalls
from tests.support.hosting import config

TIMEOUT = 30.0  # s


class Notebook:
    """An `Ingest` that takes everything, or is busy as often as told."""

    def __init__(self) -> None:
        self.controls = FakeControls()
        self.kept = KeptInstalls()
        self.events: list[InboundEvent] = []
        self.marks: dict[Address, str] = {}
        self.taking_part: list[tuple[Address, int]] = []
        self.busy = 0
        self.became: dict[Address, Privacy] = {}
        self.named: dict[Address, str] = {}
        self.joins: list[Address] = []
        self.stands: dict[Address, Standing] = {}
        self.people: dict[tuple[str, str], bool] = {}
        self.with_tasks: dict[Address, Standing] = {}
        self.asking: list[tuple[str, str]] = []
        self._ignored: list[str] = []
        self._keys: set[str] = set()
        self._changed = asyncio.Event()

    def installs(self, channel_type: str) -> KeptInstalls:
        return self.kept

    async def ingest(self, event: InboundEvent) -> Ingested:
        if self.busy:
            self.busy -= 1
            raise HostBusy("full")
        if event.text in self._ignored:
            self._ignored.remove(event.text)
            return Ingested(Verdict.IGNORED)
        if event.key in self._keys:
            return Ingested(Verdict.DUPLICATE, event.message_id)
        self._keys.add(event.key)
        self.events.append(event)
        self._changed.set()
        return Ingested(Verdict.STORED, event.message_id)

    def ignore_once(self, text: str) -> None:
        """As the host does with what is not meant for an agent: it keeps nothing of it."""
        self._ignored.append(text)

    async def settled(self, message_id: str) -> str:
        return "completed"

    async def channel_became(self, channel: Address, privacy: Privacy) -> None:
        self.became[channel] = privacy
        self._changed.set()

    async def calls(self, event: InboundEvent) -> bool:
        return False

    async def channel_named(self, channel: Address, name: str) -> None:
        self.named[channel] = name

    async def place_stands(self, place: Address, standing: Standing) -> None:
        self.stands[place] = standing
        self._changed.set()

    async def person_stands(self, workspace: Address, user: str, *, here: bool) -> None:
        self.people[workspace.workspace_id, user] = here
        self._changed.set()

    async def inhabited(self, channel_type: str) -> Mapping[Address, Standing]:
        return self.with_tasks

    async def deals(self, place: Address) -> bool:
        return True

    async def is_anothers(self, place: Address) -> bool:
        return False

    async def askers(self, workspace: Address) -> frozenset[str]:
        return frozenset(self.controls.channel_rules.askers)

    async def task_people(self, channel_type: str) -> Sequence[tuple[str, str]]:
        return self.asking

    async def joined(self, place: Address) -> None:
        self.joins.append(place)
        self._changed.set()

    async def watermark(self, address: Address) -> str:
        return self.marks.get(address, "")

    async def advance(self, address: Address, natural_id: str) -> None:
        self.marks[address] = natural_id
        self._changed.set()

    async def watched(self, channel_type: str) -> Sequence[Address]:
        return list(self.marks)

    async def engaged(self, channel_type: str) -> Sequence[tuple[Address, int]]:
        return self.taking_part

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def next(self, count: int = 1) -> InboundEvent:
        """The count-th event."""
        await self.until(lambda: len(self.events) >= count)
        return self.events[count - 1]


@asynccontextmanager
async def connected(bot: Bot, notebook: Notebook) -> AsyncIterator[None]:
    """While it hears what happens on its platform."""
    ready = asyncio.Event()
    running = asyncio.create_task(bot.run(notebook, ready.set))
    waiting = asyncio.create_task(ready.wait())
    try:
        async with asyncio.timeout(TIMEOUT):
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.wait([running, waiting])


@asynccontextmanager
async def online(
    server: FakeDiscord,
    folder: Path,
    notebook: Notebook | None = None,
    options: dict[str, Any] | None = None,
    secret: str = "",
    **sections: Any,
) -> AsyncIterator[tuple[DiscordBot, Notebook]]:
    """A bot that is connected; the library is pointed back afterwards."""
    notebook = notebook or Notebook()
    urls = {"api_url": server.api_url, "gateway_url": server.gateway_url}
    with pointed_at(server):
        client_options = {"guild_ready_timeout": 0.05, **(options or {})}
        made = config(folder, discord=urls, **sections)
        bot = DiscordBot(made, folder, server.token, client_options, secret)
        async with connected(bot, notebook):
            yield bot, notebook
            assert server.world.fetched == [], "no preview was made of what the bot said"


def place(channel: Channel, thread: str = "") -> Address:
    guild = str(channel.guild.id) if channel.guild is not None else ""
    if channel.is_thread and channel.parent is not None:
        return Address("discord", guild, str(channel.parent.id), str(channel.id))
    return Address("discord", guild, str(channel.id), thread)


def delivery(bot: DiscordBot, operation: content.Operation, address: Address, **more: Any) -> Delivery:
    """The operation's only chunk."""
    [payload] = bot.render(operation)
    return Delivery(**{"key": "00ff00ff00ff00ff", "address": address, "payload": payload, **more})
