"""A look at Discord for the doctor: token, intents, servers and permissions, owners, routes. Opens no connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import discord

from bots.common import answering
from bots.discord.client import errors, wire
from host.config import Config
from host.ports import unreachable
from host.ports.bot import BotConfigError
from host.ports.findings import Finding

WHAT = "Discord"
SETTING = "discord.api_url"
MOST_OWNERS = 10  # that are looked up
MOST_CHANNELS = 20  # of routes


async def look(token: str, config: Config, texts: tuple[str, str]) -> list[Finding]:
    """`texts`: what is said of a refused token and of a missing intent. Raises `BotConfigError`."""
    refused, intent_missing = texts
    client = discord.Client(**wire.options())
    try:
        async with client:
            await client.login(token)
            flags = client.application_flags
            if not (flags.gateway_message_content or flags.gateway_message_content_limited):
                raise BotConfigError(intent_missing)
            return [finding async for finding in _seen(client, config)]
    except discord.LoginFailure as error:
        raise BotConfigError(refused) from error
    except (discord.DiscordException, *errors.TRANSPORT) as error:
        return [_unreachable(error, config)]


def _unreachable(error: Exception, config: Config) -> Finding:
    if isinstance(error, discord.HTTPException):
        if error.status == 429 or error.status >= 500:
            seen, remedy = f"Discord answers {error.status}", "Wait: it is tried again by itself"
            return Finding(WHAT, False, seen, f"{remedy}; discordstatus.com tells of troubles")
        error = unreachable.Odd(f"answers {error.status}, which is not Discord")
    words = unreachable.because(error, config.discord.api_url, SETTING)
    return Finding(WHAT, False, words.problem, words.remedy)


async def _seen(client: discord.Client, config: Config) -> AsyncIterator[Finding]:
    guilds = [guild async for guild in client.fetch_guilds(limit=200)]
    yield Finding(WHAT, True, f"{client.user}, with every intent, in {len(guilds)} servers")
    if not guilds:
        link = wire.invite(client.application_id or 0)
        yield Finding("Discord's servers", False, "the bot is in none", f"Invite it: {link}")
    async for finding in _routes(client, config):
        yield finding
    async for finding in _owners(client, config):
        yield finding


async def _routes(client: discord.Client, config: Config) -> AsyncIterator[Finding]:
    for number, channel in list(_routed(config))[:MOST_CHANNELS]:
        if not channel.isdigit() or not await _is_there(client.fetch_channel, channel):
            seen = f"number {number} is for channel {channel} of Discord, which the bot cannot see"
            yield Finding("Route", False, seen, "Let the bot see the channel, or correct the channel's id")


def _routed(config: Config) -> Iterator[tuple[int, str]]:
    for number, route in enumerate(config.routes, 1):
        if route.platform == "discord" and route.engage != "off" and route.channel != "*":
            yield number, route.channel


async def _owners(client: discord.Client, config: Config) -> AsyncIterator[Finding]:
    for owner in sorted(answering.ids_on("discord", config.access.owners))[:MOST_OWNERS]:
        if not owner.isdigit() or not await _is_there(client.fetch_user, owner):
            remedy = "Correct access.owners: with Developer Mode on, a person's menu copies their id"
            yield Finding("Owners", False, f"discord:{owner} is nobody there", remedy)


async def _is_there(fetch: Any, id_: str) -> bool:
    try:
        await fetch(int(id_))
    except (discord.NotFound, discord.Forbidden):
        return False
    return True
