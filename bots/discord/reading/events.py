"""From what Discord says to `InboundEvent`s. Pure: everything needed is in the arguments."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal

import discord

from bots.common.shapes import Json
from bots.discord.client import places
from bots.discord.reading import saying
from bots.discord.reading.names import Names
from bots.discord.reading.saying import Spoken
from host.ports.events import Author, EventClass, InboundEvent, Said, Viewer

_PERSON = re.compile(r"<@!?(\d{1,20})>")
_CHANNEL = re.compile(r"<#(\d{1,20})>|\"channel_id\": \"(\d{1,20})\"")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def author_of(user: discord.User | discord.Member, locale: str = "") -> Author:
    """`locale`: of an interaction; messages do not say it."""
    roles = (
        tuple(str(role.id) for role in user.roles if not role.is_default())
        if isinstance(user, discord.Member)
        else ()
    )
    guest = isinstance(user, discord.Member) and (user.flags.guest or user.pending)
    return Author(str(user.id), user.display_name, is_bot=user.bot, groups=roles, guest=guest, locale=locale)


def viewer(interaction: discord.Interaction[Any]) -> Viewer | None:
    """None where agents do not live."""
    address = places.address_of(interaction.channel)
    if address is None:
        return None
    return Viewer(
        author_of(interaction.user, str(interaction.locale)), address, places.privacy_of(interaction.channel)
    )


def names_for(client: discord.Client, guild: discord.Guild | None, message: Json) -> Names:
    """What the library knows of the numbers in a message's words."""
    me = str(client.user.id) if client.user is not None else ""
    roles = guild.roles if guild is not None else ()
    users = {f"&{role.id}": role.name for role in roles}
    text = json.dumps(message, default=str)
    for id_ in _PERSON.findall(text):
        if guild is not None and (member := guild.get_member(int(id_))) is not None:
            users[id_] = member.display_name
    channels = {
        id_: str(getattr(found, "name", "") or "")
        for pair in _CHANNEL.findall(text)
        for id_ in pair
        if id_ and (found := client.get_channel(int(id_))) is not None
    }
    mine = frozenset(
        str(role.id) for role in roles if role.tags is not None and str(role.tags.bot_id or "") == me
    )
    return Names(users, channels, me, mine)


def message(
    said: discord.Message,
    where: discord.abc.MessageableChannel,
    spoken: Spoken,
    bot: discord.ClientUser,
    member: discord.Member | None = None,
) -> InboundEvent | None:
    """None for what nobody said, and where agents do not live. `member` knows roles, which histories leave out."""
    address = places.address_of(where)
    kind = said.type.value
    if address is None or kind not in saying.SPOKEN | saying.TOLD or said.author.id == bot.id:
        return None
    opens = places.can_open_thread(where)
    return InboundEvent(
        event_class=EventClass.MESSAGE,
        address=address,
        natural_id=str(said.id),
        author=author_of(member or said.author),
        at=int(said.created_at.timestamp() * 1000),
        text=_with_title(spoken.text, where, said.id),
        opening=spoken.opening,
        platform_message_id=str(said.id),
        mentioned=spoken.mentioned,
        privacy=places.privacy_of(where),
        replies_to=_replied_to(said) if opens else "",
        opens_thread=str(said.id) if opens else "",
        untitled=opens,
        files=spoken.files,
        parts=spoken.parts,
        remark=kind in saying.TOLD,
    )


def said_before(said: discord.Message, spoken: Spoken, bot: discord.ClientUser) -> Said:
    by: Literal["", "bot", "agent"] = (
        "agent" if said.author.id == bot.id else "bot" if said.author.bot else ""
    )
    at = int(said.created_at.timestamp() * 1000)
    return Said(
        spoken.text,
        said.author.display_name,
        str(said.author.id),
        by,
        at,
        str(said.id),
        spoken.parts,
        spoken.files,
    )


def edit(
    said: discord.Message,
    where: discord.abc.MessageableChannel,
    now: Spoken,
    before: Spoken | None,
    bot: discord.ClientUser,
    member: discord.Member | None = None,
) -> InboundEvent | None:
    """None where it says what it said: Discord announces previews as edits. None for the bot's own messages, too.

    One that names the bot for the first time carries all that its message would.
    """
    if before is not None and before.gist == now.gist and before.mentioned == now.mentioned:
        return None
    if before is None and said.edited_at is None:
        return None
    found = message(said, where, now, bot, member)
    if found is None:
        return None
    moment = int((said.edited_at or said.created_at).timestamp() * 1000)
    mark = str(moment) if said.edited_at is not None else sha256(repr(now.gist).encode()).hexdigest()[:16]
    return replace(
        found,
        event_class=EventClass.EDIT,
        natural_id=f"{said.id}:{mark}",
        at=moment,
        mentioned=now.mentioned and not (before is not None and before.mentioned),
    )


def refiled(
    said: discord.Message,
    post: discord.Thread,
    spoken: Spoken,
    bot: discord.ClientUser,
    member: discord.Member | None,
) -> InboundEvent | None:
    """A forum post is called otherwise or filed under something else, and its first message reads so. Discord tells no time."""
    if (found := message(said, post, spoken, bot, member)) is None:
        return None
    at = now_ms()
    return replace(
        found, event_class=EventClass.EDIT, natural_id=f"{said.id}:filed:{at}", at=at, mentioned=False
    )


def deletion(message_id: int, where: discord.abc.MessageableChannel) -> InboundEvent | None:
    """Discord does not say who deleted: whoever was allowed to. None where agents do not live."""
    if (address := places.address_of(where)) is None:
        return None
    return InboundEvent(
        event_class=EventClass.DELETE,
        address=address,
        natural_id=str(message_id),
        author=Author("discord", "somebody"),
        at=now_ms(),
        platform_message_id=str(message_id),
        privacy=places.privacy_of(where),
    )


def reaction(
    raw: discord.RawReactionActionEvent,
    where: discord.abc.MessageableChannel,
    author: Author,
    at: int,
    excerpt: str,
    *,
    added: bool,
    ours: bool,
) -> InboundEvent | None:
    """`at` is when it was first told, ms UTC: Discord gives it no id. `excerpt` is of what is reacted to, where that is
    `ours`. None where agents do not live.
    """
    if (address := places.address_of(where)) is None:
        return None
    emoji = raw.emoji.name or str(raw.emoji)
    deed = "added" if added else "removed"
    return InboundEvent(
        event_class=EventClass.REACTION,
        address=address,
        natural_id=f"{raw.message_id}:{raw.user_id}:{raw.emoji}:{deed}:{at}",
        author=author,
        at=at,
        text=f"to your “{excerpt}”" if excerpt else "",
        platform_message_id=str(raw.message_id),
        mentioned=ours,
        privacy=places.privacy_of(where),
        value=emoji if added else f"{emoji} (taken back)",
    )


def _replied_to(said: discord.Message) -> str:
    if said.type is not discord.MessageType.reply or said.reference is None:
        return ""
    return str(said.reference.message_id or "")


def _with_title(text: str, where: discord.abc.MessageableChannel, message_id: int) -> str:
    """A forum post's first message bears its title and tags, before and after an edit."""
    head = places.post_head(where, message_id)
    return f"{head}\n\n{text}".strip() if head else text
