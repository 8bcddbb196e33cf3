"""A question's message after it was posted: who has said yes so far, and how it ended. Calls raise slack-sdk's errors."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.answering import votes
from bots.slack.client.errors import is_rate_limited
from bots.slack.sending import links, rendering, spoken
from host.ports.controls import CallShown
from host.words import laid_out, say
from sessiondb import Address

Json = dict[str, Any]

LONGEST_SECTION = 3_000  # characters
LONGEST_TOOL = 1_000


async def show(
    client: AsyncWebClient, place: Address, ts: str, line: str, *, over: bool, as_clicked: Json | None = None
) -> None:
    """Puts the line below; takes the buttons away when it is `over`. Nothing changes where there are none any more.

    `as_clicked` is the message as Slack showed it with a click, for when it does not say what stands there now."""
    try:
        found = await _message(client, place, ts)
    except SlackApiError as error:
        if not as_clicked or not is_rate_limited(error):
            raise
        found = as_clicked
    blocks = found.get("blocks") or []
    if not any(block["type"] == "actions" for block in blocks):
        return
    shown = rendering.answered(blocks, line) if over else rendering.counted(blocks, line)
    await client.chat_update(
        channel=place.platform_id,
        ts=ts,
        text=links.unlinked(spoken.of(shown)),
        blocks=links.shown(shown),
    )


async def _message(client: AsyncWebClient, place: Address, ts: str) -> Json:
    # The thread's root comes first, whatever the range; alone by its ts a reply is not found everywhere.
    answer = await client.conversations_replies(
        channel=place.platform_id,
        ts=place.thread_id or ts,
        oldest=ts,
        latest=ts,
        inclusive=True,
        limit=2,
    )
    found: Json = next((m for m in answer["messages"] if m.get("ts") == ts), {})
    return found


def details(call: CallShown) -> Json:
    """A call as it would run, whole: nothing in it is read as marks, and its lines stand as they are."""
    head = {
        "type": "plain_text",
        "text": laid_out("{tool}\n{votes}", tool=call.tool[:LONGEST_TOOL], votes=votes(call)),
    }
    parts = [call.text[at : at + LONGEST_SECTION] for at in range(0, len(call.text), LONGEST_SECTION)]
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": say("What would run")},
        "close": {"type": "plain_text", "text": say("Close")},
        "blocks": [{"type": "section", "text": {**head, "emoji": False}}, *map(_as_is, parts)],
    }


def _as_is(text: str) -> Json:
    shown = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [shown]}
