"""Slack's other surfaces: the slash command, the Stop button of the agent view, and the App Home."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.markup import slack as markup
from bots.slack.errors import TRANSIENT, code_of
from bots.slack.inbound import Reader, ms
from bots.slack.manifest import COMMAND
from host.bots import EventClass, HostBusy, InboundEvent, Ingest, Verdict
from sessiondb import Address

Json = dict[str, Any]

HELP = f"""\
*In a channel* mention me; in the thread I answer without a mention. *In a direct message* just write.
`{COMMAND} ask …` asks here and opens a thread. In a thread: `!stop` stops what runs, `!clear` forgets what was said, \
`!mute` keeps me quiet until I am mentioned, `!aside …` says something among people."""
NO_ANSWER = {
    "not_in_channel": "I am not in this channel: invite me first.",
    "channel_not_found": "I am not in this conversation: invite me first.",
}


class Surfaces:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host

    async def command(self, body: Json) -> str:
        """Carries the command out; returns what its author alone is told."""
        word, _, rest = str(body.get("text") or "").strip().partition(" ")
        if word != "ask" or not rest.strip():
            return HELP
        try:
            return await self._ask(body, rest.strip())
        except HostBusy:
            return "I cannot take that right now; please ask again in a minute."
        except SlackApiError as error:
            code = code_of(error)
            return NO_ANSWER.get(code, f"Slack did not let me post here ({code or 'no reason given'}).")
        except TRANSIENT:
            return "Slack could not be reached; please ask again in a minute."

    async def _ask(self, body: Json, text: str) -> str:
        """A slash command leaves nothing in the channel: the question is posted, and its thread gets the answer."""
        channel, user = str(body["channel_id"]), str(body["user_id"])
        author = await self._reader.author({"user": user, "team": body.get("team_id")})
        privacy = await self._reader.privacy({"channel": channel})
        words = markup.plain(text)[0].text
        posted = await self._client.chat_postMessage(channel=channel, text=f"<@{user}> asks: {words}")
        ts = str(posted["ts"])
        ingested = await self._host.ingest(
            InboundEvent(
                event_class=EventClass.COMMAND,
                address=self._reader.address({"channel": channel}),
                natural_id=str(body["trigger_id"]),
                author=author,
                at=ms(ts),
                text=markup.unescaped(text),
                platform_message_id=ts,
                mentioned=True,
                privacy=privacy,
                opens_thread=ts,
            )
        )
        return ingested.reason if ingested.verdict in (Verdict.DECLINED, Verdict.IGNORED) else ""

    async def stopped(self, event: Json) -> None:
        """The Stop button: the same order as `!stop`."""
        await self._host.ingest(
            InboundEvent(
                event_class=EventClass.CONTROL,
                address=self._thread(event),
                natural_id=str(event["event_ts"]),
                author=await self._reader.author(event),
                at=ms(event["event_ts"]),
                mentioned=True,
                privacy=await self._reader.privacy({"channel": event["channel"]}),
                value="stop",
            )
        )

    async def home(self, event: Json) -> None:
        if event.get("tab") != "home":
            return
        blocks = [
            {"type": "header", "text": {"type": "plain_text", "text": "How to talk to me"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": HELP}},
        ]
        await self._client.views_publish(user_id=str(event["user"]), view={"type": "home", "blocks": blocks})

    def _thread(self, event: Json) -> Address:
        return self._reader.address({"channel": event["channel"], "thread_ts": event.get("thread_ts")})
