"""The fake as a whole: one loopback server for REST, gateway and CDN."""

from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self, TypeVar

from aiohttp import web

from tests.fakes.discord import (
    routes_guilds,
    routes_interactions,
    routes_messages,
    routes_threads,
)
from tests.fakes.discord.clock import Clock
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.journal import Call, Journal
from tests.fakes.discord.model import Channel, Json, Message, User
from tests.fakes.discord.people import People
from tests.fakes.discord.rest import API, Rest, Route
from tests.fakes.discord.state import Settings, World

T = TypeVar("T")
LARGEST_REQUEST = 256 * 1024 * 1024  # bytes; the limits of Discord itself are enforced per file


class FakeDiscord(People):
    """A Discord on loopback, for an unmodified discord.py (see `client.pointed_at`).

        async with FakeDiscord() as discord_server:
            guild = discord_server.add_guild()
            channel = discord_server.add_text_channel(guild)
            ada = discord_server.add_user("ada", guild)
            discord_server.say(ada, channel, "hello", mention_bot=True)
            await discord_server.wait_for(lambda: len(discord_server.messages(channel)) == 2)

    `settings` holds the switches of the developer portal and Discord's time limits, which run on `clock`;
    `faults` spoils REST calls, `gateway` sockets and dispatches.
    """

    def __init__(self, *, clock: Clock | None = None, bot_name: str = "dove") -> None:
        self.clock = clock or Clock()
        self.settings = Settings()
        super().__init__(World(self.clock, self.settings, bot_name))
        self.faults = Faults()
        self._journal = Journal()
        self.gateway = Gateway(self.world, self._journal)
        self._rest = Rest(self.world, self._journal, self.faults, self._routes())
        self.oauth = self._rest.oauth
        self.quotas = self._rest.quotas  # how many calls each route takes
        self._runner: web.AppRunner | None = None
        self._origin = ""

    @property
    def api_url(self) -> str:
        return f"http://{self._origin}{API}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{self._origin}/gateway"

    @property
    def port(self) -> int:
        return int(self._origin.rpartition(":")[2])

    @property
    def token(self) -> str:
        return self.world.token

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def application_id(self) -> int:
        return self.world.application_id

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_get("/gateway", self.gateway.serve)
        self._rest.mount(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self._origin = f"{host}:{bound}"
        self.world.cdn_url = f"http://{self._origin}"
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Breaks what is connected; the world stays, so `start` on the same port is Discord coming back."""
        self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def messages(self, channel: Channel) -> list[Message]:
        """What stands in the channel, oldest first, ephemeral messages included."""
        return sorted(channel.messages.values(), key=lambda message: message.id)

    def calls(self, route: str) -> list[Call]:
        """The calls of one route, in order; `"POST /channels/{}/messages"`."""
        key = self.faults.known(route)
        return [call for call in self._journal.calls if call.route == key]

    async def wait_for(self, predicate: Callable[[], T | Literal[False] | None], timeout: float = 10.0) -> T:
        """The first truthy value of `predicate`, which is asked again after every call and event."""
        return await self._journal.wait_for(predicate, timeout)

    def _routes(self) -> list[Route]:
        return [
            Route("GET", "/gateway", self._gateway_address, open=True),
            Route("GET", "/gateway/bot", self._gateway_address),
            *routes_messages.ROUTES,
            *routes_threads.ROUTES,
            *routes_guilds.ROUTES,
            *routes_interactions.ROUTES,
        ]

    def _gateway_address(self, world: World, call: Call) -> Json:
        """Docs, "Get Gateway Bot"."""
        left, reset = self.settings.session_starts, int(self.settings.session_reset * 1000)
        start = {"total": 1000, "remaining": left, "reset_after": reset, "max_concurrency": 1}
        return {"url": self.gateway_url, "shards": self.settings.shards, "session_start_limit": start}
