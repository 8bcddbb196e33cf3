"""Messages and reactions: what posting, editing, deleting and reacting does, whoever does it.

Sources: Discord docs, "Resources: Message" (Create, Edit, Delete Message, Allowed Mentions, Reactions) and
"Topics: Threads" (a message un-archives its thread and makes its author a member).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fakes.discord import errors, events, limits, payloads, permissions, threads
from tests.fakes.discord.clock import snowflake_ms
from tests.fakes.discord.errors import FormErrors
from tests.fakes.discord.events import Event
from tests.fakes.discord.model import (
    Channel,
    ChannelType,
    Interaction,
    Json,
    Message,
    MessageFlag,
    MessageType,
    Reaction,
    User,
)
from tests.fakes.discord.optional import spared
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.state import Upload, World, visible

USER_MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")
_ADDRESS = re.compile(r"(?<!\\)<https?://[^\s<>]+>|(?P<fetched>https?://[^\s<>)]+)", re.IGNORECASE)
_CODE = re.compile(r"(?<!\\)(?:```.*?```|`[^`]*`)", re.DOTALL)
CUSTOM_EMOJI = re.compile(r"\w{2,32}:\d+")
SENDER_FLAGS = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.IS_COMPONENTS_V2


@dataclass(frozen=True)
class Answer:
    """Marks a message as the app's answer to an interaction: sent by its webhook, allowed anywhere."""

    interaction: Interaction
    type: MessageType
    flags: int = 0


def create(world: World, author: User, channel: Channel, body: Json, files: Sequence[Upload] = ()) -> Message:
    """Posts as `author`; with `enforce_nonce`, a nonce seen lately returns the message it made then."""
    _require_sending(channel, author, body, files)
    limits.check_message(body, file_count=len(files))
    limits.check_not_empty(body, file_count=len(files))
    limits.check_files([len(file.data) for file in files], upload_limit(channel))
    earlier = _same_nonce(world, author, body)
    if earlier is not None:
        return earlier
    if channel.is_thread:
        threads.wake(world, channel, author)
    message = Message(world.ids.next(), channel, author)
    message.replies_to = _replied_to(world, channel, author, body)
    if message.replies_to is not None:
        message.type = MessageType.REPLY
    fill(world, message, body, files)
    if body.get("nonce") is not None:
        message.nonce = body["nonce"]
        world.nonces[author.id, str(body["nonce"])] = message
    return add(world, message)


def create_answer(
    world: World, answer: Answer, body: Json, files: Sequence[Upload] = (), *, path: limits.Path = ()
) -> Message:
    """Posts as the app in answer to an interaction; an ephemeral one is never dispatched."""
    channel = answer.interaction.channel
    limits.check_message(body, file_count=len(files), path=path)
    limits.check_files([len(file.data) for file in files], upload_limit(channel))
    message = Message(world.ids.next(), channel, world.bot, type=answer.type, flags=answer.flags)
    message.interaction = answer.interaction
    message.webhook_id = world.application_id
    if message.ephemeral:
        message.visible_to = answer.interaction.user
    fill(world, message, body, files)
    return add(world, message)


def add(world: World, message: Message) -> Message:
    channel = message.channel
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    if (
        channel.is_thread
        and message.type is not MessageType.THREAD_STARTER_MESSAGE
        and message.id != channel.id
    ):
        channel.total_messages += 1
    _publish(world, "MESSAGE_CREATE", message)
    return message


def fill(world: World, message: Message, body: Json, files: Sequence[Upload]) -> None:
    """Takes from `body` what it names; what it leaves out stays as it is (docs, Edit Message)."""
    if "content" in body:
        message.content = (body["content"] or "").strip()
    if "embeds" in body:
        message.embeds = [{"type": "rich", **embed} for embed in body["embeds"] or []]
    if "components" in body:
        message.components = body["components"] or []
    if "flags" in body:
        message.flags = message.flags & ~SENDER_FLAGS | int(body["flags"] or 0) & SENDER_FLAGS
    if "attachments" in body:
        kept = {int(entry["id"]) for entry in body["attachments"] or []}
        message.attachments = [item for item in message.attachments if item.id in kept]
    message.attachments = message.attachments + [world.store(message.channel, file) for file in files]
    _fill_mentions(world, message, body.get("allowed_mentions"))
    if message.author is world.bot and not message.flags & MessageFlag.SUPPRESS_EMBEDS:
        world.fetched += fetched(message.content)


def fetched(content: str) -> list[str]:
    """What Discord would fetch for a preview: whole brackets around an address keep it from that, unless escaped."""
    found = _ADDRESS.finditer(_CODE.sub("", content))
    return [match["fetched"] for match in found if match["fetched"]]


