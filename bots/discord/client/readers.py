"""What somebody may read in Discord at this moment: their roles are asked for, channels are as the gateway has told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import groupby

import discord

from bots.discord.client import errors, places
from bots.discord.reading import events
from host.ports.bot import Rejected
from host.ports.events import Author
from sessiondb import Address


async def author(client: discord.Client, user: int) -> Author | None:
    """With the roles they have in all servers that the bot is in; None for somebody who is in none."""
    found = list((await _members(client, {guild.id for guild in client.guilds}, user)).values())
    if not found:
        return None
    known = [events.author_of(member) for member in found]
    groups = tuple(role for one in known for role in one.groups)
    return Author(known[0].id, known[0].name, groups=groups, guest=all(one.guest for one in known))


async def readable(client: discord.Client, user: int, channels: Collection[Address]) -> frozenset[Address]:
    """Raises `DeliveryError`."""
    ordered = sorted(channels)
    wanted = {int(one.workspace_id) for one in ordered if one.workspace_id.isdecimal()}
    with errors.translated():
        members = await _members(client, wanted or {guild.id for guild in client.guilds}, user)
        if not members:
            raise Rejected("this person is in none of these servers")
        found: set[Address] = set()
        for workspace, there in groupby(ordered, key=lambda one: one.workspace_id):
            member = members.get(int(workspace)) if workspace.isdecimal() else None
            if member is not None:
                found |= {one for one in there if await _reads(client, member, one.platform_id)}
    return frozenset(found)


async def _members(
    client: discord.Client, guilds: Collection[int], user: int
) -> Mapping[int, discord.Member]:
    found = {}
    for id_ in guilds:
        guild = client.get_guild(id_)
        try:
            if guild is not None:
                found[id_] = await guild.fetch_member(user)
        except discord.NotFound:  # has left, or never was there
            continue
    return found


async def _reads(client: discord.Client, member: discord.Member, channel_id: str) -> bool:
    if not channel_id.isdecimal():
        return False
    channel = member.guild.get_channel_or_thread(int(channel_id))
    if channel is None:
        channel = await _thread(client, member.guild, int(channel_id))
    if channel is None:
        return False
    if isinstance(channel, discord.Thread):
        return await _in_thread(channel, member)
    return places.reads(channel, member)


async def _thread(client: discord.Client, guild: discord.Guild, id_: int) -> discord.Thread | None:
    """One that sleeps is known to the platform alone."""
    try:
        found = await client.fetch_channel(id_)
    except (discord.NotFound, discord.Forbidden, discord.InvalidData):
        return None
    return found if isinstance(found, discord.Thread) and found.guild.id == guild.id else None


async def _in_thread(thread: discord.Thread, member: discord.Member) -> bool:
    """A private one has a channel of its own: it is for its members, and for who may manage threads."""
    if thread.parent is None:
        return False
    if not places.reads(thread.parent, member):
        return False
    if not thread.is_private() or thread.parent.permissions_for(member).manage_threads:
        return True
    try:
        await thread.fetch_member(member.id)
    except discord.NotFound:
        return False
    return True
