"""Permission bits and the algorithm that computes them (Discord docs, "Topics: Permissions")."""

from enum import IntFlag

from tests.fakes.discord import errors
from tests.fakes.discord.model import Channel, Guild, OverwriteKind, User


class Permission(IntFlag):
    """The bits this fake enforces or hands out by default."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38


NONE = Permission(0)
ALL = Permission(sum(Permission))
# What everyone may do in a fresh guild; it is what an invite with the usual bot scopes relies on.
EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)


def in_guild(guild: Guild, user: User) -> Permission:
    """Base permissions: @everyone's and those of every role; the owner and administrators have all."""
    member = guild.members.get(user.id)
    if member is None:
        return NONE
    if guild.owner is user:
        return ALL
    bits = guild.roles[guild.id].permissions
    for role_id in member.role_ids:
        bits |= guild.roles[role_id].permissions
    return ALL if bits & Permission.ADMINISTRATOR else Permission(bits)


def in_channel(channel: Channel, user: User) -> Permission:
    """Base permissions with the channel's overwrites: @everyone, then all roles, then the member.

    A thread takes its parent's overwrites. Docs, "Implicit Permissions": without VIEW_CHANNEL nothing is
    permitted. Docs, "Topics: Threads": a private thread is visible to its members and to MANAGE_THREADS.
    """
    if channel.guild is None:
        return ALL if user in channel.recipients else NONE
    bits = int(in_guild(channel.guild, user))
    if bits == ALL:
        return ALL
    place = channel.parent if channel.is_thread and channel.parent is not None else channel
    bits = _with_overwrites(bits, place, channel.guild, user)
    hidden = (
        channel.is_private_thread
        and user.id not in channel.thread_members
        and not bits & Permission.MANAGE_THREADS
    )
    if hidden or not bits & Permission.VIEW_CHANNEL:
        return NONE
    return Permission(bits)


def require(channel: Channel, user: User, *needed: Permission) -> None:
    """Refuses as the API does: 50001 for a channel one cannot see, 50013 for an act that is not permitted."""
    held = in_channel(channel, user)
    if not held & Permission.VIEW_CHANNEL:
        raise errors.missing_access()
    if any(not held & bit for bit in needed):
        raise errors.missing_permissions()


def _with_overwrites(bits: int, channel: Channel, guild: Guild, user: User) -> int:
    everyone = channel.overwrites.get(guild.id)
    if everyone is not None:
        bits = bits & ~everyone.deny | everyone.allow
    allow = deny = 0
    for role_id in guild.members[user.id].role_ids if user.id in guild.members else ():
        overwrite = channel.overwrites.get(role_id)
        if overwrite is not None and overwrite.kind is OverwriteKind.ROLE:
            allow |= overwrite.allow
            deny |= overwrite.deny
    bits = bits & ~deny | allow
    personal = channel.overwrites.get(user.id)
    if personal is not None and personal.kind is OverwriteKind.MEMBER:
        bits = bits & ~personal.deny | personal.allow
    return bits
