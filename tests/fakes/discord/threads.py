"""Threads and forum posts (Discord docs, "Topics: Threads" and "Resources: Channel")."""

from collections.abc import Sequence

from tests.fakes.discord import errors, limits, messages, payloads, permissions
from tests.fakes.discord.clock import from_iso, snowflake_ms
from tests.fakes.discord.events import Event, Intent
from tests.fakes.discord.model import (
    Channel,
    ChannelType,
    Guild,
    Json,
    Message,
    MessageFlag,
    MessageType,
    User,
)
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.state import Upload, World

PARENTS = frozenset({ChannelType.TEXT, ChannelType.ANNOUNCEMENT})


def from_message(world: World, author: User, message: Message, body: Json) -> Channel:
    """The thread takes the message's id (docs, "Start Thread from Message"; FACTS)."""
    parent = message.channel
    if parent.type not in PARENTS:
        raise errors.wrong_channel_type()
    permissions.require(parent, author, Permission.CREATE_PUBLIC_THREADS)
    limits.check_thread(body)
    if message.thread is not None or message.id in world.channels:
        raise errors.thread_already_exists()
    announcement = parent.type is ChannelType.ANNOUNCEMENT
    kind = ChannelType.ANNOUNCEMENT_THREAD if announcement else ChannelType.PUBLIC_THREAD
    thread = _new(world, author, parent, message.id, kind, body)
    message.thread = thread
    message.flags |= MessageFlag.HAS_THREAD
    _publish_created(world, thread)
    messages.announce_edit(world, message)
    starter = Message(world.ids.next(), thread, author, type=MessageType.THREAD_STARTER_MESSAGE)
    starter.replies_to = message
    messages.add(world, starter)
    return thread


def without_message(world: World, author: User, parent: Channel, body: Json) -> Channel:
    """Docs, "Start Thread without Message": private unless a type is given; a public one is announced."""
    if parent.type not in PARENTS:
        raise errors.wrong_channel_type()
    kind = ChannelType(body.get("type") or ChannelType.PRIVATE_THREAD)
    private = kind is ChannelType.PRIVATE_THREAD
    needed = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
    permissions.require(parent, author, needed)
    limits.check_thread(body)
    thread = _new(world, author, parent, world.ids.next(), kind, body)
    _publish_created(world, thread)
    if not private:
        notice = Message(world.ids.next(), parent, author, thread.name, MessageType.THREAD_CREATED)
        notice.announces = thread
        messages.add(world, notice)
    return thread


def forum_post(
    world: World, author: User, forum: Channel, body: Json, files: Sequence[Upload] = ()
) -> tuple[Channel, Message]:
    """Docs, "Start Thread in Forum or Media Channel": thread and first message share one id."""
    permissions.require(forum, author, Permission.SEND_MESSAGES)
    limits.check_thread(body)
    if forum.requires_tag and not body.get("applied_tags"):
        raise errors.tag_required()
    first = body.get("message") or {}
    limits.check_message(first, file_count=len(files), path=("message",))
    limits.check_not_empty(first, file_count=len(files))
    limits.check_files([len(file.data) for file in files], messages.upload_limit(forum))
    thread = _new(world, author, forum, world.ids.next(), ChannelType.PUBLIC_THREAD, body)
    _publish_created(world, thread)
    message = Message(thread.id, thread, author)
    messages.fill(world, message, first, files)
    return thread, messages.add(world, message)


def edit(world: World, editor: User, thread: Channel, body: Json) -> Channel:
    """Docs, "Modify Channel": an archived thread can only be un-archived; locking takes MANAGE_THREADS."""
    permissions.require(thread, editor)
    manager = bool(permissions.in_channel(thread, editor) & Permission.MANAGE_THREADS)
    archived = bool(body.get("archived", thread.archived))
    if thread.archived and archived:
        raise errors.thread_archived()
    reopens = thread.archived and not archived
    allowed = manager or (not thread.locked and (thread.owner is editor or reopens))
    if not allowed or ("locked" in body and bool(body["locked"]) != thread.locked and not manager):
        raise errors.missing_permissions()
    limits.check_thread({"name": thread.name, **body})
    thread.name = body.get("name", thread.name)
    thread.locked = bool(body.get("locked", thread.locked))
    thread.invitable = bool(body.get("invitable", thread.invitable))
    thread.auto_archive_minutes = body.get("auto_archive_duration", thread.auto_archive_minutes)
    thread.applied_tags = [int(tag) for tag in body.get("applied_tags", thread.applied_tags)]
    _set_archived(world, thread, archived)
    _publish_updated(world, thread)
    return thread


def archive(world: World, thread: Channel) -> None:
    """What Discord does by itself when a thread was quiet for `auto_archive_duration`."""
    _set_archived(world, thread, True)
    _publish_updated(world, thread)


def wake(world: World, thread: Channel, author: User) -> None:
    """A message un-archives its thread, and its author becomes a member."""
    if thread.archived:
        _set_archived(world, thread, False)
        _publish_updated(world, thread)
    join(world, thread, author)


