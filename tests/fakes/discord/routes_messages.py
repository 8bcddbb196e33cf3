"""REST: channels, messages, reactions, typing (Discord docs, "Resources: Channel", "Resources: Message")."""

from tests.fakes.discord import errors, messages, payloads, permissions, threads
from tests.fakes.discord.journal import Call
from tests.fakes.discord.model import Json, Message
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.rest import Route
from tests.fakes.discord.state import World


def get_channel(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    permissions.require(channel, world.bot)
    return payloads.channel(channel, world.bot)


def patch_channel(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    if channel.is_thread:
        return payloads.channel(threads.edit(world, world.bot, channel, call.json), world.bot)
    permissions.require(channel, world.bot, Permission.MANAGE_CHANNELS)
    channel.name = call.json.get("name", channel.name)
    channel.topic = call.json.get("topic", channel.topic)
    return payloads.channel(channel, world.bot)


def delete_channel(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    threads.delete(world, world.bot, channel)
    return payloads.channel(channel, world.bot)


def list_messages(world: World, call: Call) -> list[Json]:
    channel = world.channel(call.id("channel"))
    return [world.rest_message(message) for message in messages.history(channel, world.bot, call.query)]


def get_message(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    permissions.require(channel, world.bot, Permission.READ_MESSAGE_HISTORY)
    return world.rest_message(_message(world, call))


def create_message(world: World, call: Call) -> Json:
    channel = world.channel(call.id("channel"))
    message = messages.create(world, world.bot, channel, call.json or {}, call.files)
    nonce = {} if message.nonce is None else {"nonce": message.nonce}
    return {**world.rest_message(message), **nonce}


def edit_message(world: World, call: Call) -> Json:
    message = messages.edit_as(world, world.bot, _message(world, call), call.json or {}, call.files)
    return world.rest_message(message)


def delete_message(world: World, call: Call) -> None:
    messages.delete_as(world, world.bot, _message(world, call))


def add_reaction(world: World, call: Call) -> None:
    messages.react(world, world.bot, _message(world, call), call.path["emoji"])


def remove_own_reaction(world: World, call: Call) -> None:
    messages.unreact(world, world.bot, _message(world, call), call.path["emoji"], world.bot)


def remove_reaction(world: World, call: Call) -> None:
    owner = world.user(call.id("user"))
    messages.unreact(world, world.bot, _message(world, call), call.path["emoji"], owner)


def clear_reactions(world: World, call: Call) -> None:
    messages.clear_reactions(world, world.bot, _message(world, call))


def list_reactions(world: World, call: Call) -> list[Json]:
    reaction = _message(world, call).reactions.get(call.path["emoji"])
    if reaction is None:
        return []
    after = int(call.query.get("after", 0))
    found = sorted(user_id for user_id in reaction.user_ids if user_id > after)
    return [payloads.user(world.users[user_id]) for user_id in found[: int(call.query.get("limit", 25))]]


def typing(world: World, call: Call) -> None:
    channel = world.channel(call.id("channel"))
    needed = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
    permissions.require(channel, world.bot, needed)


def open_dm(world: World, call: Call) -> Json:
    recipient = world.user(int(call.json["recipient_id"]))
    if recipient is world.bot:
        raise errors.cannot_message_user()
    return payloads.channel(world.dm(recipient), world.bot)


def _message(world: World, call: Call) -> Message:
    channel = world.channel(call.id("channel"))
    permissions.require(channel, world.bot)
    return world.message(channel, call.id("message"), world.bot)


_ONE = "/channels/{channel}/messages/{message}"
ROUTES = [
    Route("GET", "/channels/{channel}", get_channel),
    Route("PATCH", "/channels/{channel}", patch_channel),
    Route("DELETE", "/channels/{channel}", delete_channel),
    Route("GET", "/channels/{channel}/messages", list_messages),
    Route("POST", "/channels/{channel}/messages", create_message),
    Route("GET", _ONE, get_message),
    Route("PATCH", _ONE, edit_message),
    Route("DELETE", _ONE, delete_message),
    Route("PUT", _ONE + "/reactions/{emoji}/@me", add_reaction),
    Route("DELETE", _ONE + "/reactions/{emoji}/@me", remove_own_reaction),
    Route("DELETE", _ONE + "/reactions/{emoji}/{user}", remove_reaction),
    Route("DELETE", _ONE + "/reactions", clear_reactions),
    Route("GET", _ONE + "/reactions/{emoji}", list_reactions),
    Route("POST", "/channels/{channel}/typing", typing),
    Route("POST", "/users/@me/channels", open_dm),
]
