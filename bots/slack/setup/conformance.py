"""Slack tried in a channel: what is posted there is removed, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.staying import all_tried
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.client.transport import Transport, application, speaking_for
from bots.slack.setup.assumptions import ASSUMPTIONS
from bots.slack.setup.preflight import check_app_token, identify
from bots.slack.setup.stay import MOST_WAIT, Stay, patiently, word_of
from host.config import Slack
from host.ports.bot import BotConfigError
from host.ports.conformance import Assumption, NotTried, Operator, Outcome

Json = dict[str, Any]

BUTTON = "dovecote_conformance"
MOST_CALL = 30.0  # s of one call
REMEDIES = {
    "channel_not_found": "there is no such channel, or the bot is not in it: write `/invite @…` there, and give the channel's id",
    "missing_scope": "a scope is missing: add what `dovecote doctor` names, and install the app again",
}


async def conformance(
    settings: Slack, client: AsyncWebClient, tokens: tuple[str, str], channel: str, operator: Operator
) -> Sequence[Outcome]:
    """`tokens`: the app's, and the signing secret. Raises `BotConfigError` where the channel or the token does not allow it."""
    identity = await identify(client)
    await check_app_token(client, tokens[0], settings)
    await _may_stay(client, channel)
    stay = Stay(client, channel, identity.team, settings.message_interval)
    return await all_tried(stay, _pressed(stay, settings, tokens, operator), ASSUMPTIONS, _tried, operator)


async def _may_stay(client: AsyncWebClient, channel: str) -> None:
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError as error:
        code = code_of(error)
        raise BotConfigError(f"Slack: {REMEDIES.get(code, f'the channel cannot be read: {code}')}") from error
    if not found.get("is_member"):
        raise BotConfigError("Slack: the bot is not in this channel: write `/invite @…` there")


async def _tried(stay: Stay, assumption: Assumption[Stay]) -> Outcome:
    try:
        async with asyncio.timeout(MOST_WAIT + 4 * MOST_CALL):
            seen = await patiently(lambda: assumption.see(stay))
    except NotTried as reason:
        return Outcome(assumption.name, assumption.expected, "", str(reason))
    except SlackApiError as error:
        seen = word_of(error)
    except TRANSIENT as error:
        return Outcome(assumption.name, assumption.expected, "", f"no answer ({type(error).__name__})")
    return Outcome(assumption.name, assumption.expected, seen)


async def _pressed(stay: Stay, settings: Slack, tokens: tuple[str, str], operator: Operator) -> None:
    """Has somebody press a button, so that a click's fields are seen and somebody is known who is in the channel."""
    if not operator.wait:
        return
    heard = asyncio.Event()

    async def clicked(ack: Any, body: Json) -> None:
        await ack()
        if not heard.is_set():
            stay.click, stay.person = body, str((body.get("user") or {}).get("id") or "")
            heard.set()

    app = application(settings, speaking_for(stay.client), tokens[1])
    app.action(BUTTON)(clicked)
    transport = Transport(app, settings, *tokens)
    try:
        await transport.open()
        button = {"type": "button", "action_id": BUTTON, "text": {"type": "plain_text", "text": "Press me"}}
        await stay.post(blocks=[{"type": "actions", "elements": [button | {"value": "pressed"}]}])
        operator.tell(f"Press the button in the channel, within {operator.wait:.0f} s.")
        async with asyncio.timeout(operator.wait):
            await heard.wait()
    except (*TRANSIENT, NotTried):
        stay.why_no_click = "no click arrived in time"
    finally:
        await transport.close()
