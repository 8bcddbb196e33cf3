"""A real bolt app on the fake Slack, wired as the product wires its own."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def clear_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk reads them and ignores NO_PROXY, even for loopback."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def web_client(slack: FakeSlack, *, token: str | None = None, timeout: int = 30) -> AsyncWebClient:
    """Without the SDK's own retries: a post is never repeated blindly."""
    return AsyncWebClient(
        token or slack.bot_token, base_url=slack.api_url, timeout=timeout, retry_handlers=[]
    )


@dataclass(frozen=True)
class Heard:
    """An event as the app's catch-all listener got it."""

    body: dict[str, Any]
    retry: int

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = self.body["event"]
        return event

    @property
    def type(self) -> str:
        return str(self.event["type"])

    @property
    def text(self) -> str:
        return str(self.event["text"])


@dataclass
class Bot:
    app: AsyncApp
    client: AsyncWebClient
    heard: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    failures: int = 0  # how many of the next events the listener raises on

    async def hear(self, count: int = 1) -> list[Heard]:
        """The next events, in the order in which the listener got them."""
        async with asyncio.timeout(30):
            return [await self.heard.get() for _ in range(count)]


def make_bot(slack: FakeSlack) -> Bot:
    client = web_client(slack)
    app = AsyncApp(
        name="dovecote", client=client, signing_secret=slack.signing_secret, process_before_response=True
    )
    bot = Bot(app, client)

    @app.event(re.compile(".*"))
    async def listen(body: dict[str, Any], request: AsyncBoltRequest) -> None:
        retry = int(request.headers.get("x-slack-retry-num", ["0"])[0])
        bot.heard.put_nowait(Heard(body, retry))
        if bot.failures:
            bot.failures -= 1
            raise RuntimeError("the disk is full")

    return bot


@asynccontextmanager
async def connected(slack: FakeSlack, bot: Bot, handlers: int = 1) -> AsyncIterator[Bot]:
    """The bot on that many sockets."""
    made = [AsyncSocketModeHandler(bot.app, slack.app_token, ping_interval=1) for _ in range(handlers)]
    try:
        for handler in made:
            await handler.connect_async()  # type: ignore[no-untyped-call]
        await slack.connected(handlers)
        yield bot
    finally:
        for handler in made:
            await handler.close_async()  # type: ignore[no-untyped-call]
