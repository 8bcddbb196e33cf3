"""conversations.*: what is where, and what was said there."""

from __future__ import annotations

from .. import scopes, wire
from ..core import Core
from ..errors import ApiError
from ..records import Channel, ChannelKind, Json, Message
from .paging import page
from .registry import Args, method, warned

KINDS: dict[str, ChannelKind] = {
    "public_channel": "channel",
    "private_channel": "group",
    "im": "im",
    "mpim": "mpim",
}


def _kinds(core: Core, args: Args) -> set[ChannelKind]:
    """The kinds asked for; each wants its own read scope ("conversations.list")."""
    names = args.names("types") or ["public_channel"]
    if not set(names) <= set(KINDS):
        raise ApiError("invalid_types")
    for name in names:
        scopes.demand(core.scopes, f"{scopes.FAMILIES[KINDS[name]]}:read")
    return {KINDS[name] for name in names}


def _listed(core: Core, args: Args, channels: list[Channel]) -> Json:
    if args.flag("exclude_archived"):
        channels = [channel for channel in channels if not channel.archived]
    some, paging = page(args, channels)
    return {"channels": [wire.channel(core.workspace, channel) for channel in some], **paging}


@method("conversations.list")
def list_conversations(core: Core, args: Args) -> Json:
    """All public channels, and of the others those that the bot is in."""
    kinds = _kinds(core, args)
    known = [c for c in core.workspace.channels.values() if c.kind == "channel" or core.bot.id in c.members]
    return _listed(core, args, [channel for channel in known if channel.kind in kinds])


@method("users.conversations")
def users_conversations(core: Core, args: Args) -> Json:
    """Where a user is, of what the bot can see."""
    kinds = _kinds(core, args)
    user = core.workspace.user(args.text("user") or core.bot.id)
    channels = [
        channel
        for channel in core.workspace.channels.values()
        if channel.kind in kinds
        and user.id in channel.members
        and (channel.kind == "channel" or core.bot.id in channel.members)
    ]
    return _listed(core, args, channels)


@method("conversations.info")
def info(core: Core, args: Args) -> Json:
    channel = core.workspace.channel(args.required("channel"))
    scopes.demand_for(core.scopes, channel, "read")
    return {"channel": wire.channel(core.workspace, channel)}


@method("conversations.members")
def members(core: Core, args: Args) -> Json:
    channel = core.workspace.channel(args.required("channel"))
    scopes.demand_for(core.scopes, channel, "read")
    some, paging = page(args, channel.members)
    return {"members": some, "response_metadata": paging["response_metadata"]}


def _readable(core: Core, args: Args) -> Channel:
    channel = core.workspace.member_channel(args.required("channel"))
    scopes.demand_for(core.scopes, channel, "history")
    return channel


def _in_range(args: Args, message: Message) -> bool:
    """Both ends are excluded unless `inclusive` ("conversations.history")."""
    ts = _microseconds(message.ts)
    oldest, latest = args.text("oldest"), args.text("latest")
    slack = 1 if args.flag("inclusive") else 0
    after = not oldest or _microseconds(oldest) < ts + slack
    return after and (not latest or ts - slack < _microseconds(latest))


def _microseconds(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    if not seconds.isdigit() or not (fraction or "0").isdigit():
        raise ApiError("invalid_ts_oldest")
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6] or 0)


def _shown(core: Core, args: Args, messages: list[Message]) -> list[Json]:
    metadata = args.flag("include_all_metadata")
    return [wire.message(core.workspace, message, core.origin, metadata=metadata) for message in messages]


@method("conversations.history")
def history(core: Core, args: Args) -> Json:
    """Newest first; replies are not in it unless they were broadcast."""
    channel = _readable(core, args)
    most = core.history_rate.spend("conversations.history")
    wanted = [m for m in channel.messages.values() if m.in_history and _in_range(args, m)]
    some, paging = page(args, wanted[::-1], most=most)
    return {"messages": _shown(core, args, some), "pin_count": 0, **paging}


@method("conversations.replies")
def replies(core: Core, args: Args) -> Json:
    """Oldest first, the root always ahead, whatever the range; a reply's own ts gives that reply alone."""
    channel = _readable(core, args)
    most = core.history_rate.spend("conversations.replies")
    ts = args.required("ts")
    if ts not in channel.messages:
        raise ApiError("thread_not_found")
    named = channel.messages[ts]
    thread = [named] if named.is_reply else [named, *(m for m in channel.replies(ts) if _in_range(args, m))]
    some, paging = page(args, thread, most=most)
    return {"messages": _shown(core, args, some), **paging}


@method("conversations.open", "im:write", "mpim:write")
def open_conversation(core: Core, args: Args) -> Json:
    users = args.names("users")
    if users:
        scopes.demand(core.scopes, "im:write" if len(users) == 1 else "mpim:write")
        channel = core.workspace.direct(core.workspace.user(user).id for user in users)
    else:
        channel = core.workspace.channel(args.required("channel"))
    shape = wire.channel(core.workspace, channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shape}


@method("conversations.join", "channels:join")
def join(core: Core, args: Args) -> Json:
    channel = core.workspace.channel(args.required("channel"))
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    if core.bot.id in channel.members:
        return warned({"channel": wire.channel(core.workspace, channel)}, ["already_in_channel"])
    core.workspace.join(core.bot.id, channel)
    core.events.joined(core.bot, channel)
    return {"channel": wire.channel(core.workspace, channel)}
