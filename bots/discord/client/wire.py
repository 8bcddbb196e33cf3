"""The connection to Discord: which events, which address, how long a rate limit may hold a call up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from host import config

GUILDS_ARRIVE_WITHIN = (
    0.5  # s of silence after which no more guilds are expected; later ones are caught up with
)

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
    embed_links=True,
    add_reactions=True,
)


def intents() -> discord.Intents:
    """What is used and nothing else; Message Content is privileged and has to be switched on in the portal."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        guild_reactions=True,
        dm_reactions=True,
        message_content=True,
    )


def point_at(settings: config.Discord) -> None:
    """The library keeps both addresses in classes: they hold for the whole process."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here: no advice about it
    Route.BASE = settings.api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)


def options() -> dict[str, Any]:
    """For `discord.Client`."""
    return {
        "intents": intents(),
        "allowed_mentions": discord.AllowedMentions.none(),
        "guild_ready_timeout": GUILDS_ARRIVE_WITHIN,
        "member_cache_flags": discord.MemberCacheFlags.none(),
        "chunk_guilds_at_startup": False,
        "max_messages": 5_000,
    }


def missing_permissions(guild: discord.Guild) -> list[str]:
    return _lacking(guild.me.guild_permissions)


def hindered_channels(guild: discord.Guild) -> dict[str, list[str]]:
    """Channels that the bot sees and cannot work in as everywhere else: their names, and what it lacks there."""
    usual = set(missing_permissions(guild))
    found: dict[str, list[str]] = {}
    rooms: list[discord.TextChannel | discord.ForumChannel] = [*guild.text_channels, *guild.forums]
    for channel in rooms:
        have = channel.permissions_for(guild.me)
        lacking = [name for name in _lacking(have) if name not in usual]
        if have.view_channel and lacking:
            found[channel.name] = lacking
    return found


def _lacking(have: discord.Permissions) -> list[str]:
    return [name for name, used in PERMISSIONS if used and not have.administrator and not getattr(have, name)]


def invite(application_id: int) -> str:
    """Where a server's owner adds the bot, with exactly the permissions it uses."""
    return discord.utils.oauth_url(
        application_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
    )


def people(users: Sequence[str]) -> Sequence[str]:
    """Those of them who can be Discord's."""
    return [user for user in users if user.isascii() and user.isdigit()]


def named(users: Sequence[str]) -> str:
    """What stands in front of a message that notifies these people; '' for nobody."""
    return "".join(f"<@{user}> " for user in people(users))
