"""`dovecote export`: a conversation as people read it and as programs do, from its two files, beside a running host."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from host.mailbox.outbound import Accepted, OutboundReader
from host.ports.events import Said
from sessiondb import content
from sessiondb.connection import open_reader
from sessiondb.layout import SessionFolder
from sessiondb.records import MESSAGE_IN_COLUMNS, MessageIn, message_in

NOT_SAID = ("system", "control")  # between host and agent: no one wrote it
MOST_SAID, LONGEST_SAID = 60, 4_000  # entries, and characters of each, that are handed on
LATEST = 4_102_444_800_000  # ms UTC, the year 2100: whoever wrote a later time, no clock showed it


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was said, in the order in which it came: `said` is Markdown, `raw` the record itself."""

    id: str
    at: int  # ms UTC
    who: str
    who_id: str  # '' = the agent
    said: str
    answers: str  # the id of the message it answers
    platform_message_id: str
    raw: dict[str, Any]


def entries(root: Path) -> list[Entry]:
    """Of the session in the folder. Raises `sessiondb.SessionError`."""
    folder = SessionFolder(root)
    found = _heard(folder.inbound_db)
    if folder.outbound_db.exists():
        found += _answered(folder.outbound_db)
    return sorted(found, key=lambda entry: entry.at)


def said(root: Path) -> tuple[Said, ...]:
    """The last of it, as data for an agent that takes part from now on. Raises `sessiondb.SessionError`."""
    return tuple(
        Said(
            text=entry.said[:LONGEST_SAID],
            author=entry.who,
            author_id=entry.who_id,
            by=entry.raw.get("by", "") if "status" in entry.raw else "agent",
            at=entry.at,
            platform_message_id=entry.platform_message_id,
        )
        for entry in entries(root)[-MOST_SAID:]
        if entry.said.strip()
    )


def as_markdown(title: str, found: list[Entry]) -> str:
    lines = [f"# {title}", ""]
    for entry in found:
        at = f"{datetime.fromtimestamp(entry.at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        lines += [f"**{_one_line(entry.who)}** · {at}", "", *_quoted(entry.said), ""]
    return "\n".join(lines)


def as_json(title: str, found: list[Entry]) -> dict[str, Any]:
    return {"title": title, "entries": [dataclasses.asdict(entry) for entry in found]}


def _heard(inbound: Path) -> list[Entry]:
    with closing(open_reader(inbound)) as connection:
        rows = connection.execute(f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in ORDER BY seq").fetchall()
    return [heard(message_in(row)) for row in rows if str(row[2]) not in NOT_SAID]


def heard(message: MessageIn) -> Entry:
    """What came in, as people read it."""
    said = content.decode_inbound(message.content)
    who, text = message.author_id, ""
    match said:
        case content.Chat():
            who, text = said.author_name or message.author_id, _chat(said)
        case content.Task():
            who, text = f"Task {said.title}", said.prompt
        case content.Webhook():
            who, text = f"Webhook {said.source}", said.payload
    return Entry(
        message.id,
        _shown(message.created_at),
        who or "somebody",
        message.author_id,
        text,
        "",
        message.platform_message_id,
        {"type": said.type, "status": message.status, **dataclasses.asdict(said)},
    )


def _chat(said: content.Chat) -> str:
    files = [f"[file: {file.name}]" for file in said.attachments]
    parts = [
        "\n".join(
            f"> {line}"
            for line in [f"{part.kind} {part.author or part.title}".strip(), *part.text.split("\n")]
        )
        for part in said.parts
    ]
    event = "" if said.event in ("message", "command") else f"({said.event}) "
    return "\n\n".join(piece for piece in (event + said.text, *parts, *files) if piece)


def _answered(outbound: Path) -> list[Entry]:
    found: list[Entry] = []
    with closing(OutboundReader(outbound)) as reader:
        last = 0
        while (page := reader.rows_after(last)).rows:
            for row in page.rows:
                if isinstance(row, Accepted):
                    last = row.row.seq
                    found += answer(row)
                else:
                    last = max(last, row.seq)
            if not page.more:
                break
    return found


def answer(row: Accepted) -> list[Entry]:
    """What an agent said, as people read it: nothing for an action, which is between agent and host."""
    said, out = row.content, row.row
    match said:
        case content.Text():
            text = said.text
        case content.Edit():
            text = f"(edit) {said.text}"
        case content.Reaction():
            text = f"(reaction) {said.emoji}"
        case content.File():
            text = "\n\n".join(piece for piece in (said.comment, f"[file: {said.name}]") if piece)
        case content.Document():
            text = "\n\n".join(piece for piece in (said.comment, f"# {said.title}", said.text) if piece)
        case content.Question():
            text = "\n".join([said.text, *(f"- {option}" for option in said.options)])
        case content.Card():
            fields = [f"- {field.name}: {field.value}" for field in said.fields]
            text = "\n".join(piece for piece in (said.title, said.text, *fields, said.url) if piece)
        case _:
            return []
    raw = {"type": said.type, **dataclasses.asdict(said)}
    return [Entry(out.id, _shown(out.created_at), "Agent", "", text, out.in_reply_to, "", raw)]


def _shown(at: int) -> int:
    """A container writes whatever number it likes: one that is no moment must not end a list, a page or the search."""
    return min(max(at, 0), LATEST)


def _quoted(said: str) -> list[str]:
    """A heading or a rule in what was said is no heading or rule of the page."""
    return [f"> {line}" if line else ">" for line in said.split("\n")]


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "somebody"