def edit(
    world: World, message: Message, body: Json, files: Sequence[Upload] = (), *, path: limits.Path = ()
) -> Message:
    # Docs, "Message Flags": once a message has components of the second kind, it never has content again.
    kind = message.flags & MessageFlag.IS_COMPONENTS_V2 if body.get("content") else 0
    flags = int(body.get("flags") or 0) | kind
    limits.check_message({**body, "flags": flags}, file_count=len(files), path=path)
    limits.check_files([len(file.data) for file in files], upload_limit(message.channel))
    fill(world, message, body, files)
    message.flags &= ~MessageFlag.LOADING
    message.edited_ms = snowflake_ms(world.ids.next())
    _publish(world, "MESSAGE_UPDATE", message)
    return message


def edit_as(
    world: World, editor: User, message: Message, body: Json, files: Sequence[Upload] = ()
) -> Message:
    permissions.require(message.channel, editor)
    if message.author is not editor:
        raise errors.wrong_author()
    if message.channel.archived:
        raise errors.thread_archived()
    return edit(world, message, body, files)


def delete_as(world: World, deleter: User, message: Message) -> None:
    if message.author is deleter:
        permissions.require(message.channel, deleter)
    elif message.channel.guild is None:
        raise errors.missing_permissions()
    else:
        permissions.require(message.channel, deleter, Permission.MANAGE_MESSAGES)
    delete(world, message)


def delete(world: World, message: Message) -> None:
    _forget(message)
    if not message.ephemeral:
        channel = message.channel
        data = {"id": str(message.id), **place(channel)}
        world.publish(Event("MESSAGE_DELETE", data, events.message_intent(channel), channel))


def delete_many(world: World, deleter: User, channel: Channel, doomed: Sequence[Message]) -> None:
    permissions.require(channel, deleter, Permission.MANAGE_MESSAGES)
    for message in doomed:
        _forget(message)
    data = {"ids": [str(message.id) for message in doomed], **place(channel)}
    world.publish(Event("MESSAGE_DELETE_BULK", data, events.message_intent(channel), channel))


