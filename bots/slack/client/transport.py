"""How Slack reaches us: sockets that are watched, or signed requests over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from host.config import Slack
from host.ports.bot import BotStuck
from host.ports.door import BODY_DEADLINE, Door, Handler

log = logging.getLogger(__name__)

PING_INTERVAL = 3  # s; a hard drop is noticed after about this long
CONNECT = 30.0  # s for opening one socket
LOOK_EVERY = 1.0  # s between two looks at the sockets
MOST_DEAF = 60.0  # s without any socket before everything is built anew
OVERLAP = 10.0  # s within which sockets that were all replaced may have been closed at the same time
SILENCE = 60.0  # s without any event after which somebody asks Slack whether there was none
MOST_PROVEN_DEAF = 3  # times in a row that sockets turned out deaf before the process gives up
PATH = "/slack/events"
NOT_HERE = "No agent works in this workspace: the app has to be installed in it, by whoever runs Dovecote."


Authorize = Callable[[AsyncBoltContext, str], Awaitable[AuthorizeResult | None]]  # of an event, by its team


Whose = Callable[[Mapping[str, Any], AsyncBoltContext], str]


def application(
    settings: Slack, authorize: Authorize, signing_secret: str, whose: Whose | None = None
) -> AsyncApp:
    """An app that acknowledges an event after its listener has returned, and not when that raised.

    `authorize` says of each event as whom the app acts. Bolt's own way, which SLACK_CLIENT_ID in the environment begins,
    would look for tokens in a folder of its own. `whose` says of which team it is, where bolt would take another's.
    """

    async def speaks(
        context: AsyncBoltContext, team_id: str | None
    ) -> Any:  # bolt passes what it finds by name
        return await authorize(context, team_id or "")

    async def belongs(
        body: Mapping[str, Any], context: AsyncBoltContext, next: Callable[[], Awaitable[object]]
    ) -> None:
        if whose is not None:
            context["team_id"] = whose(body, context)
        await next()

    return AsyncApp(
        name="dovecote",  # else it reads the source of every frame above for its own
        before_authorize=belongs,
        client=AsyncWebClient(base_url=settings.api_url, retry_handlers=[]),
        authorize=speaks,
        user_facing_authorize_error_message=NOT_HERE,
        signing_secret=signing_secret or "unused in Socket Mode",
        process_before_response=True,
    )


def speaking_for(client: AsyncWebClient) -> Authorize:
    """Where there is one workspace, whose token the client has."""

    async def authorize(_: AsyncBoltContext, __: str) -> AuthorizeResult:
        token, told = client.token, await client.auth_test()
        return AuthorizeResult.from_auth_test_response(bot_token=token, auth_test_response=told)

    return authorize


class Missed(Protocol):
    def __call__(self, *, unheard: bool = False) -> Awaitable[int]:
        """`unheard`: nothing but silence speaks for it."""


class DeafError(Exception):
    """No socket could be opened: the whole bot is to be started again."""


class Transport:
    def __init__(self, app: AsyncApp, settings: Slack, app_token: str, signing_secret: str = "") -> None:
        self._app = app
        self._signing_secret = signing_secret
        self._settings = settings
        self._app_token = app_token
        self._handlers: list[AsyncSocketModeHandler] = []
        self._door: Door | None = None
        self._sessions: dict[AsyncSocketModeHandler, tuple[object, float]] = {}  # and since when
        self._heard_at = 0.0
        self.connected = False
        self.looked_at = 0.0  # s of the loop's clock
        self._suspicious = False
        self._given_up = False
        self._proven_deaf = 0

    async def open(self) -> None:
        """Raises `TimeoutError`, or `OSError` when the port is taken."""
        if self._settings.mode == "http":
            await self._serve()
            self._look(connected=True)
            return
        for _ in range(self._settings.sockets):
            self._handlers.append(await self._connected())
        self._look(connected=True)

    def _look(self, *, connected: bool) -> None:
        self.connected, self.looked_at = connected, asyncio.get_running_loop().time()

    def heard(self, *, repeated: bool) -> None:
        """An event came in. `repeated`: Slack says that its first delivery was not acknowledged, and we never saw it."""
        self._heard_at = asyncio.get_running_loop().time()
        self._suspicious = self._suspicious or repeated
        if not repeated:
            self._proven_deaf = 0

    def gave_up(self) -> None:
        """Slack will not deliver an event again that we could not take."""
        self._given_up = True

    async def watch(self, missed: Missed) -> None:
        """For ever, or until `DeafError` or `BotStuck`. `missed` reads what was not heard and says how much there was.

        A socket can be open, answer pings and bring nothing. Two things give it away: Slack repeats an event that we never
        saw, or the histories hold what nobody told us. And all sockets can be replaced between two looks.
        """
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        gap_since: float | None = None
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._given_up:
                # What is still not to be taken ends this life of the bot, and the next begins by reading it.
                self._given_up = False
                await missed()
            if not self._handlers:
                self._look(connected=True)
                continue
            self._look(connected=any([await handler.client.is_connected() for handler in self._handlers]))
            if not self.connected:
                gap_since = gap_since or loop.time()
                if loop.time() - gap_since > MOST_DEAF:
                    raise DeafError("no socket could be opened")
                continue
            if self._all_replaced(loop.time()) or gap_since is not None:
                gap_since = None
                await missed()
            elif self._suspicious:
                self._suspicious = False
                await self._reopen_deaf()
                await missed()
            elif loop.time() - self._heard_at > SILENCE:
                self._heard_at = loop.time()
                if await missed(unheard=True):
                    await self._reopen_deaf()

    def _all_replaced(self, now: float) -> bool:
        """Once after each time: whether there may have been a moment without any socket."""
        known, replaced = self._sessions, 0
        self._sessions = {}
        for handler in self._handlers:
            session = handler.client.current_session
            before, since = known.get(handler, (session, -OVERLAP))
            since = now if session is not before else since
            self._sessions[handler] = session, since
            replaced += now - since < OVERLAP
        if replaced < len(self._handlers):
            return False
        self._sessions = {handler: (session, -OVERLAP) for handler, (session, _) in self._sessions.items()}
        return True

    async def _reopen_deaf(self) -> None:
        self._proven_deaf += 1
        if self._proven_deaf > MOST_PROVEN_DEAF:
            raise BotStuck("Slack: sockets are open and bring nothing, also after they were opened anew")
        log.warning("A socket is deaf; opening all of them anew", extra={"action": "slack_deaf"})
        await self.reopen()

    async def reopen(self) -> None:
        """Hard close before open, one socket after the other, so that one of them always hears."""
        for number, old in enumerate(self._handlers):
            await _closed(old)
            self._handlers[number] = await self._connected()

    async def close(self) -> None:
        for handler in self._handlers:
            await _closed(handler)
        if self._door is not None:
            await self._door.close()

    async def _connected(self) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(self._app, self._app_token, ping_interval=PING_INTERVAL)
        try:
            async with asyncio.timeout(CONNECT):
                await _call(handler.connect_async())  # type: ignore[no-untyped-call]
        except BaseException:
            await _closed(handler)
            raise
        return handler

    async def _serve(self) -> None:
        app = self._app.web_app(PATH)
        app.middlewares.append(_judged(SignatureVerifier(self._signing_secret)))
        door = Door(app)
        await door.open(self._settings.listen, self._settings.port)
        self._door = door

    @property
    def address(self) -> tuple[str, int]:
        """Where requests are taken in HTTP mode."""
        if self._door is None:
            raise RuntimeError("not in HTTP mode")
        return self._door.address


def _judged(verifier: SignatureVerifier) -> Middleware:
    """Bolt waits for a body as long as it takes, and parses it before it looks at the signature: a stranger's is not parsed."""

    @web.middleware
    async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(BODY_DEADLINE):
                said = await request.read()  # what was read is kept, and bolt reads that
        except TimeoutError:
            return web.Response(status=408)
        return await handler(request) if _is_slacks(verifier, said, request) else web.Response(status=401)

    return judge


def _is_slacks(verifier: SignatureVerifier, said: bytes, request: web.Request) -> bool:
    try:
        return verifier.is_valid_request(said, dict(request.headers))
    except (
        ValueError,
        TypeError,
        OverflowError,
    ):  # a time that is none, a signature beyond ASCII, a body that is no text
        return False


async def _closed(handler: AsyncSocketModeHandler) -> None:
    try:
        await _call(handler.close_async())  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        log.debug("A socket would not close: %s", error)


async def _call(awaitable: Any) -> None:
    await awaitable
