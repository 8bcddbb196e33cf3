"""Answers to questions: who may give them, how they reach the host, and how the message shows who chose what."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from slack_sdk.web.async_client import AsyncWebClient

from bots.common import answering, words
from bots.common.shapes import mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.questions import cards
from bots.slack.reading.events import Identity, Reader
from bots.slack.sending import links, rendering
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import Forbidden
from host.ports.events import OVER, EventClass, InboundEvent, Verdict
from host.words import say, told
from sessiondb import Address

log = logging.getLogger(__name__)
Json = dict[str, Any]

MODAL = "dovecote-words"
WORDS_BLOCK = "words"
MOST_CHOSEN = 1_000
LONGEST_ANSWER = 3_000  # characters of an answer in words: what Slack's input takes


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a click brings it back."""

    question: str
    audience: tuple[str, ...]
    address: Address
    message_ts: str
    approval: bool  # of a tool: nobody's yes counts but the audience's

    def encode(self) -> str:
        return json.dumps(dataclasses.astuple(self))

    @classmethod
    def decode(cls, text: str) -> Asked:
        question, audience, address, ts, approval = json.loads(text)
        return cls(str(question), tuple(audience), Address(*address), str(ts), bool(approval))


class Questions:
    def __init__(
        self,
        client: AsyncWebClient,
        reader: Reader,
        identity: Identity,
        host: Ingest,
        owners: Collection[str],
    ) -> None:
        self._client = client
        self._reader = reader
        self._me = identity
        self._host = host
        self._owners = owners
        self._showing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by question
        self._chosen: OrderedDict[str, str] = OrderedDict()  # by question: who chose what, as its card says

    async def clicked(self, body: Json) -> None:
        """A button or a menu; returns once the answer is durable."""
        action = body["actions"][0]
        asked, chosen = self._asked(body, action)
        user = str(body["user"]["id"])
        if action["action_id"] == rendering.DETAILS:
            await self._details(body, asked, user)
            return
        if not self._may_answer(asked, user):
            await self._refuse(asked, user)
            return
        if action["action_id"] == rendering.WORDS:
            form = told(_modal(asked), await self._language(asked, user))
            await self._client.views_open(trigger_id=body["trigger_id"], view=form)
            return
        label = str(((action.get("selected_option") or action).get("text") or {}).get("text") or "")
        await self._answer(asked, user, chosen or label, mapping(body.get("message")))

    async def submitted(self, body: Json) -> None:
        """The modal for an answer in words."""
        view = body["view"]
        asked = Asked.decode(view["private_metadata"])
        user = str(body["user"]["id"])
        given = string(view["state"]["values"][WORDS_BLOCK][WORDS_BLOCK]["value"])
        if self._may_answer(asked, user):
            await self._answer(asked, user, given)

    def _may_answer(self, asked: Asked, user: str) -> bool:
        return answering.may_answer(user, asked.audience, self._owners, approval=asked.approval)

    async def _answer(self, asked: Asked, user: str, value: str, clicked: Json | None = None) -> None:
        event = InboundEvent(
            event_class=EventClass.ANSWER,
            address=asked.address,
            natural_id=asked.question,
            author=await self._reader.author({"user": user}),
            at=time.time_ns() // 1_000_000,
            text=value,
            value=value,
            refers_to=asked.question,
        )
        # Before: nothing is awaited between an outcome and its line.
        language = await self._language(asked, user)
        try:
            ingested = await self._host.ingest(event)
        except HostBusy:  # a click is not delivered again: its author has to know
            await self._tell(asked, user, words.BUSY)
            return
        if ingested.verdict is Verdict.STORED:
            value = told(answering.choice(value), language) if asked.approval else value
            line = f"✅ *{_one_line(value)}* — {_people(ingested.by or (user,))}"
            self._chosen[asked.question] = (
                line  # before anything is awaited: whoever comes second shows the same
            )
            while len(self._chosen) > MOST_CHOSEN:
                self._chosen.popitem(last=False)
            await self._show(asked, line, clicked, over=True)
        elif ingested.verdict is Verdict.COUNTED:
            votes = answering.counted(ingested.by, ingested.needed)
            counted = told(votes, language)
            await self._show(asked, counted, clicked, over=False)
        elif ingested.verdict is Verdict.DUPLICATE:
            over = told(say("Answered."), language)
            await self._show(asked, self._chosen.get(asked.question, "") or over, clicked, over=True)
            await self._tell(asked, user, answering.ANSWERED)
        elif ingested.reason:
            closed = told(OVER, language)
            if ingested.reason in (OVER, closed):
                await self._show(asked, f"⌛ {closed}", clicked, over=True)
            await self._tell(asked, user, ingested.reason)

    async def _show(self, asked: Asked, line: str, clicked: Json | None, *, over: bool) -> None:
        """The answer counts whether or not this succeeds. One after the other: nothing shows buttons again that were taken."""
        lock = self._showing.setdefault(asked.question, asyncio.Lock())
        try:
            async with lock:
                if over or asked.question not in self._chosen:
                    place, ts = asked.address, asked.message_ts
                    await cards.show(self._client, place, ts, line, over=over, as_clicked=clicked)
        except TRANSIENT as error:
            log.warning("A question still shows its buttons: %s", type(error).__name__)

    async def _details(self, body: Json, asked: Asked, user: str) -> None:
        """Whoever sees the conversation may see what would run in it."""
        try:
            viewer = await self._reader.viewer(user, asked.address.platform_id, self._host)
            call = await self._host.controls.call(viewer, asked.question)
        except Forbidden as error:
            await self._tell(asked, user, str(error))
        except HostBusy:
            await self._tell(asked, user, words.BUSY)
        else:
            shown = told(cards.details(call), await self._language(asked, user))
            await self._client.views_open(trigger_id=body["trigger_id"], view=shown)

    async def _refuse(self, asked: Asked, user: str) -> None:
        await self._tell(asked, user, answering.refusal(asked.audience))

    async def _language(self, asked: Asked, user: str) -> str:
        return await self._reader.language(user, asked.address.platform_id, self._host)

    async def _tell(self, asked: Asked, user: str, text: str) -> None:
        text = told(text, await self._language(asked, user))
        try:
            await self._client.chat_postEphemeral(
                channel=asked.address.platform_id,
                user=user,
                text=links.unlinked(text),
                thread_ts=asked.address.thread_id or None,
            )
        except TRANSIENT as error:
            log.info("A person was not told why a click did nothing: %s", type(error).__name__)

    def _asked(self, body: Json, action: Json) -> tuple[Asked, str]:
        """The question, and the option in full where the click brings it back."""
        value = str((action.get("selected_option") or action).get("value") or "")
        choice, _, who = value.rpartition("|")
        _, _, chosen = choice.partition("|")
        # Where it happened matters for showing alone: the host finds the session by the question.
        container, message = mapping(body.get("container")), mapping(body.get("message"))
        channel = container.get("channel_id") or mapping(body.get("channel")).get("id") or ""
        ts = str(container.get("message_ts") or message.get("ts") or "")
        thread = str(container.get("thread_ts") or message.get("thread_ts") or "")
        address = Address("slack", self._me.team, str(channel), "" if thread == ts else thread)
        block = str(action["block_id"])
        approval = block.startswith(rendering.APPROVAL_BLOCK)
        question = block.removeprefix(rendering.APPROVAL_BLOCK if approval else rendering.QUESTION_BLOCK)
        audience = tuple(id_ for id_ in who.split(",") if id_)
        asked = Asked(question, audience, address, ts, approval)
        return asked, chosen


def _modal(asked: Asked) -> Json:
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": asked.encode(),
        "title": {"type": "plain_text", "text": say("Your answer")},
        "submit": {"type": "plain_text", "text": say("Answer")},
        "close": {"type": "plain_text", "text": say("Cancel")},
        "blocks": [
            {
                "type": "input",
                "block_id": WORDS_BLOCK,
                "label": {"type": "plain_text", "text": say("In your words")},
                "element": {
                    "type": "plain_text_input",
                    "action_id": WORDS_BLOCK,
                    "multiline": True,
                    "max_length": LONGEST_ANSWER,
                },
            }
        ],
    }


def _people(ids: Sequence[str]) -> str:
    return ", ".join(f"<@{id_}>" for id_ in ids)


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("*", "∗")
    return words if len(words) <= 200 else words[:199] + "…"
