"""REST: starting, listing and joining threads (Discord docs, "Resources: Channel")."""

from tests.fakes.discord import errors, payloads, permissions, threads
from tests.fakes.discord.journal import Call
from tests.fakes.discord.model import Channel, ChannelType, Json
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.rest import Route
from tests.fakes.discord.state import World


def start_from_message(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    permissions.require(channel, world.bot)
    message = world.message(channel, call.id("message"), world.bot)
    return payloads.channel(threads.from_message(world, world.bot, message, call.json), world.bot)


def start(world: World, call: Call) -> Json:
    parent = world.channel(call.id("channel"))
    if parent.type is not ChannelType.FORUM:
        thread = threads.without_message(world, world.bot, parent, call.json)
        return payloads.channel(thread, world.bot)
    thread, message = threads.forum_post(world, world.bot, parent, call.json, call.files)
    return {**payloads.channel(thread, world.bot), "message": world.rest_message(message)}


def list_active(world: World, call: Call) -> Json:
    return _listing(world, threads.active(world, world.guild(call.id("guild")), world.bot))


def list_archived_public(world: World, call: Call) -> Json:
    return _archived(world, call, private=False)


def list_archived_private(world: World, call: Call) -> Json:
    return _archived(world, call, private=True)


def list_archived_joined(world: World, call: Call) -> Json:
    return _archived(world, call, private=True, joined=True)


def join(world: World, call: Call) -> None:
    thread = _thread(world, call)
    _refuse_archived(thread)
    threads.join(world, thread, world.bot)


def leave(world: World, call: Call) -> None:
    thread = _thread(world, call)
    _refuse_archived(thread)
    threads.leave(world, thread, world.bot)


def add_member(world: World, call: Call) -> None:
    thread = _thread(world, call)
    _refuse_archived(thread)
    permissions.require(thread, world.bot, Permission.SEND_MESSAGES_IN_THREADS)
    assert thread.guild is not None
    threads.join(world, thread, world.member(thread.guild, call.id("user")).user)


def remove_member(world: World, call: Call) -> None:
    thread = _thread(world, call)
    _refuse_archived(thread)
    threads.remove(world, world.bot, thread, world.user(call.id("user")))


def list_members(world: World, call: Call) -> list[Json]:
    thread = _thread(world, call)
    return [payloads.thread_member(thread, user_id) for user_id in thread.thread_members]


def get_member(world: World, call: Call) -> Json:
    thread = _thread(world, call)
    if call.id("user") not in thread.thread_members:
        raise errors.unknown_member()
    return payloads.thread_member(thread, call.id("user"))


def _thread(world: World, call: Call) -> Channel:
    thread = world.channel(call.id("channel"))
    if not thread.is_thread:
        raise errors.wrong_channel_type()
    permissions.require(thread, world.bot)
    return thread


def _refuse_archived(thread: Channel) -> None:
    if thread.archived:
        raise errors.thread_archived()


def _archived(world: World, call: Call, *, private: bool, joined: bool = False) -> Json:
    parent = world.channel(call.id("channel"))
    found, more = threads.archived(world, world.bot, parent, call.query, private=private, joined=joined)
    return {**_listing(world, found), "has_more": more}


def _listing(world: World, found: list[Channel]) -> Json:
    bot = world.bot
    return {
        "threads": [payloads.channel(thread) for thread in found],
        "members": [payloads.thread_member(t, bot.id) for t in found if bot.id in t.thread_members],
    }


_MEMBERS = "/channels/{channel}/thread-members"
ROUTES = [
    Route("POST", "/channels/{channel}/messages/{message}/threads", start_from_message),
    Route("POST", "/channels/{channel}/threads", start),
    Route("GET", "/guilds/{guild}/threads/active", list_active),
    Route("GET", "/channels/{channel}/threads/archived/public", list_archived_public),
    Route("GET", "/channels/{channel}/threads/archived/private", list_archived_private),
    Route("GET", "/channels/{channel}/users/@me/threads/archived/private", list_archived_joined),
    Route("GET", _MEMBERS, list_members),
    Route("PUT", _MEMBERS + "/@me", join),
    Route("DELETE", _MEMBERS + "/@me", leave),
    Route("GET", _MEMBERS + "/{user}", get_member),
    Route("PUT", _MEMBERS + "/{user}", add_member),
    Route("DELETE", _MEMBERS + "/{user}", remove_member),
]
