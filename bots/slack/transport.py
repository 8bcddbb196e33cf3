"""How Slack reaches us: sockets that are watched, or signed requests over HTTP."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from host.config import Slack

log = logging.getLogger(__name__)

PING_INTERVAL = 3  # s; a hard drop is noticed after about this long
CONNECT = 30.0  # s for opening one socket
LOOK_EVERY = 5.0  # s between two looks at the sockets
MOST_DEAF = 60.0  # s without any socket before everything is built anew
PATH = "/slack/events"


class DeafError(Exception):
    """No socket could be had for a while: the whole bot is to be started again."""


class Transport:
    def __init__(self, app: AsyncApp, settings: Slack, app_token: str) -> None:
        self._app = app
        self._settings = settings
        self._app_token = app_token
        self._handlers: list[AsyncSocketModeHandler] = []
        self._site: web.AppRunner | None = None

    async def open(self) -> None:
        """Raises `TimeoutError`, or `OSError` when the port is taken."""
        if self._settings.mode == "http":
            await self._serve()
            return
        for _ in range(self._settings.sockets):
            self._handlers.append(await self._connected())

    async def watch(self) -> None:
        """For ever, or until `DeafError`."""
        silent_since: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            alive = [await handler.client.is_connected() for handler in self._handlers]
            if any(alive) or not self._handlers:
                silent_since = None
                continue
            silent_since = silent_since or loop.time()
            if loop.time() - silent_since > MOST_DEAF:
                raise DeafError

    async def reopen(self) -> None:
        """Hard close before open, one socket after the other, so that one of them always hears."""
        for number, old in enumerate(self._handlers):
            await _closed(old)
            self._handlers[number] = await self._connected()

    async def close(self) -> None:
        for handler in self._handlers:
            await _closed(handler)
        if self._site is not None:
            await self._site.cleanup()

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
        runner = web.AppRunner(self._app.web_app(PATH))
        await runner.setup()
        self._site = runner
        await web.TCPSite(runner, self._settings.listen, self._settings.port).start()

    @property
    def address(self) -> tuple[str, int]:
        """Where requests are taken in HTTP mode."""
        if self._site is None:
            raise RuntimeError("not in HTTP mode")
        host, port, *_ = self._site.addresses[0]
        return str(host), int(port)


async def _closed(handler: AsyncSocketModeHandler) -> None:
    try:
        await _call(handler.close_async())  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        log.debug("A socket would not close: %s", error)


async def _call(awaitable: Any) -> None:
    await awaitable
