"""The agent view: the Stop button, and what a person who opens a conversation could ask."""

from __future__ import annotations

import logging
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.live.progress import StatusLines
from bots.slack.panels.clicks import Clicks
from bots.slack.reading.events import Reader
from bots.slack.reading.times import ms
from host.ports.bot import Ingest
from host.ports.events import EventClass, InboundEvent

log = logging.getLogger(__name__)
Json = dict[str, Any]


class Surfaces:
    def __init__(
        self, client: AsyncWebClient, reader: Reader, host: Ingest, clicks: Clicks, status: StatusLines
    ) -> None:
        self._client = client
        self._reader = reader
        self._host = host
        self._clicks = clicks
        self._status = status

    async def stopped(self, event: Json) -> None:
        """The Stop button: the same order as `!stop`. Slack leaves it to us to say that the work has ended."""
        place = str(event["channel"]), str(event.get("thread_ts") or "")
        thread = self._status.conversation(place) or self._reader.address(
            {"channel": place[0], "thread_ts": place[1]}
        )
        await self._host.ingest(
            InboundEvent(
                event_class=EventClass.CONTROL,
                address=thread,
                natural_id=str(event["event_ts"]),
                author=await self._reader.author(event),
                at=ms(event["event_ts"]),
                mentioned=True,
                privacy=await self._reader.privacy({"channel": event["channel"]}),
                value="stop",
            )
        )
        self._status.answered(thread)

    async def opened(self, event: Json) -> None:
        """One of the app's tabs; what cannot be shown now is shown the next time."""
        user, channel = str(event["user"]), str(event["channel"])
        try:
            if event.get("tab") == "home":
                await self._clicks.home(user, channel)
            elif event.get("tab") == "messages":
                # An agent app's prompts belong to the conversation: with a thread_ts they would not show.
                await self._suggest(channel)
        except TRANSIENT as error:
            log.info("A tab was not filled: %s", type(error).__name__)

    async def began(self, event: Json) -> None:
        """A thread of the older assistant view, which apps from before the agent view still have."""
        thread = mapping(event.get("assistant_thread"))
        channel, ts = string(thread.get("channel_id")), string(thread.get("thread_ts"))
        try:
            if channel and ts:
                await self._suggest(channel, thread_ts=ts)
        except TRANSIENT as error:
            log.info("Nothing was suggested: %s", type(error).__name__)

    async def joined(self, event: Json) -> None:
        """Somebody came into a channel; of the bot itself that is the moment to say who it is."""
        if self._reader.is_own(event):
            await self._host.joined(self._reader.address({"channel": event["channel"]}))

    async def _suggest(self, channel: str, **more: str) -> None:
        suggested = await self._host.controls.suggestions(self._reader.address({"channel": channel}))
        prompts = [{"title": one.title, "message": one.message} for one in suggested]
        if prompts:
            await self._client.assistant_threads_setSuggestedPrompts(
                channel_id=channel, prompts=prompts, **more
            )
