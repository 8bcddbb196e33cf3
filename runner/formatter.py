"""From rows of inbound.db to what a model reads. Everything a person wrote is escaped; who and when is on every line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sessiondb import content
from sessiondb.records import MessageIn


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of a prompt, decoded."""

    id: str
    kind: str
    trigger: bool
    created_at: int
    author_id: str
    content: content.Inbound


def decode(message: MessageIn) -> PromptMessage:
    """Raises `content.ContentError`."""
    return PromptMessage(
        id=message.id,
        kind=message.kind,
        trigger=message.trigger,
        created_at=message.created_at,
        author_id=message.author_id,
        content=content.decode_inbound(message.content),
    )


def prompt(messages: Sequence[PromptMessage]) -> str:
    """The messages of one turn as XML-escaped text, by the platform's time."""
    return "\n".join(_element(message) for message in sorted(messages, key=lambda m: m.created_at))


def _element(message: PromptMessage) -> str:
    body = message.content
    attributes = {"id": message.id, "at": _time(message.created_at)}
    if isinstance(body, content.Chat):
        attributes |= {"from": body.author_name or message.author_id, "user_id": message.author_id}
        attributes |= {"trusted": "yes" if body.trusted else "no"}
        if body.zone and (local := _local(message.created_at, body.zone)):
            attributes["local_time"] = local
        if body.event != "message":
            attributes["event"] = body.event
        if not message.trigger:
            attributes["context"] = "yes"
        files = [
            _tag("file", {"name": a.name, "path": a.path, "type": a.media_type}, "") for a in body.attachments
        ]
        return _tag("message", attributes, escape(body.text) + "".join(files))
    if isinstance(body, content.Task):
        attributes |= {"title": body.title, "due": body.due}
        missed = [_tag("stands_for", {"due": due}, "") for due in body.stands_for]
        output = _tag("script_output", {}, escape(body.output)) if body.output else ""
        return _tag("task", attributes, escape(body.prompt) + "".join(missed) + output)
    if isinstance(body, content.Webhook):
        told = _tag("instructions", {}, escape(body.prompt)) if body.prompt else ""
        inner = told + _tag("payload", {}, escape(body.payload))
        return _tag("webhook", attributes | {"source": body.source}, inner)
    if isinstance(body, content.System):
        attributes |= {"subject": body.subject, "ok": "yes" if body.ok else "no", "about": body.refers_to}
        return _tag("system", attributes, escape(body.text))
    return _tag("control", attributes, escape(body.command))


def _tag(name: str, attributes: dict[str, str], inner: str) -> str:
    listed = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value)
    return f"<{name}{listed}>{inner}</{name}>" if inner else f"<{name}{listed}/>"


def _local(ms: int, zone: str) -> str:
    """What the author's own clock said, with its zone; '' when this machine does not know the zone."""
    try:
        there = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    return f"{there:%A %Y-%m-%d %H:%M} {zone}"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
