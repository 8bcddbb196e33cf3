"""`/dovecote`: `ask …`, and the words that can be typed behind "!" too. What it says, its author alone reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.common.running import running_here
from bots.markup import slack as markup
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.panels import panels, rules
from bots.slack.reading.events import Reader
from bots.slack.reading.times import ms
from bots.slack.sending import links
from bots.slack.setup.manifest import COMMAND
from host.ports import commands
from host.ports.bot import HostBusy, Ingest
from host.ports.commands import Slip
from host.ports.controls import Forbidden, Running, TaskView
from host.ports.events import EventClass, InboundEvent, Verdict, Viewer

log = logging.getLogger(__name__)
Json = dict[str, Any]

ASK = "ask"
IN_THE_THREAD = f"`{COMMAND}` does not know which thread you mean: write `!%s` in it."
NO_ANSWER = {
    "not_in_channel": "I am not in this channel: invite me first.",
    "channel_not_found": "I am not in this conversation: invite me first.",
}


class Commands:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host

    async def command(self, body: Json) -> Json:
        """Carries the command out; returns what its author alone is told, as Slack's answer."""
        word, _, rest = str(body.get("text") or "").strip().partition(" ")
        try:
            found: Json = links.shown(await self._carried_out(body, word.lower(), rest.strip()))
            return found
        except Forbidden as error:
            return {"text": panels.escaped(str(error))}
        except HostBusy:
            return {"text": words.BUSY}
        except SlackApiError as error:
            code = code_of(error)
            refusal = f"Slack did not let me do that here ({code or 'no reason given'})."
            return {"text": NO_ANSWER.get(code, refusal)}
        except TRANSIENT:
            return {"text": "Slack could not be reached; please try again in a minute."}

    async def _carried_out(self, body: Json, word: str, rest: str) -> Json:
        controls = self._host.controls
        if word == ASK and rest:
            return await self._ask(body, rest)
        meant = controls.grammar.word(word, rest)
        if isinstance(meant, Slip):
            return _markdown(meant.why.replace("`!", f"`{COMMAND} "))
        viewer = await self._reader.viewer(str(body["user_id"]), str(body["channel_id"]), self._host)
        match meant.name if meant is not None else commands.HELP:
            case commands.TASKS:
                return tasks_panel(await controls.tasks(viewer))
            case commands.USAGE:
                return _markdown((await controls.usage(viewer)).text)
            case commands.WHY:
                return _markdown(await controls.why(viewer, commands.message_named(rest)))
            case commands.CONFIG:
                return await self._config(viewer, str(body["trigger_id"]))
            case commands.STATUS:
                return running_panel(await running_here(self._host, viewer))
            case commands.STOP:
                return await self._stop(viewer)
            case commands.HELP:
                return _markdown(controls.help(viewer))
            case only_in_a_thread:
                return _markdown(IN_THE_THREAD % only_in_a_thread)

    async def _stop(self, viewer: Viewer) -> Json:
        """A slash command knows its channel, not the thread: one conversation is stopped, of several one is chosen."""
        found = await running_here(self._host, viewer)
        if len(found) == 1:
            return {"text": panels.escaped(await self._host.controls.stop(viewer, found[0].session_id))}
        return running_panel(found)

    async def _config(self, viewer: Viewer, trigger_id: str) -> Json:
        controls = self._host.controls
        if not controls.is_owner(viewer):
            return {"text": words.OWNERS_ONLY}
        now = await controls.rules(viewer)
        await self._client.views_open(
            trigger_id=trigger_id, view=rules.modal(viewer.address.platform_id, now, controls.agents())
        )
        return {}

    async def _ask(self, body: Json, text: str) -> Json:
        """A slash command leaves nothing in the channel: the question is posted, and its thread gets the answer."""
        channel, user = str(body["channel_id"]), str(body["user_id"])
        author = await self._reader.author({"user": user, "team": body.get("team_id")})
        privacy = await self._reader.privacy({"channel": channel})
        asked = await self._reader.words(text)
        # The words themselves are shown when the host has let them in, not before.
        posted = await self._client.chat_postMessage(
            channel=channel, text=f"<@{user}> asks …", unfurl_links=False, unfurl_media=False
        )
        ts = str(posted["ts"])
        event = InboundEvent(
            event_class=EventClass.COMMAND,
            address=self._reader.address({"channel": channel}),
            natural_id=str(body["trigger_id"]),
            author=author,
            at=ms(ts),
            text=asked,
            platform_message_id=ts,
            mentioned=True,
            privacy=privacy,
            opens_thread=ts,
        )
        try:
            ingested = await self._host.ingest(event)
        except HostBusy:  # its author is told to try again, and a question that nobody answers is not to stay
            await self._client.chat_delete(channel=channel, ts=ts)
            raise
        if ingested.verdict is Verdict.STORED:
            await self._show(channel, ts, user, asked)
            return {}
        # Whoever may not ask is not to speak through us either; and what was asked already stands above.
        await self._client.chat_delete(channel=channel, ts=ts)
        if ingested.verdict is Verdict.DUPLICATE:
            return {}
        return {"text": panels.escaped(ingested.reason or words.NOT_TAKEN)}

    async def _show(self, channel: str, ts: str, user: str, asked: str) -> None:
        """No switch of this call keeps previews away: an address stands there as words."""
        said = " ".join(chunk.text for chunk in markup.plain(asked)[:1]) or panels.escaped(asked)
        text = f"<@{user}> asks: {links.unlinked(said)}"
        try:
            await self._client.chat_update(channel=channel, ts=ts, text=text)
        except TRANSIENT as error:
            log.warning("A question shows no words: %s", type(error).__name__)


def tasks_panel(found: Sequence[TaskView], note: str = "") -> Json:
    return _panel("What is scheduled", panels.tasks(found), note)


def running_panel(found: Sequence[Running], note: str = "") -> Json:
    return _panel("What is running here", panels.running(found), note)


def _panel(text: str, blocks: list[Json], note: str) -> Json:
    return {"text": text, "blocks": [*([panels.section(panels.escaped(note))] if note else []), *blocks]}


def _markdown(text: str) -> Json:
    first = markup.render(text or words.NOTHING_TO_SHOW)[0]
    return {"text": first.text, "blocks": list(first.blocks)}
