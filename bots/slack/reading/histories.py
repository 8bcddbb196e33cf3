"""Reading what stands where a message of ours would, to find one whose sending has an unknown outcome."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import Json, items, mapping, string
from bots.slack.client.errors import TRANSIENT, is_about_this
from bots.slack.reading.times import microseconds, slack_ts
from sessiondb import Address

EVENT_TYPE = "dovecote_delivery"  # Slack drops metadata whose event type has a dot
CLOCKS_APART = 300_000_000  # µs that Slack's clock and ours may differ
PAGE = 200
MOST_READ = 2_000  # messages of one look-up
MOST_LEFT = 1_000  # look-ups that are remembered


def marked(key: str, canvas: str = "") -> Json:
    """The metadata by which a message is found again, and the canvas that it links."""
    return {"event_type": EVENT_TYPE, "event_payload": {"id": key} | ({"canvas": canvas} if canvas else {})}


def key_of(message: Json) -> str:
    """The host's key in a message, '' where there is none."""
    return string(mapping(mapping(message.get("metadata")).get("event_payload")).get("id"))


def canvas_of(message: Json) -> str:
    """The id of the canvas that a message links, '' where it links none."""
    return string(mapping(mapping(message.get("metadata")).get("event_payload")).get("canvas"))


class Looks:
    """How far look-ups came that Slack cut short: the next of the same key goes on there."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._left: OrderedDict[str, tuple[str, int]] = (
            OrderedDict()
        )  # by key: the next page, and how much was read

    async def said_since(self, key: str, address: Address, at: int) -> AsyncIterator[Json]:
        """What stands in the thread, or else the channel, from `at` on (ms by our clock)."""
        arguments: Json = {
            "channel": address.platform_id,
            "oldest": slack_ts(max(0, at * 1000 - CLOCKS_APART)),
            "limit": PAGE,
            "include_all_metadata": True,
        }
        cursor, count = self._left.pop(key, ("", 0))
        while count < MOST_READ:
            more: Json = {"cursor": cursor} if cursor else {}
            try:
                if address.thread_id:
                    answer = await self._client.conversations_replies(
                        ts=address.thread_id, **arguments, **more
                    )
                else:
                    answer = await self._client.conversations_history(**arguments, **more)
            except TRANSIENT as error:
                if cursor and not is_about_this(error):
                    self._keep(key, cursor, count)
                raise
            for message in items(answer.get("messages")):
                count += 1
                if microseconds(message.get("ts")):  # what has no id is no message of ours
                    yield message
            cursor = string(mapping(answer.get("response_metadata")).get("next_cursor"))
            if not cursor:
                return

    def _keep(self, key: str, cursor: str, count: int) -> None:
        self._left[key] = cursor, count
        while len(self._left) > MOST_LEFT:
            self._left.popitem(last=False)
