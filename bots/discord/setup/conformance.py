"""Discord tried in a channel: what is posted there is removed, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import discord

from bots.common.staying import all_tried
from bots.discord.client import errors
from bots.discord.client.connecting import ended
from bots.discord.setup.assumptions import ASSUMPTIONS
from bots.discord.setup.stay import Stay, word_of
from host.ports.bot import BotConfigError
from host.ports.conformance import Assumption, NotTried, Operator, Outcome

Json = dict[str, Any]

BUTTON = "dovecote:conformance"
ACKNOWLEDGED = 6  # of a click: nothing changes
MOST = 180.0  # s of one assumption


async def conformance(token: str, channel: str, operator: Operator) -> Sequence[Outcome]:
    """Raises `BotConfigError` where the channel or the token does not allow it."""
    async with discord.Client(intents=discord.Intents.none(), enable_debug_events=True) as client:
        try:
            await client.login(token)
        except discord.LoginFailure as error:
            raise BotConfigError("Discord refuses the token: `dovecote doctor` says what to do") from error
        except (discord.DiscordException, *errors.TRANSPORT) as error:
            raise BotConfigError(f"Discord does not answer ({type(error).__name__}): try again") from error
        stay = await _stay(client, channel)
        return await all_tried(stay, _pressed(stay, operator), ASSUMPTIONS, _tried, operator)


async def _stay(client: discord.Client, channel: str) -> Stay:
    """Raises `BotConfigError`."""
    if not (channel.isascii() and channel.isdigit()):
        raise BotConfigError(
            "Discord: a channel is named by its id, a number (Developer Mode, Copy Channel ID)"
        )
    stay = Stay(client, int(channel))
    try:
        await stay.history()
    except discord.HTTPException as error:
        raise BotConfigError(
            f"Discord: the bot cannot read this channel ({word_of(error)}): let it in, and give the channel's id"
        ) from error
    except NotTried as error:
        raise BotConfigError(f"Discord: {error}: try again") from error
    return stay


async def _tried(stay: Stay, assumption: Assumption[Stay]) -> Outcome:
    try:
        async with asyncio.timeout(MOST):
            seen = await assumption.see(stay)
    except NotTried as reason:
        return Outcome(assumption.name, assumption.expected, "", str(reason))
    except TimeoutError:
        return Outcome(assumption.name, assumption.expected, "", "it took too long")
    except discord.HTTPException as error:
        seen = word_of(error)
    return Outcome(assumption.name, assumption.expected, seen)


async def _pressed(stay: Stay, operator: Operator) -> None:
    """Has somebody press a button, so that a click's fields are seen."""
    if not operator.wait:
        return
    heard = asyncio.Event()

    async def on_socket_raw_receive(frame: str) -> None:
        """As Discord sent it: the library fills in what it knows."""
        event = json.loads(frame)
        click: Json = event.get("d") or {}
        if event.get("t") != "INTERACTION_CREATE" or (click.get("data") or {}).get("custom_id") != BUTTON:
            return
        stay.click = {
            "custom_id": True,
            "message": (click.get("message") or {}).get("id"),
            "channel": click.get("channel_id") == str(stay.channel),
            "token": click.get("token"),
            "user": ((click.get("member") or click).get("user") or {}).get("id"),
        }
        heard.set()
        callback = "/interactions/{id}/{token}/callback"
        with contextlib.suppress(NotTried, discord.HTTPException):  # the press then looks as if it had failed
            await stay.call(
                "POST", callback, json={"type": ACKNOWLEDGED}, id=click["id"], token=click["token"]
            )

    stay.client.event(on_socket_raw_receive)
    connection = asyncio.create_task(stay.client.connect(reconnect=False), name="discord:conformance")
    try:
        button = {"type": 2, "style": 2, "label": "Press me", "custom_id": BUTTON}
        await stay.post(components=[{"type": 1, "components": [button]}])
        operator.tell(f"Press the button in the channel, within {operator.wait:.0f} s.")
        async with asyncio.timeout(operator.wait):
            await heard.wait()
    except (NotTried, TimeoutError, discord.HTTPException):
        stay.why_no_click = "no click arrived in time"
    finally:
        await ended(connection)
