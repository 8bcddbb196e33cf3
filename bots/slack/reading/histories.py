"""Reading what stands where a message of ours would, to find one whose sending has an unknown outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import Json, items, mapping, string
from bots.slack.reading.times import microseconds, slack_ts
from sessiondb import Address

EVENT_TYPE = "dovecote_delivery"  # Slack drops metadata whose event type has a dot
CLOCKS_APART = 300_000_000  # µs that Slack's clock and ours may differ
PAGE = 200
MOST_PAGES = 10


def marked(key: str, canvas: str = "") -> Json:
    """The metadata by which a message is found again, and the canvas that it links."""
    return {"event_type": EVENT_TYPE, "event_payload": {"id": key} | ({"canvas": canvas} if canvas else {})}


def key_of(message: Json) -> str:
    """The host's key in a message, '' where there is none."""
    return string(mapping(mapping(message.get("metadata")).get("event_payload")).get("id"))


def canvas_of(message: Json) -> str:
    """The id of the canvas that a message links, '' where it links none."""
    return string(mapping(mapping(message.get("metadata")).get("event_payload")).get("canvas"))


async def said_since(client: AsyncWebClient, address: Address, at: int) -> AsyncIterator[Json]:
    """What stands in the thread, or else the channel, from `at` on (ms by our clock)."""
    arguments: Json = {
        "channel": address.platform_id,
        "oldest": slack_ts(max(0, at * 1000 - CLOCKS_APART)),
        "limit": PAGE,
        "include_all_metadata": True,
    }
    cursor = ""
    for _ in range(MOST_PAGES):
        if cursor:
            arguments["cursor"] = cursor
        if address.thread_id:
            answer = await client.conversations_replies(ts=address.thread_id, **arguments)
        else:
            answer = await client.conversations_history(**arguments)
        for message in items(answer.get("messages")):
            if microseconds(message.get("ts")):  # what has no id is no message of ours
                yield message
        cursor = string(mapping(answer.get("response_metadata")).get("next_cursor"))
        if not cursor:
            return
