"""From what Discord says to `InboundEvent`s. Pure: everything needed is in the arguments."""

from __future__ import annotations

import time
from typing import Any, Literal

import discord

from bots.common import commands
from bots.discord.client import places
from bots.markup import discord as markup
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Said, Viewer
from sessiondb.content import Part

SAID = (discord.MessageType.default, discord.MessageType.reply)  # the others are announcements of Discord


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def author_of(user: discord.User | discord.Member) -> Author:
    roles = (
        tuple(str(role.id) for role in user.roles if not role.is_default())
        if isinstance(user, discord.Member)
        else ()
    )
    return Author(str(user.id), user.display_name, is_bot=user.bot, groups=roles)


def viewer(interaction: discord.Interaction[Any]) -> Viewer | None:
    """None where agents do not live."""
    address = places.address_of(interaction.channel)
    if address is None:
        return None
    return Viewer(author_of(interaction.user), address, places.privacy_of(interaction.channel))


def message(
    said: discord.Message,
    where: discord.abc.MessageableChannel,
    bot: discord.ClientUser,
    so_far: tuple[Said, ...] = (),
    member: discord.Member | None = None,
    parts: tuple[Part, ...] = (),
) -> InboundEvent | None:
    """None for what no person said, and where agents do not live. `member` knows roles, which histories leave out."""
    address = places.address_of(where)
    if address is None or said.type not in SAID or said.author.id == bot.id:
        return None
    _, mentioned = text_of(said, said.content, bot)
    text, files = contents(said, bot)
    text = _with_title(text, where, said.id)
    found = InboundEvent(
        event_class=EventClass.MESSAGE,
        address=address,
        natural_id=str(said.id),
        author=author_of(member or said.author),
        at=int(said.created_at.timestamp() * 1000),
        text=text,
        platform_message_id=str(said.id),
        mentioned=mentioned or bot in said.mentions or _role_mentioned(said, bot),
        privacy=places.privacy_of(where),
        replies_to=_replied_to(said) if places.can_open_thread(where) else "",
        opens_thread=str(said.id) if places.can_open_thread(where) else "",
        files=files,
        parts=parts,
        thread_so_far=so_far,
    )
    return commands.obeyed(found)


def contents(said: discord.Message, bot: discord.ClientUser) -> tuple[str, tuple[IncomingFile, ...]]:
    """Its text and its files, with those of the message that it forwards: a forward has nothing else."""
    text, _ = text_of(said, said.content, bot)
    for forwarded in said.message_snapshots:
        quoted, _ = text_of(said, forwarded.content, bot)
        text = f"{text}\n\nForwarded:\n\n{quoted}".strip()
    attached = [*said.attachments, *(file for one in said.message_snapshots for file in one.attachments)]
    return text, tuple(map(_file, attached))


def text_of(said: discord.Message, content: str, bot: discord.ClientUser) -> tuple[str, bool]:
    """As Markdown, without the bot's own name in front, and whether the bot is named in it."""
    users = {str(user.id): user.display_name for user in said.mentions}
    users |= {f"&{role.id}": role.name for role in said.role_mentions}
    channels = {str(channel.id): getattr(channel, "name", "") for channel in said.channel_mentions}
    _, mentioned = markup.inbound(content, users, channels, str(bot.id))
    for mark in (f"<@{bot.id}>", f"<@!{bot.id}>"):
        content = content.removeprefix(mark).lstrip() if content.startswith(mark) else content
    text, _ = markup.inbound(content, users, channels, str(bot.id))
    return text, mentioned


def replied_to(said: discord.Message, bot: discord.ClientUser) -> tuple[Part, ...]:
    """What a message of a channel replies to: "what is this?" means nothing without it."""
    original = said.reference.resolved if said.reference is not None else None
    if not isinstance(original, discord.Message) or original.author.id == bot.id:
        return ()
    text, _ = text_of(original, original.content, bot)
    author = original.author
    return (Part("quoted", text, author=author.display_name, author_id=str(author.id)),) if text else ()


def said_before(said: discord.Message, bot: discord.ClientUser) -> Said:
    by: Literal["", "bot", "agent"] = (
        "agent" if said.author.id == bot.id else "bot" if said.author.bot else ""
    )
    text, _ = text_of(said, said.content, bot)
    at = int(said.created_at.timestamp() * 1000)
    return Said(text, said.author.display_name, str(said.author.id), by, at, str(said.id))


def edit(
    raw: discord.RawMessageUpdateEvent, where: discord.abc.MessageableChannel, bot: discord.ClientUser
) -> InboundEvent | None:
    """None for link previews, which Discord announces as edits, for the bot's own messages, and where agents do not live."""
    address = places.address_of(where)
    if address is None:
        return None
    said, before = raw.message, raw.cached_message
    if said.author.id == bot.id or said.edited_at is None:
        return None
    if before is not None and before.content == said.content:
        return None
    edited = int(said.edited_at.timestamp() * 1000)
    text, _ = text_of(said, said.content, bot)
    return InboundEvent(
        event_class=EventClass.EDIT,
        address=address,
        natural_id=f"{said.id}:{edited}",
        author=author_of(said.author),
        at=edited,
        text=_with_title(text, where, said.id),
        platform_message_id=str(said.id),
        privacy=places.privacy_of(where),
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
    raw: discord.RawReactionActionEvent, where: discord.abc.MessageableChannel, added: bool, at: int
) -> InboundEvent | None:
    """`at` is when it was first told, ms UTC: Discord gives it no id. None where agents do not live."""
    if (address := places.address_of(where)) is None:
        return None
    emoji = raw.emoji.name or str(raw.emoji)
    deed = "added" if added else "removed"
    author = author_of(raw.member) if raw.member is not None else Author(str(raw.user_id))
    return InboundEvent(
        event_class=EventClass.REACTION,
        address=address,
        natural_id=f"{raw.message_id}:{raw.user_id}:{raw.emoji}:{deed}:{at}",
        author=author,
        at=at,
        platform_message_id=str(raw.message_id),
        privacy=places.privacy_of(where),
        value=emoji if added else f"{emoji} (taken back)",
    )


def _replied_to(said: discord.Message) -> str:
    if said.type is not discord.MessageType.reply or said.reference is None:
        return ""
    return str(said.reference.message_id or "")


def _with_title(text: str, where: discord.abc.MessageableChannel, message_id: int) -> str:
    """A forum post's first message bears its title, before and after an edit."""
    title = places.post_title(where, message_id)
    return f"{title}\n\n{text}".strip() if title else text


def _file(attachment: discord.Attachment) -> IncomingFile:
    media_type = (attachment.content_type or "application/octet-stream").partition(";")[0]
    return IncomingFile(attachment.filename, media_type, attachment.size, attachment.url)


def _role_mentioned(said: discord.Message, bot: discord.ClientUser) -> bool:
    """Discord gives each bot a role of its own name, and offers it beside the bot when one types @."""
    return any(role.tags is not None and role.tags.bot_id == bot.id for role in said.role_mentions)
