"""A question that nobody wrote as a message: it is posted for whoever asks, and its thread gets the answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.markup import slack as markup
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.panels import panels
from bots.slack.reading.events import Reader
from bots.slack.reading.times import ms
from bots.slack.sending import links
from host.ports.bot import HostBusy, Ingest
from host.ports.events import EventClass, InboundEvent, IncomingFile, Verdict
from host.words import say, told
from sessiondb.content import Part

log = logging.getLogger(__name__)

NO_ANSWER = {
    "not_in_channel": say("I am not in this channel: invite me first."),
    "channel_not_found": say("I am not in this conversation: invite me first."),
}
UNREACHABLE = say("Slack could not be reached; please try again in a minute.")


@dataclass(frozen=True, slots=True)
class Question:
    channel: str
    user: str
    team: str
    trigger: str  # the interaction's id: sent twice, it is asked once
    text: str
    thread: str = ""  # where it is asked; '' begins one
    files: tuple[IncomingFile, ...] = ()
    parts: tuple[Part, ...] = ()
    value: str = ""  # one of `commands.SAID`


class Asking:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host

    async def ask(self, asked: Question) -> str:
        """Why it is not taken, for its author alone; '' when it is. Raises `HostBusy` and `TRANSIENT`."""
        channel, user = asked.channel, asked.user
        author = await self._reader.author({"user": user, "team": asked.team})
        privacy = await self._reader.privacy({"channel": channel})
        language = await self._reader.language(user, channel, self._host)
        # The words themselves are shown when the host has let them in, not before.
        posted = await self._client.chat_postMessage(
            channel=channel,
            text=told(say("{person} asks …", person=f"<@{user}>"), language),
            thread_ts=asked.thread or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        ts = str(posted["ts"])
        address = self._reader.address({"channel": channel, "thread_ts": asked.thread, "ts": ts})
        event = InboundEvent(
            event_class=EventClass.COMMAND,
            address=address,
            natural_id=asked.trigger,
            author=author,
            at=ms(ts),
            text=asked.text,
            value=asked.value,
            platform_message_id=ts,
            mentioned=True,
            privacy=privacy,
            opens_thread="" if asked.thread else ts,
            files=asked.files,
            parts=asked.parts,
            thread_so_far=await self._reader.so_far(address, ts),
        )
        try:
            ingested = await self._host.ingest(event)
        except HostBusy:  # its author is told to try again, and a question that nobody answers is not to stay
            await self._client.chat_delete(channel=channel, ts=ts)
            raise
        if ingested.verdict is Verdict.STORED:
            if asked.thread:
                self._reader.follow(address)
            await self._show(channel, ts, user, asked.text or f"!{asked.value}", language)
            return ""
        # Whoever may not ask is not to speak through us either; and what was asked already stands above.
        await self._client.chat_delete(channel=channel, ts=ts)
        return "" if ingested.verdict is Verdict.DUPLICATE else ingested.reason or words.NOT_TAKEN

    async def _show(self, channel: str, ts: str, user: str, asked: str, language: str) -> None:
        """No switch of this call keeps previews away: an address stands there as words."""
        said = " ".join(chunk.text for chunk in markup.plain(asked)[:1]) or panels.escaped(asked)
        text = told(say("{person} asks: {words}", person=f"<@{user}>", words=links.unlinked(said)), language)
        try:
            await self._client.chat_update(channel=channel, ts=ts, text=text)
        except TRANSIENT as error:
            log.warning("A question shows no words: %s", type(error).__name__)


def refusal_of(error: BaseException) -> str:
    """What Slack did not let us do, for whoever wanted it."""
    code = code_of(error) if isinstance(error, SlackApiError) else ""
    if not code:  # nothing came, or nothing that Slack itself would say
        return UNREACHABLE
    return NO_ANSWER.get(code) or say("Slack did not let me do that here ({code}).", code=code)
