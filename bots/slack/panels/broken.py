"""A click, form, shortcut or command over which its listener broke: it is noted, and whoever made it is told in words.

Slack sends none of them again, and its own sign beside a button says neither what happened nor what to do.
"""

from __future__ import annotations

import logging
from typing import Any

from slack_bolt.kwargs_injection.async_args import AsyncArgs

from bots.common import words
from bots.common.shapes import items, mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.commands.asking import refusal_of
from bots.slack.panels import panels
from bots.slack.panels.clicks import clicked_in
from bots.slack.reading.events import Reader
from bots.slack.sending import links
from host.ports.bot import Ingest
from host.words import told

log = logging.getLogger(__name__)
Json = dict[str, Any]


async def tell(args: AsyncArgs, error: Exception, reader: Reader, host: Ingest) -> None:
    """Acknowledged where its author was told; else Slack's sign stands for the words."""
    transient = isinstance(error, TRANSIENT)
    body: Json = args.body
    kind = string(body.get("type")) or "command"
    log.warning(
        "A %s was not carried out: %s",
        kind,
        type(error).__name__,
        exc_info=None if transient else error,
        extra={"action": "interaction_broke"},
    )
    user = string(mapping(body.get("user")).get("id")) or string(body.get("user_id"))
    place = clicked_in(body) or string(body.get("channel_id"))
    refusal = refusal_of(error) if transient else words.BUSY
    text = told(refusal, await reader.language(user, place, host))
    if kind == "view_submission":
        await args.ack(**_in_the_form(mapping(body.get("view")), text))
    elif kind == "command":
        await args.ack(text=links.unlinked(panels.escaped(text)))
    elif await _whispered(args, user, place, links.unlinked(panels.escaped(text))):
        await args.ack()


async def _whispered(args: AsyncArgs, user: str, place: str, text: str) -> bool:
    try:
        if string(args.body.get("response_url")):
            await args.respond(text=text, response_type="ephemeral", replace_original=False)
        else:
            await args.client.chat_postEphemeral(channel=place, user=user, text=text)
    except (*TRANSIENT, ValueError) as again:
        log.info("Its author could not be told: %s", type(again).__name__)
        return False
    return True


def _in_the_form(view: Json, text: str) -> Json:
    """Below its first field, so that what was written stays; a form without any shows the words instead."""
    fields = [
        string(block.get("block_id")) for block in items(view.get("blocks")) if block.get("type") == "input"
    ]
    if fields and fields[0]:
        return {"response_action": "errors", "errors": {fields[0]: text}}
    shown = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Dovecote"},
        "blocks": [panels.section(panels.escaped(text))],
    }
    return {"response_action": "update", "view": shown}
