"""chat.*: posting, changing and removing messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import limits, wire
from ..core import Core
from ..errors import ApiError
from ..records import Channel, Ephemeral, Json, Message
from .registry import Args, method, warned


@dataclass(frozen=True)
class Content:
    text: str
    blocks: list[Json]
    attachments: list[Json]
    metadata: Json | None
    warnings: list[str]


def content(core: Core, args: Args) -> Content:
    """What a message says, checked ("chat.postMessage": errors)."""
    markdown = args.text("markdown_text")
    blocks = args.structure("blocks", "invalid_blocks_format") or []
    if markdown is not None:
        if args.text("text") or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > core.limits.markdown_text:
            raise ApiError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    limits.message_blocks(core.limits, blocks)
    text, warnings = limits.message_text(core.limits, args.text("text") or markdown or "")
    attachments = limits.attachments(core.limits, args.structure("attachments") or [])
    if not text and not blocks and not attachments:
        raise ApiError("no_text")
    metadata, more = limits.metadata(core.limits, args.structure("metadata", "invalid_metadata_format"))
    return Content(text, core.workspace.name_blocks(blocks), attachments, metadata, warnings + more)


def target(core: Core, args: Args) -> Channel:
    """A channel by id or name, or a user's id, which opens the DM ("chat.postMessage": channel)."""
    wanted = args.required("channel")
    if wanted in core.workspace.users:
        return core.workspace.direct([wanted])
    name = wanted.removeprefix("#")
    by_name = [c.id for c in core.workspace.channels.values() if c.name == name and c.kind != "im"]
    channel = core.workspace.channel(by_name[0] if by_name else wanted)
    if channel.archived:
        raise ApiError("is_archived")
    if core.bot.id not in channel.members and "chat:write.public" not in core.scopes:
        raise ApiError("not_in_channel")
    return channel


def own_message(core: Core, channel: Channel, ts: str | None, error: str) -> Message:
    message = core.workspace.message(channel, ts)
    if message.bot_id != core.bot_id:
        raise ApiError(error)
    return message


def customized(core: Core, args: Args) -> dict[str, Any]:
    """Without the scope these are passed over ("chat:write.customize"); an emoji counts more than an address."""
    if "chat:write.customize" not in core.scopes:
        return {}
    emoji, url = args.text("icon_emoji"), args.text("icon_url")
    icons = {"emoji": emoji} if emoji else {"image_48": url} if url else None
    return {"username": args.text("username"), "icons": icons}


def thread_of(args: Args) -> str | None:
    """It must look like a ts ("chat.postMessage": errors)."""
    thread_ts = args.text("thread_ts") or None
    if thread_ts is not None and not thread_ts.replace(".", "", 1).isdigit():
        raise ApiError("invalid_thread_ts")
    return thread_ts


@method("chat.postMessage", "chat:write")
def post_message(core: Core, args: Args) -> Json:
    channel = target(core, args)
    said = content(core, args)
    core.rate.spend(channel.id)
    thread_ts = thread_of(args)
    message = core.post_as_bot(
        Message(
            channel=channel.id,
            ts=core.workspace.clock.ts(),
            user=None,
            text=said.text,
            thread_ts=thread_ts,
            subtype="thread_broadcast" if thread_ts is not None and args.flag("reply_broadcast") else None,
            blocks=said.blocks,
            attachments=said.attachments,
            metadata=said.metadata,
            **customized(core, args),
        )
    )
    shown = wire.message(core.workspace, message, core.origin, metadata=True)
    return warned({"channel": channel.id, "ts": message.ts, "message": shown}, said.warnings)


@method("chat.update", "chat:write")
def update(core: Core, args: Args) -> Json:
    """New text without blocks removes the old blocks; metadata stays unless sent ("chat.update")."""
    channel = core.workspace.member_channel(args.required("channel"))
    if channel.archived:
        raise ApiError("is_archived")
    message = own_message(core, channel, args.required("ts"), "cant_update_message")
    if message.stream is not None and message.stream.state == "streaming":
        raise ApiError("streaming_state_conflict")
    if len(args.text("text") or "") > core.limits.update_text:
        raise ApiError("msg_too_long")
    said = content(core, args)
    before = core.events.snapshot(message)
    if said.text:
        message.text, message.blocks = said.text, said.blocks
        message.edited_at, message.edited_by = core.workspace.clock.ts(), core.bot.id
    elif said.blocks:
        message.blocks = said.blocks
    message.attachments = said.attachments or message.attachments
    if "metadata" in args:
        message.metadata = said.metadata
    core.events.message_changed(before, message)
    shown = wire.message(core.workspace, message, core.origin, metadata=True)
    answer = {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}
    return warned(answer, said.warnings)


@method("chat.delete", "chat:write")
def delete(core: Core, args: Args) -> Json:
    channel = core.workspace.member_channel(args.required("channel"))
    message = own_message(core, channel, args.required("ts"), "cant_delete_message")
    before = core.events.snapshot(message)
    if core.workspace.remove_message(message):
        core.events.message_deleted(before, channel)
    else:
        core.events.message_changed(before, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(core: Core, args: Args) -> Json:
    channel = target(core, args)
    user = args.required("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    said = content(core, args)
    core.rate.spend(channel.id)
    ephemeral = Ephemeral(
        channel.id, user, core.workspace.clock.ts(), said.text, said.blocks, thread_of(args)
    )
    core.workspace.ephemerals.append(ephemeral)
    return warned({"message_ts": ephemeral.ts}, said.warnings)


@method("chat.getPermalink")
def get_permalink(core: Core, args: Args) -> Json:
    channel = core.workspace.channel(args.required("channel"))
    message = core.workspace.message(channel, args.required("message_ts"))
    link = f"https://{core.workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
