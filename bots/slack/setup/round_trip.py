"""A greeting that a person answers, and whether Slack told us so: the proof that events reach this machine."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.bot import Secrets
from bots.slack.client.transport import Transport, application, speaking_for
from host.config import Slack

Json = dict[str, Any]

GREETING = "👋 I am here. React to this message or answer it, so that I know that you can reach me."
WAIT = 300.0  # s for a person to answer the greeting
LOOK_EVERY = 2.0  # s between two looks for the answer
EVENT_WAIT = 10.0  # s for the event, once the answer is there


class NotOursError(Exception):
    """Not acknowledged, so that Slack delivers it again to whoever it is for."""


class Greeting:
    """What is waited for, and whether an event about it came."""

    def __init__(self) -> None:
        self.ts = ""
        self.heard = asyncio.Event()

    async def hear(self, event: Json) -> None:
        about = event.get("thread_ts") or (event.get("item") or {}).get("ts")
        if not self.ts or about != self.ts:
            raise NotOursError(event.get("type"))
        self.heard.set()


async def round_trip(settings: Slack, secrets: Secrets, channel: str) -> tuple[str, bool]:
    """Who answered in time, '' for nobody, and whether an event said so."""
    client = AsyncWebClient(secrets.bot_token, base_url=settings.api_url, timeout=20, retry_handlers=[])
    app = application(settings, speaking_for(client), secrets.signing_secret)
    greeting = Greeting()
    app.event(re.compile(".*"))(greeting.hear)
    transport = Transport(app, settings, secrets.app_token, secrets.signing_secret)
    try:
        await transport.open()
        posted = await client.chat_postMessage(channel=channel, text=GREETING)
        greeting.ts = str(posted["ts"])
        person = await _answered(client, str(posted["channel"]), greeting.ts)
        if person:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVENT_WAIT):
                    await greeting.heard.wait()
        return person, greeting.heard.is_set()
    finally:
        await transport.close()


async def _answered(client: AsyncWebClient, channel: str, ts: str) -> str:
    try:
        async with asyncio.timeout(WAIT):
            while True:
                answer = await client.conversations_replies(channel=channel, ts=ts, limit=10)
                root, *replies = answer["messages"]
                for person in _people(root, replies):
                    return person
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        return ""


def _people(root: Json, replies: list[Json]) -> Iterator[str]:
    """Who answered or reacted; other bots are nobody's greeting."""
    yield from (str(reply["user"]) for reply in replies if reply.get("user") and not reply.get("bot_id"))
    for reaction in root.get("reactions") or ():
        yield from (str(user) for user in reaction.get("users") or ())