def history(channel: Channel, viewer: User, query: dict[str, str]) -> list[Message]:
    """Newest first, at most `limit` (50, up to 100), around, before or after one id (docs, Get Messages).

    `after` returns the *oldest* messages beyond the id, still newest first: what paging forward needs.
    """
    permissions.require(channel, viewer)
    limit = int(query.get("limit", 50))
    if not 1 <= limit <= 100:
        found = FormErrors()
        code = "NUMBER_TYPE_MAX" if limit > 100 else "NUMBER_TYPE_MIN"
        found.add(("limit",), code, "int value should be between 1 and 100.")
        found.raise_if_any()
    if not permissions.in_channel(channel, viewer) & Permission.READ_MESSAGE_HISTORY:
        return []  # docs: without READ_MESSAGE_HISTORY no messages are returned
    shown = sorted((m for m in channel.messages.values() if visible(m, viewer)), key=lambda m: m.id)
    if "around" in query:
        middle = int(query["around"])
        older = [m for m in shown if m.id < middle][-(limit // 2) :]
        newer = [m for m in shown if m.id >= middle]
        chosen = (older + newer)[:limit]
    elif "after" in query:
        chosen = [m for m in shown if m.id > int(query["after"])][:limit]
    elif "before" in query:
        chosen = [m for m in shown if m.id < int(query["before"])][-limit:]
    else:
        chosen = shown[-limit:]
    return chosen[::-1]


def react(world: World, user: User, message: Message, emoji: str) -> None:
    permissions.require(message.channel, user, Permission.READ_MESSAGE_HISTORY)
    if not CUSTOM_EMOJI.fullmatch(emoji) and emoji.isascii():
        raise errors.unknown_emoji()
    if message.channel.archived:
        raise errors.thread_archived()
    reaction = message.reactions.get(emoji)
    if reaction is None:
        permissions.require(message.channel, user, Permission.ADD_REACTIONS)
        if len(message.reactions) >= limits.DISTINCT_REACTIONS:
            raise errors.too_many_reactions()
        reaction = message.reactions[emoji] = Reaction(emoji)
    if user.id in reaction.user_ids:
        return
    reaction.user_ids.append(user.id)
    extra: Json = {"message_author_id": str(message.author.id), "burst_colors": []}
    guild = message.channel.guild
    if guild is not None:
        extra["member"] = payloads.member(guild.members[user.id])
    _publish_reaction(world, "MESSAGE_REACTION_ADD", user, message, emoji, extra)


def unreact(world: World, remover: User, message: Message, emoji: str, owner: User) -> None:
    """`remover` takes back `owner`'s reaction; somebody else's needs MANAGE_MESSAGES."""
    permissions.require(message.channel, remover, *([] if owner is remover else [Permission.MANAGE_MESSAGES]))
    reaction = message.reactions.get(emoji)
    if reaction is None or owner.id not in reaction.user_ids:
        return
    reaction.user_ids.remove(owner.id)
    if not reaction.user_ids:
        del message.reactions[emoji]
    _publish_reaction(world, "MESSAGE_REACTION_REMOVE", owner, message, emoji, {})


def clear_reactions(world: World, remover: User, message: Message) -> None:
    permissions.require(message.channel, remover, Permission.MANAGE_MESSAGES)
    message.reactions.clear()
    data = {"message_id": str(message.id), **place(message.channel)}
    intent = events.reaction_intent(message.channel)
    world.publish(Event("MESSAGE_REACTION_REMOVE_ALL", data, intent, message.channel))


def announce_edit(world: World, message: Message) -> None:
    """MESSAGE_UPDATE without an edit, as when a thread is started from the message."""
    _publish(world, "MESSAGE_UPDATE", message)


def place(channel: Channel) -> Json:
    data: Json = {"channel_id": str(channel.id)}
    return data if channel.guild is None else {**data, "guild_id": str(channel.guild.id)}


def upload_limit(channel: Channel) -> int:
    return limits.UPLOAD if channel.guild is None else channel.guild.upload_limit


def _forget(message: Message) -> None:
    message.channel.messages.pop(message.id, None)
    message.deleted = True


def _publish(world: World, name: str, message: Message) -> None:
    if message.ephemeral:
        return
    data = payloads.gateway_message(message, world.bot)
    if name != "MESSAGE_CREATE":
        data.pop("nonce", None)
    intent = events.message_intent(message.channel)
    world.publish(Event(name, data, intent, message.channel, message))


def _publish_reaction(world: World, name: str, user: User, message: Message, emoji: str, extra: Json) -> None:
    data = {
        "user_id": str(user.id),
        "message_id": str(message.id),
        "emoji": payloads.emoji(emoji),
        "burst": False,
        "type": 0,
        **place(message.channel),
        **spared("reaction_event", extra),
    }
    world.publish(Event(name, data, events.reaction_intent(message.channel), message.channel))


def _require_sending(channel: Channel, author: User, body: Json, files: Sequence[Upload]) -> None:
    if channel.type in (ChannelType.CATEGORY, ChannelType.FORUM):
        raise errors.not_a_text_channel()
    needed = [Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES]
    if files:
        needed.append(Permission.ATTACH_FILES)
    if body.get("embeds"):
        needed.append(Permission.EMBED_LINKS)
    permissions.require(channel, author, *needed)
    if channel.guild is None and any(not r.accepts_dms for r in channel.recipients if r is not author):
        raise errors.cannot_message_user()
    may_wake = permissions.in_channel(channel, author) & Permission.MANAGE_THREADS
    if channel.archived and channel.locked and not may_wake:
        raise errors.thread_archived()


def _same_nonce(world: World, author: User, body: Json) -> Message | None:
    """Docs, Create Message: uniqueness is per author, not per channel, and only when it is asked for."""
    if body.get("nonce") is None or not body.get("enforce_nonce"):
        return None
    earlier = world.nonces.get((author.id, str(body["nonce"])))
    if earlier is None:
        return None
    age = world.clock.ms - snowflake_ms(earlier.id)
    return earlier if age < world.settings.nonce_window * 1000 else None


def _replied_to(world: World, channel: Channel, author: User, body: Json) -> Message | None:
    reference = body.get("message_reference")
    if not reference:
        return None
    permissions.require(channel, author, Permission.READ_MESSAGE_HISTORY)
    target = channel.messages.get(int(reference["message_id"]))
    if target is None and reference.get("fail_if_not_exists", True):
        found = FormErrors()
        found.add(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        found.raise_if_any()
    return target


def _fill_mentions(world: World, message: Message, allowed: Json | None) -> None:
    """Docs, "Allowed Mentions": without the object everything written counts, with it only what it lists."""
    rules = allowed or {}
    parse = {"users", "roles", "everyone"} if allowed is None else set(rules.get("parse") or ())
    user_ids = [int(found) for found in USER_MENTION.findall(message.content)]
    if "users" not in parse:
        user_ids = [i for i in user_ids if str(i) in {str(u) for u in rules.get("users") or ()}]
    role_ids = [int(found) for found in ROLE_MENTION.findall(message.content)]
    if "roles" not in parse:
        role_ids = [i for i in role_ids if str(i) in {str(r) for r in rules.get("roles") or ()}]
    pings_author = allowed is None or bool(rules.get("replied_user"))
    if message.type is MessageType.REPLY and message.replies_to is not None and pings_author:
        user_ids.append(message.replies_to.author.id)
    message.mentions = [world.users[i] for i in dict.fromkeys(user_ids) if i in world.users]
    guild = message.channel.guild
    message.mention_role_ids = [i for i in dict.fromkeys(role_ids) if guild is not None and i in guild.roles]
    may = permissions.in_channel(message.channel, message.author) & Permission.MENTION_EVERYONE
    wide = "@everyone" in message.content or "@here" in message.content
    message.mention_everyone = bool(may) and "everyone" in parse and wide
