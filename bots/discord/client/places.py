"""Addresses: a guild's channel is the channel, its thread the thread; a DM has no guild.

A private thread is a channel of its own, so that what was said in it shares no workspace with its siblings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord

from host.ports.events import Privacy
from sessiondb import Address

PLATFORM = "discord"
TEXT = ("view_channel", "read_message_history")  # what it takes to read what was said
VOICE = (*TEXT, "connect")


def address_of(channel: object) -> Address | None:
    """None where agents do not live (categories, group DMs, stages)."""
    if isinstance(channel, discord.DMChannel):
        return Address(PLATFORM, "", str(channel.id))
    if isinstance(channel, discord.Thread):
        parent = channel.id if channel.is_private() else channel.parent_id
        return Address(PLATFORM, str(channel.guild.id), str(parent), str(channel.id))
    if isinstance(channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel):
        return Address(PLATFORM, str(channel.guild.id), str(channel.id))
    return None


def address_clicked(interaction: discord.Interaction[Any]) -> Address:
    """Where a click or command was made, also where no agents live; the same for everybody whom Discord tells of it."""
    guild = "" if interaction.guild_id is None else str(interaction.guild_id)
    found = address_of(interaction.channel)
    return found or Address(PLATFORM, guild, str(interaction.channel_id or ""))


def channel_address(channel: discord.abc.GuildChannel) -> Address:
    """Of a channel that may itself have no conversations but in its threads, as a forum."""
    return Address(PLATFORM, str(channel.guild.id), str(channel.id))


def privacy_of(channel: object) -> Privacy:
    """Private is what not everyone of the guild may read; what cannot be told counts as private."""
    if isinstance(channel, discord.DMChannel):
        return "dm"
    if isinstance(channel, discord.Thread):
        return "private" if channel.is_private() else privacy_of(channel.parent)
    if isinstance(channel, discord.abc.GuildChannel):
        return "public" if _everyone_reads(channel) else "private"
    return "private"


def _everyone_reads(channel: discord.abc.GuildChannel) -> bool:
    """As far as the gateway told of it: what a click or command says of its channel has no overwrites."""
    known = channel.guild.get_channel(channel.id)
    everyone: discord.Role | None = channel.guild.get_role(channel.guild.id)
    if known is None or everyone is None:
        return False
    return reads(known, everyone) and not _shuts_out_somebody(known)


def reads(channel: discord.abc.GuildChannel, who: discord.Member | discord.Role) -> bool:
    may = channel.permissions_for(who)
    return all(getattr(may, name) for name in _needed(channel))


def _needed(channel: discord.abc.GuildChannel) -> Sequence[str]:
    return VOICE if isinstance(channel, discord.VoiceChannel | discord.StageChannel) else TEXT


def _shuts_out_somebody(channel: discord.abc.GuildChannel) -> bool:
    """A role or a person who may not read what everybody else reads."""
    return any(
        getattr(overwrite, name) is False and not _is_nobody(target)
        for target, overwrite in channel.overwrites.items()
        for name in _needed(channel)
    )


def _is_nobody(target: object) -> bool:
    """A bot's own role, and one that is not in the server any more. Which people are bots is not told of all."""
    if isinstance(target, discord.Role):
        return target.is_bot_managed()
    return isinstance(target, discord.Object) and target.type is discord.Role


def lobby(guild: discord.Guild) -> discord.TextChannel | None:
    """Where a newcomer says hello: the channel for such news, else the first in which it may speak."""
    rooms = [*([guild.system_channel] if guild.system_channel is not None else []), *guild.text_channels]
    for room in rooms:
        may = room.permissions_for(guild.me)
        if may.view_channel and may.send_messages:
            return room
    return None


def can_open_thread(channel: object) -> bool:
    return isinstance(channel, discord.TextChannel)


def channel_id(address: Address) -> int:
    """Where a message to this address is posted."""
    return int(address.thread_id or address.platform_id)


def room_of(address: Address, message_id: str, parent: object) -> int:
    """The channel a message stands in. A thread's starter is in the channel it hangs from, a post's in the post."""
    if message_id == address.thread_id and not isinstance(parent, discord.ForumChannel):
        return int(address.platform_id)
    return channel_id(address)


def post_title(channel: object, message_id: int) -> str:
    """Of the forum post that this message begins; '' when it begins none."""
    if not isinstance(channel, discord.Thread) or channel.id != message_id:
        return ""
    return channel.name if isinstance(channel.parent, discord.ForumChannel) else ""


def post_head(channel: object, message_id: int) -> str:
    """How the first message of a forum post begins: its title, and what it is filed under; '' for any other."""
    title = post_title(channel, message_id)
    tags = ", ".join(post_tags(channel)) if title else ""
    return f"{title}\n[tags: {tags}]" if tags else title


def post_tags(channel: object) -> list[str]:
    """Of a forum post: what its author filed it under, by name."""
    return [tag.name for tag in channel.applied_tags] if isinstance(channel, discord.Thread) else []
