"""`/dovecote`: `ask …`, and the words that can be typed behind "!" too. What it says, its author alone reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.common.running import running_here
from bots.common.shapes import string
from bots.markup import slack as markup
from bots.slack.client.errors import TRANSIENT
from bots.slack.commands.asking import Asking, Question, refusal_of
from bots.slack.panels import panels, rules
from bots.slack.reading.events import Reader
from bots.slack.sending import links, spoken
from bots.slack.setup.manifest import COMMAND
from host.ports import commands
from host.ports.bot import HostBusy, Ingest
from host.ports.commands import Slip
from host.ports.controls import Forbidden, Running, TaskList, TaskOrder
from host.ports.events import EventClass, InboundEvent, Verdict, Viewer
from host.words import say, told

Json = dict[str, Any]
Respond = Callable[..., Awaitable[object]]

ASK = "ask"
MOST_MORE = 3  # messages behind the first
log = logging.getLogger(__name__)


class Commands:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host
        self._asking = Asking(client, reader, host)

    async def command(self, body: Json) -> Sequence[Json]:
        """Carries the command out; returns what its author alone is told, as Slack's answer or, where it is long, several."""
        word, _, rest = str(body.get("text") or "").strip().partition(" ")
        try:
            answer = await self._carried_out(body, word.lower(), rest.strip())
        except Forbidden as error:
            answer = {"text": panels.escaped(str(error))}
        except HostBusy:
            answer = {"text": words.BUSY}
        except TRANSIENT as error:
            answer = {"text": refusal_of(error)}
        language = await self._reader.language(str(body["user_id"]), str(body["channel_id"]), self._host)
        shown: Json = links.shown(spoken.panel(told(answer, language)))
        return [shown, *shown.pop("more", ())]

    async def go_on(self, respond: Respond, parts: Sequence[Json]) -> None:
        try:
            for part in parts:
                await respond(response_type="ephemeral", replace_original=False, **part)
        except TRANSIENT as error:
            log.info("A long answer was not told: %s", type(error).__name__)

    async def _carried_out(self, body: Json, word: str, rest: str) -> Json:
        controls = self._host.controls
        if word == ASK and rest:
            return await self._ask(body, rest)
        meant = controls.grammar.word(word, rest)
        if isinstance(meant, Slip):
            language = await self._reader.language(str(body["user_id"]), str(body["channel_id"]), self._host)
            return markdown(told(meant.why, language).replace("`!", f"`{COMMAND} "))
        viewer = await self._reader.viewer(str(body["user_id"]), str(body["channel_id"]), self._host)
        match meant.name if meant is not None else commands.HELP:
            case commands.TASKS if tried := commands.tried(rest):
                line = await controls.order(viewer, tried, TaskOrder.TRY)
                return tasks_panel(await controls.tasks(viewer), line)
            case commands.TASKS:
                return tasks_panel(await controls.tasks(viewer))
            case commands.USAGE | commands.WHY | commands.MEMORY | commands.GRANTS as asked:
                return markdown(await self._in_words(viewer, asked, rest))
            case commands.CONFIG if rest:
                return markdown(await controls.configure(viewer, rest))
            case commands.CONFIG:
                return await self._config(viewer, str(body["trigger_id"]))
            case commands.STATUS:
                return running_panel(await running_here(self._host, viewer))
            case commands.STOP:
                return await self._stop(viewer)
            case commands.HELP:
                return markdown(await controls.help(viewer))
            case of_a_thread:
                return await self._of_a_thread(body, viewer, of_a_thread, rest)

    async def _of_a_thread(self, body: Json, viewer: Viewer, name: str, rest: str) -> Json:
        """A slash command knows its channel alone; a direct message is one conversation, and a channel may be."""
        direct = viewer.privacy == "dm"
        if name in (commands.CLEAR, commands.MUTE):
            return await self._ordered(body, viewer, name)
        if direct and name == commands.AGAIN:
            return markdown(await self._host.controls.again_here(viewer, rest))
        if direct and name == commands.HANDOFF:
            return markdown(await self._host.controls.hand_over(viewer, rest))
        if direct and name in (commands.QUEUE, commands.SUMMARY):
            return await self._ask(body, rest, name)
        return in_the_thread(name)

    async def _in_words(self, viewer: Viewer, name: str, rest: str) -> str:
        controls = self._host.controls
        if name == commands.USAGE:
            return (await controls.usage(viewer)).text
        if name == commands.MEMORY:
            noted = await controls.memory(viewer, rest)
            return noted.replace("`!", f"`{COMMAND} ")  # what it says to write
        if name == commands.GRANTS:
            return await controls.grants(viewer, rest)
        return (await controls.why(viewer, commands.message_named(rest))).text

    async def _stop(self, viewer: Viewer) -> Json:
        """A slash command knows its channel, not the thread: one conversation is stopped, of several one is chosen."""
        found = await running_here(self._host, viewer)
        if len(found) == 1:
            return {"text": panels.escaped(await self._host.controls.stop(viewer, found[0].session_id))}
        return running_panel(found)

    async def _ordered(self, body: Json, viewer: Viewer, name: str) -> Json:
        """What was typed without a thread: it counts where an agent takes part outside of threads."""
        order = InboundEvent(
            event_class=EventClass.CONTROL,
            address=viewer.address,
            natural_id=str(body["trigger_id"]),
            author=viewer.author,
            at=round(time.time() * 1000),
            privacy=viewer.privacy,
            value=name,
            typed=True,
        )
        ingested = await self._host.ingest(order)
        if ingested.verdict is Verdict.IGNORED:
            return in_the_thread(name)
        return {"text": panels.escaped(ingested.reason) if ingested.reason else words.DONE}

    async def _config(self, viewer: Viewer, trigger_id: str) -> Json:
        controls = self._host.controls
        if not controls.is_owner(viewer):
            return {"text": words.OWNERS_ONLY}
        now = await controls.rules(viewer)
        tools, groups = await controls.tools(viewer), await self._reader.groups()
        offered = rules.Offered(controls.agents(), controls.models(), tools, groups)
        form = told(rules.modal(viewer.address.platform_id, now, offered), await controls.language(viewer))
        await self._client.views_open(trigger_id=trigger_id, view=form)
        return {}

    async def _ask(self, body: Json, text: str, value: str = "") -> Json:
        question = Question(
            channel=str(body["channel_id"]),
            user=str(body["user_id"]),
            team=string(body.get("team_id")),
            trigger=str(body["trigger_id"]),
            text=await self._reader.words(text),
            value=value,
        )
        refused = await self._asking.ask(question)
        return {"text": panels.escaped(refused)} if refused else {}


def in_the_thread(word: str) -> Json:
    return {
        "text": say(
            "`{command}` does not know which thread you mean: write `!{word}` in it.",
            command=COMMAND,
            word=word,
        )
    }


def tasks_panel(found: TaskList, note: str = "") -> Json:
    return _panel(say("What is scheduled"), panels.tasks(found), note)


def running_panel(found: Sequence[Running], note: str = "") -> Json:
    return _panel(say("What is running here"), panels.running(found), note)


def _panel(text: str, blocks: list[Json], note: str) -> Json:
    return {"text": text, "blocks": [*([panels.section(panels.escaped(note))] if note else []), *blocks]}


def markdown(text: str) -> Json:
    if not text:
        return {"text": words.NOTHING_TO_SHOW}
    first, *rest = [{"text": chunk.text, "blocks": list(chunk.blocks)} for chunk in markup.render(text)]
    return {**first, "more": rest[:MOST_MORE]} if rest else first
