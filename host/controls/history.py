"""What became of messages, for people: the story of one, and those that ended without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from host.controls import plainly, why
from host.governance import access
from host.governance.sight import Sight
from host.governance.words import moment, one_line
from host.ports.controls import Failure, Forbidden, Story
from host.ports.events import Viewer
from host.registry.db import open_registry
from host.registry.port import Statements
from host.words import Sentence, as_it_is, joined, laid_out, say
from sessiondb.records import Address

NO_SUCH_MESSAGE = say("I know of no such message.")
LAST_LOOKED_AT = 5_000  # entries of the inbox among which the last one of a place is looked for
NOTICES_LOOKED_AT = 500
MOST_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Asked:
    message: str  # '' is the last one of the place it is asked from
    within: Address | None = None  # what happened elsewhere than in this channel is not told


def story(data: Path, viewer: Viewer, sight: Sight, asked: Asked, zone: ZoneInfo) -> Story:
    """On a connection of its own, beside the host's. Raises `Forbidden`, `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        found = _found(registry, data, viewer, asked.message.strip())
        seen = [entry for entry in found if _sees(registry, viewer, sight, entry)]
        if asked.within is not None:
            seen = [entry for entry in seen if entry.address[:3] == asked.within[:3]]
        if not seen:
            raise Forbidden(NO_SUCH_MESSAGE)
        if len(seen) > 1:
            fitting = [(entry.received_at, as_it_is(f"`{entry.message_id}`")) for entry in seen]
            return _laid_out(say("Several messages fit; ask for one of them:"), fitting, zone)
        events = why.story(registry, data, seen[0])
    finally:
        registry.close()
    head = say("**Message** `{id}`: {outcome}", id=seen[0].message_id, outcome=plainly.outcome(events))
    return _laid_out(head, [(line.at, line.words) for line in plainly.told(events)], zone)


def _laid_out(head: Sentence, lines: Sequence[tuple[int, Sentence]], zone: ZoneInfo) -> Story:
    shown = [
        laid_out("- {at} {words}", at=moment(at, zone), words=words)
        if at
        else laid_out("- {words}", words=words)
        for at, words in lines
    ]
    return Story(head, tuple(lines), joined("\n", [head, *shown]))


def _found(registry: Statements, data: Path, viewer: Viewer, message: str) -> list[why.Found]:
    if message:
        return why.find(registry, data, message)
    row = registry.execute(_LAST, (LAST_LOOKED_AT, *viewer.address)).fetchone()
    return why.find(registry, data, str(row[0])) if row else []


def _sees(registry: Statements, viewer: Viewer, sight: Sight, entry: why.Found) -> bool:
    """What was declined belongs to no conversation: it is between its author and the owners."""
    if sight.owner:
        return sight.sees("", entry.address)
    if not entry.session_id:
        return access.is_same(viewer, entry.address, entry.author_id)
    row = registry.execute(
        "SELECT scope, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?",
        (entry.session_id,),
    ).fetchone()
    return row is not None and sight.sees(str(row[0]), Address(*map(str, row[1:])))


def failures(connection: Statements, sight: Sight) -> tuple[Failure, ...]:
    """The latest first. For a job on host.db."""
    rows = connection.execute(_FAILURES, (NOTICES_LOOKED_AT,)).fetchall()
    told: list[Failure] = []
    for about, at, text, *place in rows:
        address = Address(*map(str, place))
        if len(told) < MOST_FAILURES and sight.sees_channel(connection, address):
            kind, _, subject = str(about).partition(":")
            message = subject if kind in _OF_A_MESSAGE else ""
            told.append(Failure(int(str(at)), message, address, one_line(str(text)).removeprefix("⚠️ ")))
    return tuple(told)


_LAST = (
    "SELECT message_id FROM inbox WHERE id > (SELECT max(id) FROM inbox) - ?1"
    " AND event ->> '$.event.address[0]' = ?2 AND event ->> '$.event.address[1]' = ?3"
    " AND event ->> '$.event.address[2]' = ?4 AND (?5 = '' OR event ->> '$.event.address[3]' = ?5)"
    " AND event ->> '$.event.event_class' IN ('message', 'command', 'webhook') ORDER BY id DESC LIMIT 1"
)
_OF_A_MESSAGE = ("gave-up", "unreadable")
_FAILURES = (
    "SELECT about, created_at, text, channel_type, workspace_id, platform_id, thread_id FROM notices"
    " WHERE id > (SELECT max(id) FROM notices) - ? AND (about LIKE 'gave-up:%' OR about LIKE 'unreadable:%'"
    " OR about LIKE 'undelivered:%' OR about LIKE 'damaged:%' OR about LIKE 'no-start:%') ORDER BY id DESC"
)
