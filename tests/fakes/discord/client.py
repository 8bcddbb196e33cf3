"""Points the unmodified discord.py at the fake, and back again."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import yarl
from discord import Client, Intents
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord.server import FakeDiscord

C = TypeVar("C", bound=Client)


@contextmanager
def pointed_at(server: FakeDiscord) -> Iterator[None]:
    """REST, webhooks and gateway of discord.py go to `server`; the class attributes are restored after it."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api_url, yarl.URL(server.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@asynccontextmanager
async def connected(client: C, server: FakeDiscord, timeout: float = 30.0) -> AsyncIterator[C]:
    """`client` ready, its guilds known; closed on the way out. An error that ends it before is raised."""
    with pointed_at(server):
        await client.login(server.token)
        running = asyncio.create_task(client.connect(), name="discord client")
        ready = asyncio.create_task(_ready(client), name="discord client ready")
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield client
        finally:
            ready.cancel()
            await client.close()
            running.cancel()
            await asyncio.wait([running, ready])


async def _ready(client: Client) -> None:
    await client.wait_until_ready()
    while any(guild.unavailable for guild in client.guilds):
        await client.wait_for("guild_available")


class ListeningClient(Client):
    """A client that keeps every event, for tests to await in order: `await client.hear("message")`.

    It does not spread its reconnects over time, and does not wait long for guilds that may come.
    """

    def __init__(self, intents: Intents | None = None, **options: Any) -> None:
        options.setdefault("guild_ready_timeout", 0.05)
        super().__init__(intents=intents or Intents.all(), **options)
        self._heard: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self._heard[event].put_nowait(args[0] if len(args) == 1 else args)
        super().dispatch(event, *args, **kwargs)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        return

    async def hear(self, event: str, timeout: float = 15.0) -> Any:
        """The next event of this name: its argument, or all of them where there are several."""
        async with asyncio.timeout(timeout):
            return await self._heard[event].get()