def join(world: World, thread: Channel, user: User) -> None:
    if user.id in thread.thread_members:
        return
    was_hidden = thread.is_private_thread and user is world.bot and not world.bot_sees(thread)
    thread.thread_members[user.id] = snowflake_ms(world.ids.next())
    if was_hidden:  # docs, "Thread Create": also sent when the current user is added to a private thread
        data = payloads.channel(thread, world.bot)
        world.publish(Event("THREAD_CREATE", data, Intent.GUILDS, thread))
    _publish_members(world, thread, added=[user], removed=[])


def leave(world: World, thread: Channel, user: User) -> None:
    if thread.thread_members.pop(user.id, None) is not None:
        _publish_members(world, thread, added=[], removed=[user])


def remove(world: World, remover: User, thread: Channel, user: User) -> None:
    needed = [] if thread.is_private_thread and thread.owner is remover else [Permission.MANAGE_THREADS]
    permissions.require(thread, remover, *needed)
    leave(world, thread, user)


def delete(world: World, deleter: User, channel: Channel) -> None:
    """Any guild channel; its threads go with it."""
    needed = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
    permissions.require(channel, deleter, needed)
    for thread in world.threads(channel):
        del world.channels[thread.id]
    data = payloads.channel(channel, world.bot)
    name = "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE"
    world.publish(Event(name, data, Intent.GUILDS, channel))
    del world.channels[channel.id]


def active(world: World, guild: Guild, viewer: User) -> list[Channel]:
    return [t for t in world.threads(guild) if not t.archived and _sees(t, viewer)]


def archived(
    world: World, viewer: User, parent: Channel, query: dict[str, str], *, private: bool, joined: bool = False
) -> tuple[list[Channel], bool]:
    """Archived threads, latest archived first (joined private ones: by id), and whether there are more."""
    permissions.require(parent, viewer, Permission.READ_MESSAGE_HISTORY)
    if private and not joined:
        permissions.require(parent, viewer, Permission.MANAGE_THREADS)
    found = [t for t in world.threads(parent) if t.archived and t.is_private_thread is private]
    before = query.get("before")
    if joined:
        found = [t for t in found if viewer.id in t.thread_members]
        if before is not None:
            found = [t for t in found if t.id < int(before)]
    else:
        found.sort(key=lambda thread: thread.archive_ms, reverse=True)
        if before is not None:
            moment = from_iso(before)
            found = [t for t in found if t.archive_ms < moment]
    limit = int(query.get("limit", 50))
    return found[:limit], len(found) > limit


def _new(
    world: World, author: User, parent: Channel, thread_id: int, kind: ChannelType, body: Json
) -> Channel:
    now = snowflake_ms(world.ids.next())
    thread = Channel(
        thread_id,
        kind,
        body["name"],
        parent.guild,
        parent,
        owner=author,
        archive_ms=now,
        auto_archive_minutes=body.get("auto_archive_duration") or 1440,
        invitable=bool(body.get("invitable", True)),
        applied_tags=[int(tag) for tag in body.get("applied_tags") or ()],
        thread_members={author.id: now},
    )
    world.channels[thread.id] = thread
    return thread


def _sees(thread: Channel, viewer: User) -> bool:
    return bool(permissions.in_channel(thread, viewer) & Permission.VIEW_CHANNEL)


def _set_archived(world: World, thread: Channel, archived: bool) -> None:
    if thread.archived != archived:
        thread.archived = archived
        thread.archive_ms = snowflake_ms(world.ids.next())


def _publish_created(world: World, thread: Channel) -> None:
    data = {**payloads.channel(thread, world.bot), "newly_created": True}
    world.publish(Event("THREAD_CREATE", data, Intent.GUILDS, thread))


def _publish_updated(world: World, thread: Channel) -> None:
    world.publish(Event("THREAD_UPDATE", payloads.channel(thread, world.bot), Intent.GUILDS, thread))


def _publish_members(world: World, thread: Channel, added: list[User], removed: list[User]) -> None:
    """Docs, "Thread Members Update": about others only with GUILD_MEMBERS, about oneself with GUILDS."""
    assert thread.guild is not None
    data = {
        "id": str(thread.id),
        "guild_id": str(thread.guild.id),
        "member_count": min(len(thread.thread_members), 50),
        "added_members": [
            {
                **payloads.thread_member(thread, user.id),
                "member": payloads.member(thread.guild.members[user.id]),
                "presence": None,
            }
            for user in added
        ],
        "removed_member_ids": [str(user.id) for user in removed],
    }
    about_bot = world.bot in added or world.bot in removed
    intent = Intent.GUILDS if about_bot else Intent.GUILD_MEMBERS
    # The bot hears of its own removal although it no longer sees the thread.
    world.publish(Event("THREAD_MEMBERS_UPDATE", data, intent, None if world.bot in removed else thread))
