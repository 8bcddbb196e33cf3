"""What is inside `content`: one record per kind of message and per operation, as JSON with a `type`.

The records are plain dataclasses so that the runner starts light; the host validates the same classes with pydantic
before it believes what a container wrote.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, TypeAlias

from sessiondb.frozen import frozen


class ContentError(ValueError):
    """The JSON is not one of the records below."""


@frozen
class Attachment:
    name: str  # as the person named it: for display only, never a path
    path: str  # relative to the side's `files/`
    media_type: str
    bytes: int
    voice: bool = False  # its message's author speaks in it


@frozen
class Part:
    """Something in a message that is not its author's own words, with whose it is. Never mixed into theirs."""

    kind: str  # quoted | forwarded | preview (of a link) | transcript (of a clip) | document | file (about one that is not here)
    text: str
    title: str = ""  # of a preview or a file
    author: str = ""  # their name, '' when nobody is named
    author_id: str = ""
    place: str = ""  # where it was said: "#incidents"
    link: str = ""


# ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────


@frozen
class Chat:
    """A person wrote, edited, deleted or reacted."""

    type: ClassVar[str] = "chat"
    text: str
    author_name: str = ""
    trusted: bool = False  # an owner, or somebody the configuration lists
    event: str = "message"  # message | edit | delete | reaction | command | again
    attachments: tuple[Attachment, ...] = ()
    zone: str = ""  # the author's IANA zone, '' when unknown
    queued: bool = False  # opens a turn of its own instead of joining one
    parts: tuple[Part, ...] = ()
    by: str = ""  # '' = a person | bot | agent (the agent's own words, said before) | host
    about: str = (
        ""  # of an edit, deletion or reaction: the messages_in id of what was edited, deleted or reacted to; of an "again":
        # of what was asked before and is asked once more
    )
    replaces: str = ""  # of an "again": the messages_out id of the answer that gives way to the new one
    model: str = ""  # by which its author wants it answered, '' = the agent's own
    untitled: bool = False  # the thread that its answer goes to has no name that a person gave it


@frozen
class Task:
    type: ClassVar[str] = "task"
    prompt: str
    title: str = ""
    due: str = ""  # the local time in words
    stands_for: tuple[str, ...] = ()  # missed times this run makes up for, in words
    script: str = ""
    output: str = ""  # of the script, once the runner has run it
    trial: bool = False  # one person alone reads what comes of it
    promised: int = 0  # ms UTC by when it was to begin; 0 = nothing was said
    promised_in: str = ""  # IANA zone, of that
    begun_by: str = ""  # what happened, of a task that waits for that: data, whoever's words they are
    attachments: tuple[Attachment, ...] = ()  # that came with it


@frozen
class Webhook:
    type: ClassVar[str] = "webhook"
    source: str
    payload: str  # what the other program sent
    prompt: str = ""  # what the configuration says is to be done with it


@frozen
class System:
    """The host tells the agent something: what became of an action, a delivery, a question."""

    type: ClassVar[str] = "system"
    subject: str  # action | delivery | answer | note
    text: str
    ok: bool = True
    refers_to: str = ""  # id of the messages_out row it is about
    value: str = ""  # of an answer: what the person chose or wrote
    by: str = ""  # of an answer: who
    digest: str = ""  # of an answer that allows a call: which one was shown and allowed


@frozen
class Control:
    type: ClassVar[str] = "control"
    command: str  # stop | clear


Inbound: TypeAlias = Chat | Task | Webhook | System | Control

# ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────


@frozen
class Text:
    type: ClassVar[str] = "text"
    text: str
    ends_turn: bool = False  # the answer, and no message on the way to it


@frozen
class Edit:
    type: ClassVar[str] = "edit"
    message_id: str  # a messages_out id of this session
    text: str


@frozen
class Reaction:
    type: ClassVar[str] = "reaction"
    message_id: str  # a messages_in or messages_out id of this session
    emoji: str  # a name without colons: "eyes"


@frozen
class File:
    type: ClassVar[str] = "file"
    path: str  # relative to outbound/files
    name: str
    comment: str = ""


@frozen
class Document:
    """A result that is read as a page of its own, where its platform has pages and lets us; else a file with this text."""

    type: ClassVar[str] = "document"
    title: str
    text: str  # Markdown
    comment: str = ""  # said beside it


@frozen
class Field:
    name: str
    value: str


@frozen
class Card:
    type: ClassVar[str] = "card"
    title: str
    text: str = ""
    fields: tuple[Field, ...] = ()
    url: str = ""


@frozen
class Question:
    type: ClassVar[str] = "ask_question"
    text: str
    options: tuple[str, ...] = ()
    free_text: bool = False
    audience: tuple[
        str, ...
    ] = ()  # user ids who may answer; empty = whoever asked; of an approval the host's to fill
    expires_at: int = 0  # ms UTC, 0 = never
    approval: str = ""  # the tool that waits for a yes, '' for an ordinary question
    call: str = ""  # of an approval: what would run, as `approving.spelled` has it


@frozen
class Action:
    """A change of the host's own state that the agent asks for."""

    type: ClassVar[str] = "action"
    name: str  # schedule_task, cancel_task, …
    arguments: dict[str, Any]


Operation: TypeAlias = Text | Edit | Reaction | File | Document | Card | Question
Outbound: TypeAlias = Operation | Action

INBOUND: dict[str, type[Inbound]] = {cls.type: cls for cls in (Chat, Task, Webhook, System, Control)}
OUTBOUND: dict[str, type[Outbound]] = {
    cls.type: cls for cls in (Text, Edit, Reaction, File, Document, Card, Question, Action)
}


def result_id(row_id: str) -> str:
    """The id of the `system` message that answers an action, by the action's row."""
    return f"{row_id}:result"[:190]


def encode(content: Inbound | Outbound) -> str:
    fields = fields_of(content)
    for name in (
        "model",
        "untitled",
        "digest",
        "call",
        "trial",
        "promised",
        "promised_in",
        "begun_by",
    ):  # a runner that began before its host was upgraded does not know it
        if not fields.get(name, True):
            del fields[name]
    return json.dumps({"type": content.type, **fields}, ensure_ascii=True, default=_within)


def _within(record: Any) -> dict[str, Any]:
    """Of a record in a record; `voice` as those above: a runner from before an upgrade reads other files all the same."""
    return {name: value for name, value in fields_of(record).items() if value or name != "voice"}


def fields_of(record: Any) -> dict[str, Any]:
    """For JSON, one level after the other. `dataclasses.asdict` copies each string, and takes four times as long."""
    return {name: getattr(record, name) for name in record.__slots__}


def decode_inbound(text: str) -> Inbound:
    """For the runner, which reads what the host wrote. Raises `ContentError`."""
    record = parse_object(text)
    cls = INBOUND.get(str(record.pop("type", "")))
    if cls is None:
        raise ContentError("unknown type of message")
    try:
        if cls in (Chat, Task):
            record["attachments"] = tuple(Attachment(**item) for item in record.get("attachments", ()))
        if cls is Chat:
            record["parts"] = tuple(Part(**item) for item in record.get("parts", ()))
        if cls is Task:
            record["stands_for"] = tuple(record.get("stands_for", ()))
        return cls(**record)
    except TypeError as error:
        raise ContentError(str(error)) from error


def parse_object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContentError("not JSON") from error
    if not isinstance(record, dict):
        raise ContentError("not a JSON object")
    return record
