"""What stands in the menu of each message: it is asked about, or what became of it is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.common.shapes import mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.commands.asking import Asking, Question, refusal_of
from bots.slack.commands.commands import markdown
from bots.slack.panels import panels
from bots.slack.reading.events import Reader
from bots.slack.sending import links
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import Forbidden
from host.words import told
from sessiondb.content import Part

log = logging.getLogger(__name__)
Json = dict[str, Any]
Respond = Callable[..., Awaitable[object]]


class Shortcuts:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._reader = reader
        self._host = host
        self._asking = Asking(client, reader, host)

    async def ask_about(self, body: Json, respond: Respond) -> None:
        await self._told(body, respond, self._ask_about(body))

    async def became(self, body: Json, respond: Respond) -> None:
        await self._told(body, respond, self._became(body))

    async def _ask_about(self, body: Json) -> Json:
        """In the thread of the message. What somebody else wrote stays apart from the words of who asks."""
        message, channel = mapping(body.get("message")), string(mapping(body.get("channel")).get("id"))
        ts, thread = string(message.get("ts")), string(message.get("thread_ts"))
        person, spoken = mapping(body.get("user")), await self._reader.said(message)
        writer = await self._reader.author(message)
        private = await self._reader.privacy({"channel": channel}) == "dm"
        quoted = Part("quoted", spoken.text, author=writer.name, author_id=writer.id)
        refused = await self._asking.ask(
            Question(
                channel=channel,
                user=str(person["id"]),
                team=string(person.get("team_id")) or string(mapping(body.get("team")).get("id")),
                trigger=str(body["trigger_id"]),
                text=told(words.ABOUT, await self._reader.language(str(person["id"]), channel, self._host)),
                thread=thread or ("" if private else ts),  # a direct message is one conversation
                files=spoken.files,
                parts=(quoted, *spoken.parts),
            )
        )
        return {"text": panels.escaped(refused)} if refused else {}

    async def _became(self, body: Json) -> Json:
        channel = string(mapping(body.get("channel")).get("id"))
        viewer = await self._reader.viewer(str(body["user"]["id"]), channel, self._host)
        message = string(mapping(body.get("message")).get("ts"))
        return markdown((await self._host.controls.why(viewer, message)).text)

    async def _told(self, body: Json, respond: Respond, doing: Awaitable[Json]) -> None:
        """Whoever chose it, alone."""
        try:
            answer = await doing
        except Forbidden as error:
            answer = {"text": panels.escaped(str(error))}
        except HostBusy:
            answer = {"text": words.BUSY}
        except TRANSIENT as error:
            answer = {"text": refusal_of(error)}
        try:
            if answer:
                channel = string(mapping(body.get("channel")).get("id"))
                language = await self._reader.language(str(body["user"]["id"]), channel, self._host)
                answer = links.shown(told(answer, language))
                for one in (answer, *answer.pop("more", ())):
                    await respond(response_type="ephemeral", replace_original=False, **one)
        except TRANSIENT as error:
            log.info("A person was not told: %s", type(error).__name__)
