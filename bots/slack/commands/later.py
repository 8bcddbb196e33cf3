"""A message is made a reminder or a task: a form asks when, its next page says it back, and its button confirms it."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common import words
from bots.common.shapes import items, mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.commands.asking import refusal_of
from bots.slack.reading.events import Reader
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import TRY, Forbidden, Later, NotNow
from host.ports.events import Viewer
from host.words import Sentence, as_it_is, joined, known, say, told

log = logging.getLogger(__name__)
Json = dict[str, Any]

FORM, CONFIRM, TRY_FIRST = "dovecote-later", "dovecote-later-yes", "dovecote-later-try"
WHEN, WHAT = "when", "what"
NOT_YET = "\n\n⚠️ "  # between what is asked and why it is asked again
TRIED = "\n\n🧪 "  # the same before what became of a trial
KEPT = 2_000  # characters of a message that travel in its form; Slack takes 3,000 in all
MOST = 500  # messages that are remembered until their form comes back


class Laters:
    def __init__(self, client: AsyncWebClient, reader: Reader, host: Ingest) -> None:
        self._client = client
        self._reader = reader
        self._host = host
        self._chosen: OrderedDict[tuple[str, str], Json] = (
            OrderedDict()
        )  # as Slack showed them, by channel and ts

    async def chosen(self, body: Json) -> None:
        """Slack lets a form be opened for three seconds: what the message says is read when it comes back."""
        message, channel = mapping(body.get("message")), string(mapping(body.get("channel")).get("id"))
        kept = {"channel": channel, "ts": string(message.get("ts")), "user": string(message.get("user"))}
        self._chosen[channel, kept["ts"]] = message
        while len(self._chosen) > MOST:
            self._chosen.popitem(last=False)
        whole = string(message.get("text"))
        text = whole[:KEPT]
        while len(json.dumps({**kept, "text": text})) > 2_900:
            text = text[: len(text) * 3 // 4]
        text += " …" if len(text) < len(whole) else ""
        language = await self._language(body, channel)
        try:
            await self._client.views_open(
                trigger_id=str(body["trigger_id"]),
                view=told(_form(json.dumps({**kept, "text": text})), language),
            )
        except TRANSIENT as error:
            log.info("Nobody was asked when: %s", type(error).__name__)

    async def submitted(self, body: Json) -> Json:
        """How Slack is to go on with the form: to the page that says it back, or with what is wrong in it."""
        view = body["view"]
        kept, values = json.loads(view["private_metadata"]), view["state"]["values"]
        try:
            viewer = await self._viewer(body, str(kept["channel"]))
            wanted = Later(
                when=string(values[WHEN][WHEN].get("value")),
                what=string(mapping(mapping(values.get(WHAT)).get(WHAT)).get("value")),
                text=await self._said(kept),
                author=(await self._reader.author({"user": kept["user"]})).name if kept["user"] else "",
                link=await self._link(kept),
            )
            offer = await self._host.controls.offer(viewer, wanted)
        except (Forbidden, HostBusy, *TRANSIENT) as error:
            refusal = told(_refusal(error), await self._language(body, str(kept["channel"])))
            return {"response_action": "errors", "errors": {WHEN: refusal[:2_000]}}
        asked = _asked(offer.words, json.dumps([kept["channel"], offer.request]))
        return told(asked, await self._language(body, str(kept["channel"])))

    async def confirmed(self, body: Json) -> Json:
        """What could not be found out now is asked once more on the same page: an earlier press of its button may have done it,
        and whoever began anew would have it twice."""
        kept = str(body["view"]["private_metadata"])
        channel, request = json.loads(kept)
        try:
            viewer = await self._viewer(body, str(channel))
            line = await self._host.controls.decide(viewer, str(request), "yes")
        except (NotNow, HostBusy, *TRANSIENT) as error:
            again = say("Press it once more: {reason}", reason=known(_refusal(error)))
            page = _asked(_offered(body["view"]), kept, NOT_YET, again)
        except Forbidden as error:
            page = {"response_action": "update", "view": _page(say("Not scheduled"), str(error))}
        else:
            page = {"response_action": "update", "view": _page(say("Scheduled"), line)}
        return told(page, await self._language(body, str(channel)))

    async def _language(self, body: Json, channel: str) -> str:
        return await self._reader.language(str(body["user"]["id"]), channel, self._host)

    async def tried(self, body: Json) -> None:
        """The page stays as it is, with what became of the trial below it: nothing is scheduled by it."""
        view = body["view"]
        kept = str(view["private_metadata"])
        channel, request = json.loads(kept)
        try:
            viewer = await self._viewer(body, str(channel))
            line = await self._host.controls.decide(viewer, str(request), TRY)
        except (Forbidden, HostBusy, *TRANSIENT) as error:
            line = _refusal(error)
        page = _asked(_offered(view), kept, TRIED, line)["view"]
        shown = told(page, await self._language(body, str(channel)))
        try:
            await self._client.views_update(view_id=view["id"], hash=view.get("hash"), view=shown)
        except TRANSIENT as error:
            log.info("What became of a trial was not shown: %s", type(error).__name__)

    def _viewer(self, body: Json, channel: str) -> Awaitable[Viewer]:
        return self._reader.viewer(str(body["user"]["id"]), channel, self._host)

    async def _said(self, kept: Json) -> str:
        """As it was chosen; by a bot that was started anew meanwhile, as it reads now, or what of it the form has kept."""
        channel, ts = str(kept["channel"]), str(kept["ts"])
        if (message := self._chosen.get((channel, ts))) is not None:
            spoken = await self._reader.said(message)
            return "\n".join(filter(None, (spoken.text, *(part.text for part in spoken.parts))))
        found = await self._reader.quoted(channel, ts)
        return found.text if found is not None else await self._reader.words(str(kept["text"]))

    async def _link(self, kept: Json) -> str:
        """A message that we do not see has none that we could name."""
        try:
            found = await self._client.chat_getPermalink(channel=kept["channel"], message_ts=kept["ts"])
        except TRANSIENT:
            return ""
        return str(found["permalink"])


def _form(kept: str) -> Json:
    when: Json = {"type": "plain_text_input", "action_id": WHEN, "max_length": 200}
    when["placeholder"] = _plain(words.WHEN_SUCH_AS)
    what: Json = {"type": "plain_text_input", "action_id": WHAT, "multiline": True, "max_length": 1_000}
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": kept,
        "title": _plain(words.LATER),
        "submit": _plain(say("Go on")),
        "close": _plain(say("Cancel")),
        "blocks": [
            {"type": "input", "block_id": WHEN, "label": _plain(words.WHEN), "element": when},
            {
                "type": "input",
                "block_id": WHAT,
                "label": _plain(words.WHAT),
                "element": what,
                "optional": True,
            },
        ],
    }


def _asked(offered: str, kept: str, before: str = "", below: str = "") -> Json:
    """`below` stands below what is offered, after `before`."""
    text = joined(before, [as_it_is(offered[:2_000]), below]) if below else offered
    page = _page(say("Is that right?"), text, kept)
    button = {"type": "button", "action_id": TRY_FIRST, "text": _plain(words.TRY_FIRST), "value": TRY}
    blocks = [*page["blocks"], {"type": "actions", "elements": [button]}]
    view = {**page, "blocks": blocks, "submit": _plain(say("Yes, do it"))}
    return {"response_action": "update", "view": view}


def _offered(view: Json) -> str:
    """What a page of `_asked` offers, without what it told besides."""
    text = string(mapping(mapping(next(iter(items(view.get("blocks"))), {})).get("text")).get("text"))
    return text.partition(NOT_YET)[0].partition(TRIED)[0]


def _page(title: str, text: str, kept: str = "") -> Json:
    block = {
        "type": "section",
        "text": {"type": "plain_text", "text": text if isinstance(text, Sentence) else text[:2_900]},
    }
    shown = {"type": "modal", "callback_id": CONFIRM, "title": _plain(title), "close": _plain(say("Close"))}
    return {**shown, "private_metadata": kept, "blocks": [block]}


def _refusal(error: BaseException) -> str:
    if isinstance(error, Forbidden):
        return str(error)
    return words.BUSY if isinstance(error, HostBusy) else refusal_of(error)


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}
