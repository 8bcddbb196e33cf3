"""App Home, and what people press outside of questions: stop, tasks' buttons, the owners' form and decisions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.common.judging import choice_of, models_for
from bots.common.rules import AGENT, WrongInput
from bots.common.running import running_here
from bots.common.shapes import mapping, string
from bots.markup import slack as markup
from bots.slack.client.errors import TRANSIENT
from bots.slack.commands import commands
from bots.slack.panels import judging, panels, rules
from bots.slack.reading import times
from bots.slack.reading.events import Reader
from bots.slack.sending import links, rendering, spoken
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import Forbidden, Judged, Outdated, TaskOrder
from host.ports.events import Viewer
from host.words import say, told

log = logging.getLogger(__name__)
Json = dict[str, Any]
Respond = Callable[..., Awaitable[object]]


class Clicks:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host

    async def home(self, user: str, dm: str, note: str = "") -> None:
        """Publishes the person's Home. `dm` is their conversation with the bot."""
        try:
            viewer = await self._reader.viewer(user, dm, self._host)
            overview = await self._host.controls.overview(viewer)
            how = markup.plain(await self._host.controls.help(viewer))[0].text
            blocks = panels.home(overview, note, how)
        except (Forbidden, HostBusy) as error:
            blocks = [panels.section(panels.escaped(_refusal(error)))]
        blocks = told(blocks, await self._reader.language(user, dm, self._host))
        view = {"type": "home", "private_metadata": dm, "blocks": blocks}
        await self._client.views_publish(user_id=user, view=view)

    async def pressed(self, body: Json, respond: Respond) -> None:
        """A button of Home or of a panel that a command showed; afterwards it shows what holds now."""
        action, user = body["actions"][0], str(body["user"]["id"])
        view = body.get("view") or {}
        place = string(view.get("private_metadata")) or clicked_in(body)
        try:
            viewer = await self._reader.viewer(user, place, self._host)
            note = await self._order(viewer, str(action["action_id"]), str(action.get("value") or ""))
            if view:
                await self.home(user, place, note)
            else:
                language = await self._host.controls.language(viewer)
                shown = spoken.panel(
                    told(await self._panel(viewer, str(action["action_id"]), note), language)
                )
                await respond(replace_original=True, response_type="ephemeral", **links.shown(shown))
        except (Forbidden, HostBusy) as error:
            refusal = told(_refusal(error), await self._reader.language(user, place, self._host))
            text = links.unlinked(panels.escaped(refusal))
            await respond(replace_original=True, response_type="ephemeral", text=text)
        except TRANSIENT as error:
            log.info("A panel was not refreshed: %s", type(error).__name__)

    async def _order(self, viewer: Viewer, action: str, value: str) -> str:
        controls = self._host.controls
        try:
            if action == panels.STOP:
                return await controls.stop(viewer, value)
            if action.startswith(f"{panels.TASK}-"):
                return await controls.order(viewer, value, TaskOrder(action.removeprefix(f"{panels.TASK}-")))
        except Forbidden as error:
            return str(error)
        except HostBusy:
            return words.BUSY
        return ""

    async def _panel(self, viewer: Viewer, action: str, note: str) -> Json:
        if action.startswith(panels.TASK):
            return commands.tasks_panel(await self._host.controls.tasks(viewer), note)
        return commands.running_panel(await running_here(self._host, viewer), note)

    async def configured(self, body: Json) -> Json:
        """The owners' form; returns how Slack is to go on with it."""
        view, user = body["view"], str(body["user"]["id"])
        channel = rules.Opened.decode(str(view["private_metadata"])).channel
        viewer = await self._reader.viewer(user, channel)
        controls = self._host.controls
        language = await controls.language(viewer)
        try:
            wanted = rules.submitted(view)
        except WrongInput as error:
            return _wrong(error.field, told(error.text, language))
        try:
            held = await controls.set_rules(viewer, wanted)
        except Outdated as error:  # it stays open with what they entered, above it what somebody else set
            anew = replace(wanted, version=error.now.version)
            note = told(
                say("{changed} Save once more to set what stands below instead.", changed=str(error)),
                language,
            )
            tools, groups = await controls.tools(viewer), await self._reader.groups()
            offered = rules.Offered(controls.agents(), controls.models(), tools, groups)
            return {
                "response_action": "update",
                "view": told(rules.modal(channel, anew, offered, note), language),
            }
        except Forbidden as error:
            return _wrong(AGENT, str(error))
        except HostBusy:
            return _wrong(AGENT, told(words.BUSY, language))
        await self._whisper(viewer.address.platform_id, user, held)
        return {}

    async def decided(self, body: Json, respond: Respond) -> None:
        """An owner's decision; the message then shows it instead of its buttons."""
        action, user, channel = body["actions"][0], str(body["user"]["id"]), clicked_in(body)
        request = str(action["block_id"]).removeprefix(rendering.DECISION_BLOCK)
        viewer = await self._reader.viewer(user, channel)
        try:
            line = await self._host.controls.decide(viewer, request, str(action["value"]))
        except (Forbidden, HostBusy) as error:
            thread = mapping(body.get("container")).get("thread_ts") or mapping(body.get("message")).get(
                "thread_ts"
            )
            await self._whisper(channel, user, _refusal(error), thread=string(thread))
            return
        message = body.get("message") or {}
        blocks = rendering.answered(message.get("blocks") or [], panels.escaped(line))
        try:
            answer = {"text": spoken.of(blocks), "blocks": blocks}
            await respond(replace_original=True, **links.shown(answer))
        except TRANSIENT as error:
            log.warning("A decision still shows its buttons: %s", type(error).__name__)

    async def judged(self, body: Json) -> None:
        """👍 or 👎 under an answer. The form is opened first: Slack lets that be done for three seconds only."""
        action, user = body["actions"][0], str(body["user"]["id"])
        choice = choice_of(action.get("value"))
        if choice is None:
            return
        message = body.get("message") or {}
        thread = str(message.get("thread_ts") or (body.get("container") or {}).get("thread_ts") or "")
        answer = str(action["block_id"]).removeprefix(judging.BLOCK)
        at = times.ms(action["action_ts"])
        asked = judging.Asked(answer, clicked_in(body), thread, at)
        if choice == "bad":
            await self._ask_why(body, asked)
        await self._judge(user, asked, Judged(answer, choice, at))

    async def explained(self, body: Json) -> None:
        """The form after a 👎. A reason belongs to the click that asked for it, which may have failed behind the form."""
        view, user = body["view"], str(body["user"]["id"])
        asked = judging.Asked.decode(str(view["private_metadata"]))
        said = Judged(asked.answer, "bad", asked.at, judging.reason(view))
        await self._judge(user, asked, said, tell=bool(said.reason))
        model = judging.model(view)
        if model or judging.wants_another(view):
            await self._again(user, asked, model)

    async def _again(self, user: str, asked: judging.Asked, model: str) -> None:
        try:
            viewer = await self._reader.viewer(user, asked.channel)
            line = await self._host.controls.again(viewer, asked.answer, model)
        except (Forbidden, HostBusy) as error:
            line = _refusal(error)
        await self._whisper(asked.channel, user, line, asked.thread)

    async def _ask_why(self, body: Json, asked: judging.Asked) -> None:
        form = judging.modal(asked, await models_for(self._host, asked.answer))
        form = told(form, await self._reader.language(str(body["user"]["id"]), asked.channel, self._host))
        try:
            await self._client.views_open(trigger_id=body["trigger_id"], view=form)
        except TRANSIENT as error:
            log.info("Nobody was asked why: %s", type(error).__name__)

    async def _judge(self, user: str, asked: judging.Asked, said: Judged, *, tell: bool = False) -> None:
        """The buttons show by themselves what was pressed, so only what they cannot show is said."""
        try:
            viewer = await self._reader.viewer(user, asked.channel)
            line = await self._host.controls.judge(viewer, said)
        except (Forbidden, HostBusy) as error:
            line, tell = _refusal(error), True
        if tell:
            await self._whisper(asked.channel, user, line, asked.thread)

    async def _whisper(self, channel: str, user: str, text: str, thread: str = "") -> None:
        text = told(text, await self._reader.language(user, channel, self._host))
        try:
            await self._client.chat_postEphemeral(
                channel=channel,
                user=user,
                text=links.unlinked(panels.escaped(text)),
                thread_ts=thread or None,
            )
        except TRANSIENT as error:
            log.info("A person was not told: %s", type(error).__name__)


def clicked_in(body: Json) -> str:
    """The channel of a click, which stands in one of two places or in both."""
    container, channel = mapping(body.get("container")), mapping(body.get("channel"))
    return string(container.get("channel_id")) or string(channel.get("id"))


def _refusal(error: Forbidden | HostBusy) -> str:
    return str(error) if isinstance(error, Forbidden) else words.BUSY


def _wrong(block: str, text: str) -> Json:
    return {"response_action": "errors", "errors": {block: text}}
