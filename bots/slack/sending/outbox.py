"""Carrying out deliveries: one Web API call each, with the host's key in the message's metadata."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.pacing import Pace
from bots.slack.client.errors import TRANSIENT, code_of, failed_look, retry_after, translated
from bots.slack.panels import judging
from bots.slack.questions import cards
from bots.slack.reading import histories
from bots.slack.reading.blocks import BILL
from bots.slack.sending import links, rendering, spoken
from bots.slack.sending.canvases import Canvases
from bots.slack.sending.faces import Customizing
from bots.slack.sending.files import Uploads
from host.ports.bot import Delivery, DeliveryError, Receipt, Rejected, Unknown, Unsent
from host.words import told
from sessiondb import Address

log = logging.getLogger(__name__)
Json = dict[str, Any]


GONE = ("message_not_found", "channel_not_found")
MOST_BLOCKS = 50  # of one message


class Sender:
    """Raises `host.ports.bot.DeliveryError` and nothing else."""

    def __init__(
        self,
        client: AsyncWebClient,
        pace: Pace,
        uploads: Uploads,
        canvases: Canvases,
        customizing: Customizing,
    ) -> None:
        self._client = client
        self._pace = pace
        self._uploads = uploads
        self._canvases = canvases
        self._customizing = customizing
        self._looks = histories.Looks(client)
        self._tables = True  # whether it takes data tables, as far as is known
        self._rooms: dict[str, str] = {}  # the direct messages that were opened, by user

    async def send(self, delivery: Delivery) -> Receipt:
        try:
            delivery = await self._at_home(delivery)
        except TRANSIENT as error:
            found = translated(error)  # an empty conversation is no message
            raise Unsent(found.reason) if isinstance(found, Unknown) else found from error
        do = delivery.payload.get("do")
        if do not in ("update", "react"):
            await self._pace.turn(delivery.address.platform_id)
        try:
            match do:
                case "post" | "ask":
                    return await self._with_its_table(delivery, self._post)
                case "update":
                    return await self._with_its_table(delivery, self._update)
                case "react":
                    return await self._react(delivery)
                case "file":
                    return await self._uploads.send(delivery)
                case "document":
                    return await self._canvases.send(delivery)
        except DeliveryError:
            raise
        except TRANSIENT as error:
            raise self._slowed(delivery, error) from error
        raise Rejected("nothing to carry out")

    async def _at_home(self, delivery: Delivery) -> Delivery:
        """What is for one person and no channel goes into their direct messages, where it has a history."""
        user = delivery.private_to
        if not user or delivery.address.platform_id:
            return delivery
        if user not in self._rooms:
            self._rooms[user] = str((await self._client.conversations_open(users=user))["channel"]["id"])
        address = delivery.address._replace(platform_id=self._rooms[user], thread_id="")
        return replace(delivery, address=address, private_to="")

    def _slowed(self, delivery: Delivery, error: Exception) -> DeliveryError:
        found = translated(error)
        if isinstance(found, Unsent) and isinstance(error, SlackApiError):
            self._pace.hold(delivery.address.platform_id, retry_after(error))
        return found

    async def _with_its_table(
        self, delivery: Delivery, call: Callable[[Delivery], Awaitable[Receipt]]
    ) -> Receipt:
        """As Slack's data table where it has one; a Slack that knows none refused the whole message: it is proven unsent, and
        has its table in Markdown from then on."""
        tabled = delivery.payload.get("tabled")
        if not tabled or not self._tables or delivery.private_to or delivery.decision is not None:
            return await call(delivery)
        try:
            return await call(replace(delivery, payload={**delivery.payload, "blocks": tabled}))
        except SlackApiError as error:
            if code_of(error) != "invalid_blocks":
                raise
        receipt = await call(delivery)
        self._tables = False
        log.info(
            "Slack takes no data tables here: Markdown's from now on", extra={"action": "no_data_tables"}
        )
        return receipt

    async def _post(self, delivery: Delivery) -> Receipt:
        address, payload = delivery.address, delivery.payload
        arguments: Json = {"channel": address.platform_id, "text": payload["text"]}
        if address.thread_id:
            arguments["thread_ts"] = address.thread_id
        if payload["do"] == "ask":
            arguments["blocks"] = rendering.addressed(
                payload["blocks"],
                delivery.question,
                delivery.audience,
                approval=bool(payload.get("approval")),
            )
            arguments["text"] = spoken.with_choices(payload["text"], arguments["blocks"])
        elif delivery.decision is not None:
            arguments["blocks"] = rendering.deciding(payload, delivery.decision)
            arguments["text"] = spoken.with_choices(payload["text"], arguments["blocks"])
        elif payload.get("blocks"):
            arguments["blocks"] = payload["blocks"]
        if delivery.mentions:
            arguments = _addressed_to(delivery.mentions, arguments)
        if delivery.bill:
            arguments = billed(delivery, arguments)
        if delivery.private_to:
            arguments = links.shown(arguments)
            answer = await self._client.chat_postEphemeral(user=delivery.private_to, **arguments)
            return Receipt(str(answer["message_ts"]))
        arguments["metadata"] = histories.marked(delivery.key)
        said = self._judged if delivery.judged else self._said
        return await said(delivery, arguments)

    async def _said(self, delivery: Delivery, arguments: Json) -> Receipt:
        answer = await self._customizing.call(
            delivery.agent,
            lambda face: self._client.chat_postMessage(
                unfurl_links=False, unfurl_media=False, **face, **arguments
            ),
        )
        return Receipt(str(answer["ts"]))

    async def _judged(self, delivery: Delivery, arguments: Json) -> Receipt:
        """With buttons below, where the message has room for them. A Slack that knows none refused the whole message: it is
        proven unsent, and goes without them."""
        blocks = arguments.get("blocks") or []
        if not blocks or len(blocks) >= judging.MOST_BLOCKS:
            return await self._said(delivery, arguments)
        try:
            judged = told(judging.block(delivery.key), delivery.language)
            return await self._said(delivery, {**arguments, "blocks": [*blocks, judged]})
        except SlackApiError as error:
            if code_of(error) != "invalid_blocks":
                raise
            return await self._said(delivery, arguments)

    async def _update(self, delivery: Delivery) -> Receipt:
        """Naturally idempotent; a text without blocks would remove the old ones, so both are always sent."""
        await self._client.chat_update(
            channel=delivery.address.platform_id,
            ts=delivery.target,
            text=links.unlinked(delivery.payload["text"]),
            blocks=links.shown(delivery.payload.get("blocks") or []),
        )
        return Receipt(delivery.target)

    async def _react(self, delivery: Delivery) -> Receipt:
        try:
            await self._client.reactions_add(
                channel=delivery.address.platform_id,
                timestamp=delivery.target,
                name=delivery.payload["emoji"],
            )
        except SlackApiError as error:
            if code_of(error) != "already_reacted":
                raise
        return Receipt(delivery.target)

    async def remove(self, place: Address, ts: str) -> None:
        try:
            await self._client.chat_delete(channel=place.platform_id, ts=ts)
        except TRANSIENT as error:
            if code_of(error) not in GONE:
                raise translated(error) from error

    async def close_question(self, place: Address, ts: str, line: str) -> None:
        try:
            await cards.show(self._client, place, ts, f"⌛ {line}", over=True)
        except TRANSIENT as error:
            if code_of(error) not in GONE:
                raise translated(error) from error

    async def room_of(self, user: str) -> str:
        """Their direct conversation with the app."""
        try:
            return str((await self._client.conversations_open(users=user))["channel"]["id"])
        except TRANSIENT as error:
            raise translated(error) from error

    async def entitle(self, place: Address, title: str) -> None:
        if not place.platform_id.startswith("D") or not place.thread_id:
            return
        try:
            await self._client.assistant_threads_setTitle(
                channel_id=place.platform_id, thread_ts=place.thread_id, title=title
            )
        except TRANSIENT as error:
            raise translated(error) from error

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        """Ephemeral messages have no history: one whose outcome is unknown counts as sent, told once at most."""
        try:
            delivery = await self._at_home(delivery)
            if delivery.private_to:
                return Receipt("")
            if delivery.payload.get("do") == "file":
                return await self._uploads.lookup(delivery)
            if delivery.payload.get("do") == "document":
                return await self._canvases.lookup(delivery)
            said = self._looks.said_since(delivery.key, delivery.address, delivery.first_attempt_at)
            async for message in said:
                if histories.key_of(message) == delivery.key:
                    return Receipt(str(message["ts"]))
        except TRANSIENT as error:
            raise failed_look(error) from error
        return None


def billed(delivery: Delivery, arguments: Json) -> Json:
    """With the bill below, where the message has blocks and room for it; notifications do not tell it."""
    blocks = arguments.get("blocks") or []
    if not blocks or len(blocks) >= MOST_BLOCKS:
        return arguments
    small: Json = {
        "type": "context",
        "block_id": f"{BILL}{delivery.key}",
        "elements": [{"type": "plain_text", "text": delivery.bill}],
    }
    return {**arguments, "blocks": [*blocks, small]}


def _addressed_to(users: Sequence[str], arguments: Json) -> Json:
    """The message with the people in front whom it notifies; the notification's text names them as well."""
    named = " ".join(f"<@{user}>" for user in users)
    text = f"{named} {arguments['text']}"
    blocks = arguments.get("blocks") or []
    if not blocks or len(blocks) >= MOST_BLOCKS:
        return {**arguments, "text": text}
    front: Json = {"type": "section", "text": {"type": "mrkdwn", "text": named}}
    return {**arguments, "text": text, "blocks": [front, *blocks]}
