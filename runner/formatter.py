"""From rows of inbound.db to what a model reads. Everything a person wrote is escaped; who and when is on every line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from runner.markup import escape, quoteattr
from sessiondb import content
from sessiondb.frozen import frozen
from sessiondb.records import MessageIn

PARTS = frozenset({"quoted", "forwarded", "preview", "transcript", "document", "file"})
_ILLEGAL = dict.fromkeys(  # a pattern of these takes seven milliseconds to compile, at each start
    ({*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF} - {*map(ord, "\t\n\r")}),
    "\N{REPLACEMENT CHARACTER}",
)


@frozen
class PromptMessage:
    """One message of a prompt, decoded."""

    id: str
    kind: str
    trigger: bool
    created_at: int
    author_id: str
    content: content.Inbound
    note: str = ""  # of ours, for the model, beside what was said
    unheard: str = ""  # why the words of a voice message in it are not known


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
        attributes |= _who(message, body)
        if body.zone and (local := _local(message.created_at, body.zone)):
            attributes["local_time"] = local
        if body.event != "message":
            attributes |= {"event": body.event, "about": body.about}
        if not message.trigger:
            attributes["context"] = "yes"
        files = [_file(one) for one in body.attachments]
        said = _escaped(body.text) + "".join(map(_part, body.parts)) + "".join(files)
        notes = [note for note in (message.note, _unheard(message)) if note]
        return _tag("message", attributes, said + "".join(_tag("note", {}, _escaped(note)) for note in notes))
    if isinstance(body, content.Task):
        attributes |= {"title": body.title, "due": body.due}
        missed = [_tag("stands_for", {"due": due}, "") for due in body.stands_for]
        output = _tag("script_output", {}, _escaped(body.output)) if body.output else ""
        began = _tag("begun_by", {}, _escaped(body.begun_by)) if body.begun_by else ""
        began += "".join(_file(one) for one in body.attachments)
        return _tag("task", attributes, _escaped(body.prompt) + "".join(missed) + began + output)
    if isinstance(body, content.Webhook):
        told = _tag("instructions", {}, _escaped(body.prompt)) if body.prompt else ""
        inner = told + _tag("payload", {}, _escaped(body.payload))
        return _tag("webhook", attributes | {"source": body.source}, inner)
    if isinstance(body, content.System):
        attributes |= {"subject": body.subject, "ok": "yes" if body.ok else "no", "about": body.refers_to}
        return _tag("system", attributes, _escaped(body.text))
    return _tag("control", attributes, _escaped(body.command))


def _who(message: PromptMessage, body: content.Chat) -> dict[str, str]:
    """Own words and the host's notes bear no name: nobody passes for them by calling themselves so."""
    if body.by in ("agent", "host"):
        return {"by": body.by}
    who = {"from": body.author_name or message.author_id, "user_id": message.author_id, "by": body.by}
    return who | {"trusted": "yes" if body.trusted else "no"}


def _file(file: content.Attachment) -> str:
    attributes = {"name": file.name, "path": file.path, "type": file.media_type}
    return _tag("file", {**attributes, "voice": "yes" if file.voice else ""}, "")


def _unheard(message: PromptMessage) -> str:
    if not message.unheard:
        return ""
    told = "; its author is told so above your answer" if message.trigger else ""
    return f"You do not know what is said in this voice message: {message.unheard}{told}."


def _part(part: content.Part) -> str:
    """What the message's author did not write, in an element of its own."""
    name = part.kind if part.kind in PARTS else "attached"
    titled = "name" if name == "file" else "title"
    attributes = {titled: part.title, "from": part.author, "user_id": part.author_id, "in": part.place}
    return _tag(name, attributes | {"link": part.link}, _escaped(part.text))


def _tag(name: str, attributes: dict[str, str], inner: str) -> str:
    listed = "".join(f" {key}={quoteattr(_legal(value))}" for key, value in attributes.items() if value)
    return f"<{name}{listed}>{inner}</{name}>" if inner else f"<{name}{listed}/>"


def _escaped(text: str) -> str:
    return escape(_legal(text))


def _legal(text: str) -> str:
    """Without characters that no XML may hold, so that what a model reads is always whole."""
    return text.translate(_ILLEGAL)


def clock(ms: int, zone: str) -> str:
    """`09:05`, in UTC where this machine does not know the zone."""
    there = _there(ms, zone)
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M} UTC" if there is None else f"{there:%H:%M}"


def _local(ms: int, zone: str) -> str:
    """What the author's own clock said, with its zone; '' when this machine does not know the zone."""
    there = _there(ms, zone)
    return "" if there is None else f"{there:%A %Y-%m-%d %H:%M} {zone}"


def _there(ms: int, zone: str) -> datetime | None:
    if zone == "UTC":  # where nothing else is set; to read zones in takes several milliseconds
        return datetime.fromtimestamp(ms / 1000, UTC)
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
