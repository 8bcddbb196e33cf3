"""chat.startStream, chat.appendStream, chat.stopStream: a message that grows while it is written."""

from __future__ import annotations

from .. import limits, wire
from ..core import Core
from ..errors import ApiError
from ..records import Json, Message, Stream
from . import chat
from .agents import set_session_status
from .registry import Args, method, warned

STATUSES = ("pending", "in_progress", "complete", "error")
CHUNKS = frozenset({"markdown_text", "task_update", "plan_update", "blocks"})


@method("chat.startStream", "chat:write")
def start(core: Core, args: Args) -> Json:
    """A channel wants the recipient named ("chat.startStream"); no metadata before the stop (FACTS)."""
    channel = chat.target(core, args)
    args.required("thread_ts")
    thread_ts = chat.thread_of(args)
    if channel.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if name not in args:
                raise ApiError(f"missing_{name}")
        core.workspace.user(args.text("recipient_user_id"))
    if args.text("task_display_mode") not in (None, "timeline", "plan"):
        raise ApiError("invalid_arguments")
    chunks = _chunks(core, args)
    core.rate.spend(channel.id)
    expires = None if core.stream_lifetime is None else core.now() + core.stream_lifetime
    stream = Stream(expires, chunks=chunks)
    message = Message(
        channel.id,
        core.workspace.clock.ts(),
        None,
        _text(chunks),
        thread_ts,
        stream=stream,
        **chat.customized(core, args),
    )
    core.post_as_bot(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", "chat:write")
def append(core: Core, args: Args) -> Json:
    message, stream = _streaming(core, args)
    chunks = _chunks(core, args)
    if not chunks:
        raise ApiError("no_text")
    stream.chunks += chunks
    message.text += _text(chunks)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream", "chat:write")
def stop(core: Core, args: Args) -> Json:
    message, stream = _streaming(core, args)
    chunks = _chunks(core, args)
    blocks = args.structure("blocks", "invalid_blocks_format") or []
    limits.message_blocks(core.limits, blocks)
    metadata, warnings = limits.metadata(core.limits, args.structure("metadata", "invalid_metadata_format"))
    before = core.events.snapshot(message)
    stream.chunks += chunks
    stream.state = "stopped"
    message.text += _text(chunks)
    message.blocks = core.workspace.name_blocks(blocks)
    message.metadata = metadata
    core.events.message_changed(before, message)
    if (status := args.text("session_status")) is not None:
        set_session_status(core, message.channel, message.thread_ts, status)
    shown = wire.message(core.workspace, message, core.origin, metadata=True)
    return warned({"channel": message.channel, "ts": message.ts, "message": shown}, warnings)


def _streaming(core: Core, args: Args) -> tuple[Message, Stream]:
    """FACTS: a stream dies at about five minutes; from then on message_not_in_streaming_state."""
    channel = core.workspace.member_channel(args.required("channel"))
    message = chat.own_message(core, channel, args.required("ts"), "message_not_owned_by_app")
    stream = message.stream
    if stream is not None and stream.state == "streaming":
        if stream.expires_at is None or core.now() < stream.expires_at:
            return message, stream
        stream.state = "dead"
    raise ApiError("message_not_in_streaming_state")


def _chunks(core: Core, args: Args) -> list[Json]:
    chunks: list[Json] = list(args.structure("chunks", "invalid_chunks") or [])
    if (markdown := args.text("markdown_text")) is not None:
        chunks.insert(0, {"type": "markdown_text", "text": markdown})
    if not all(isinstance(chunk, dict) and chunk.get("type") in CHUNKS for chunk in chunks):
        raise ApiError("invalid_chunks")
    if not all(_whole(chunk) for chunk in chunks):
        raise ApiError("invalid_chunks")
    if len(_text(chunks)) > core.limits.markdown_text:
        raise ApiError("msg_too_long")
    return chunks


def _whole(chunk: Json) -> bool:
    """What the documentation of "chat.appendStream" shows of each kind is there."""
    if chunk["type"] == "task_update":
        return bool(chunk.get("id") and chunk.get("title")) and chunk.get("status") in STATUSES
    return chunk["type"] != "plan_update" or bool(chunk.get("title"))


def _text(chunks: list[Json]) -> str:
    return "".join(str(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text")
