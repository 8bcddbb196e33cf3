"""The life of a message, told from the records of host.db and of its session's two files. Reads only; needs no host."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from host.governance import audit
from host.mailbox import ledger, projecting, promise
from host.mailbox.outbound import OutboundReader
from host.mailbox.rows import Entry
from host.registry.port import Statements
from host.words import length, say
from sessiondb import Missing, SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import Address

SHORTEST_PREFIX = 4  # characters
MOST_FOUND = 20
CONTEXT = "as context that wakes nobody"
CHANGES = ("edit", "delete")  # classes of events that are about an earlier message
MOST_SEARCHED = 1_000  # sessions whose files are searched, the last active first


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the story; `at` is ms UTC, 0 when the records keep no time for it."""

    at: int
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of the inbox."""

    message_id: str
    platform_message_id: str
    session_id: str
    state: str
    reason: str
    received_at: int
    stored_at: int
    trigger: bool
    author: str
    place: str
    author_id: str
    address: Address
    event_class: str = "message"
    text: str = ""


def find(connection: Statements, data: Path, name: str) -> list[Found]:
    """As `recorded`. What no platform sent, a task's run, and what stands there from before the ledger are looked for in the
    sessions' own files."""
    found = recorded(connection, name)
    if found or len(name) < SHORTEST_PREFIX:
        return found
    return list(islice(_found_in_sessions(connection, data, name), MOST_FOUND))


def recorded(connection: Statements, name: str) -> list[Found]:
    """By its id, its platform's id, the beginning of its id, or the platform's id of a post that answers it."""
    rows = connection.execute(_BY_ID, {"name": name}).fetchall()
    if not rows and len(name) >= SHORTEST_PREFIX:
        rows = connection.execute(
            _BY_PREFIX, {"name": name, "length": len(name), "most": MOST_FOUND}
        ).fetchall()
    if not rows:
        rows = [
            row
            for answered in ledger.answered_by(connection, name)
            for row in connection.execute(_BY_ID, {"name": answered}).fetchall()
        ]
    return _folded(connection, [_found(*row) for row in rows])


def _folded(connection: Statements, found: list[Found]) -> list[Found]:
    """One story per message: what its author made of it later is told in it, not beside it, and who asks for a message does not
    mean what others thought of it."""
    stories: dict[object, Found] = {}
    for entry in found:
        if entry.event_class in CHANGES and entry.platform_message_id:
            rows = connection.execute(_BY_ID, {"name": entry.platform_message_id}).fetchall()
            same = [other for other in (_found(*row) for row in rows) if _of_one(other, entry)]
            entry = min(same or [entry], key=lambda other: (other.event_class in CHANGES, other.received_at))
        stories.setdefault(entry.message_id, entry)
    kept = list(stories.values())
    return [one for one in kept if one.event_class != "reaction" or not any(_of_one(o, one) for o in kept)]


def _of_one(one: Found, other: Found) -> bool:
    same = one.platform_message_id == other.platform_message_id and one.address[:3] == other.address[:3]
    return same and one.event_class in (*CHANGES, "message", "command")


def _found_in_sessions(connection: Statements, data: Path, name: str) -> Iterator[Found]:
    for (session_id,) in connection.execute(_LATEST, (MOST_SEARCHED,)).fetchall():
        path = SessionFolder((data / "sessions" / str(session_id)).resolve()).inbound_db
        try:
            inbound = open_reader(path)
        except SessionError:
            continue
        try:
            with translated(path):
                runs = inbound.execute(_RUNS, {"name": name, "length": len(name)}).fetchall()
                answered = inbound.execute(_ANSWERED, (name,)).fetchall()
        except SessionError:
            continue
        finally:
            inbound.close()
        for (id_,) in answered:
            yield from (_found(*row) for row in connection.execute(_BY_ID, {"name": id_}).fetchall())
        for run in runs:
            yield _run(str(session_id), *run)


def _run(session_id: str, id_: Any, at: Any, task_id: Any, owner: Any, *place: Any) -> Found:
    address = Address(*map(str, place))
    return Found(
        message_id=str(id_),
        platform_message_id="",
        session_id=session_id,
        state="stored",
        reason="",
        received_at=int(at),
        stored_at=int(at),
        trigger=True,
        author=f"task {task_id}",
        place="/".join(part for part in address if part),
        author_id=str(owner),
        address=address,
    )


def story(connection: Statements, data: Path, found: Found, *, lies: bool = False) -> list[Event]:
    """Everything the records know, in the order in which it happens; `lies`: another machine has the session's files."""
    told = [Event(found.received_at, "received", f"from {found.author} in {found.place}")]
    if found.state == "declined":
        return [*told, Event(found.received_at, "declined", found.reason)]
    row = connection.execute(_SESSION, (found.session_id,)).fetchone()
    wakes = "" if found.trigger else f", {CONTEXT}"
    told.append(
        Event(
            found.received_at, "routed", f"agent {row[0] if row else '?'}, session {found.session_id}{wakes}"
        )
    )
    if found.state == "routed":
        told.append(Event(0, "waits", "not in the session's file yet; the sweep puts it there"))
        return [*told, *_starts(row), *_notices(connection, found, (), LATEST)]
    told.append(Event(found.stored_at, "stored", "in the session's inbound.db"))
    folder = SessionFolder((data / "sessions" / found.session_id).resolve())
    said = ledger.answering(connection, found.session_id, found.message_id)
    told += _deliveries(said) if lies else _in_session(folder, found.message_id, said)
    told += _changes(connection, found)
    told += [Event(at, "masked", what) for at, what in audit.masked_in(connection, found.message_id)]
    ended = max((event.at for event in told if event.what in ENDED), default=0)
    told += () if ended or not found.trigger else _starts(row)
    told += _notices(connection, found, said, ended or LATEST)
    return told


def _starts(session: Sequence[Any] | None) -> Iterator[Event]:
    """That its runner does not begin, and when it is tried again."""
    if session is not None and session[1]:
        yield Event(int(session[3]), "next start", str(session[2]))


def _notices(connection: Statements, found: Found, said: Sequence[Entry], until: int) -> list[Event]:
    """What people were told of it, of its answer's posts, of its conversation's records since it came, and of what kept its
    conversation waiting `until` it was over."""
    abouts = [f"{kind}:{found.message_id}" for kind in _TOLD]
    abouts += [f"late:{id_}" for id_ in dict.fromkeys(parcel.message_out_id for parcel, _ in said)]
    rows = connection.execute(_OF_IT, (json.dumps(abouts), f"undelivered:{found.message_id}")).fetchall()
    for kind in _KEPT_WAITING:
        end = LATEST if kind == "damaged" else until
        rows += connection.execute(
            _OF_CONVERSATION, (f"{kind}:{found.session_id}", found.received_at, end)
        ).fetchall()
    if found.platform_message_id:
        place = found.address[:3]
        rows += connection.execute(
            _ANSWERING, (found.received_at, found.platform_message_id, *place)
        ).fetchall()
    told = {id_: Event(int(str(at)), f"notice {state}", str(text)) for id_, at, state, text in rows}
    return [told[id_] for id_ in sorted(told)]


def _changes(connection: Statements, found: Found) -> Iterator[Event]:
    """What its author made of it later; the agent may have read it before."""
    if not found.platform_message_id:
        return
    sql = (
        "SELECT received_at, event ->> '$.event.event_class' FROM inbox WHERE session_id = ? AND received_at >= ?"
        " AND event ->> '$.event.platform_message_id' = ? AND event ->> '$.event.event_class' IN ('edit', 'delete')"
    )
    bindings = (found.session_id, found.received_at, found.platform_message_id)
    for at, change in connection.execute(sql, bindings).fetchall():
        yield Event(int(str(at)), {"edit": "edited", "delete": "deleted"}[str(change)], "on the platform")


def _in_session(folder: SessionFolder, message_id: str, said: Sequence[Entry]) -> Iterator[Event]:
    """`said` is what the ledger has: the file may be lost, or hear of it later."""
    try:
        inbound = open_reader(folder.inbound_db)
    except SessionError as error:
        yield Event(0, "unreadable", str(error))
        yield from _deliveries(said)
        return
    try:
        with translated(folder.inbound_db):
            rows = inbound.execute(_MESSAGE, (message_id,)).fetchall()
            known = projecting.answering(inbound, message_id)
            live = inbound.execute(_LIVE, (message_id,)).fetchall()
            promised = inbound.execute(_PROMISED, (message_id,)).fetchall()
    except SessionError as error:
        yield Event(0, "unreadable", str(error))
        yield from _deliveries(said)
        return
    finally:
        inbound.close()
    if not rows:
        yield Event(0, "forgotten", "its records in the session are older than the retention")
        yield from _deliveries(said)
        return
    yield from _claims(folder, message_id)
    for seq, status, attempts, not_before, problem, settled_at in rows:
        detail = f"seq {seq}" + (f", after {attempts} earlier attempts" if attempts else "")
        if status == "pending" and attempts:
            yield Event(int(str(not_before)), "next attempt", str(problem))
        yield Event(
            int(str(settled_at)),
            str(status),
            detail + (f": {problem}" if problem and status != "pending" else ""),
        )
    for due, began, by in promised:
        span = length(int(str(by)) - int(str(due)))
        yield Event(int(str(due)), "due", say("to begin within {length}", length=span))
        if late := promise.later(int(str(due)), int(str(began)), int(str(by)) - int(str(due))):
            yield Event(int(str(began)), "late", late)
    for at, state, platform_id in live:
        yield Event(int(str(at)), f"live message {state}", f"as {platform_id}" if platform_id else "")
    yield from _deliveries(ledger.latest(known, said))


def _deliveries(entries: Sequence[Entry]) -> Iterator[Event]:
    for parcel, at in entries:
        detail = f"chunk {parcel.chunk}"
        detail += f" as {parcel.platform_message_id}" if parcel.platform_message_id else ""
        detail += f", {parcel.attempts} failed attempts" if parcel.attempts else ""
        detail += f", looked up {_times(parcel.lookups)}" if parcel.lookups else ""
        detail += f": {parcel.error}" if parcel.error else ""
        yield Event(at, _DELIVERY.get(parcel.state, f"delivery {parcel.state}"), detail)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _claims(folder: SessionFolder, message_id: str) -> Iterator[Event]:
    """What the container says; it is shown as such and believed no further."""
    try:
        reader = OutboundReader(folder.outbound_db)
    except Missing as error:
        yield Event(0, "not claimed", f"by any runner ({error.reason})")
        return
    except SessionError as error:
        yield Event(0, "unreadable", str(error))
        return
    try:
        acks = reader.acks([message_id])
        for ack in acks:
            detail = f"attempt {ack.attempt}, incarnation {ack.incarnation}, turn {ack.turn}"
            yield Event(0, "claimed", detail)
            for tool, state in reader.tools(ack.turn):
                yield Event(0, "tool", f"{tool} ({state})")
            yield Event(0, f"runner says {ack.status}", ack.error)
        if not acks:
            yield Event(0, "not claimed", "by any runner yet")
    except SessionError as error:
        yield Event(0, "unreadable", str(error))
    finally:
        reader.close()


def _found(
    id_: Any, session: Any, state: Any, reason: Any, received: Any, stored: Any, trigger: Any, kept: Any
) -> Found:
    event: dict[str, Any] = json.loads(kept)["event"]
    author = event["author"]
    return Found(
        message_id=str(id_),
        platform_message_id=str(event["platform_message_id"]),
        session_id=str(session),
        state=str(state),
        reason=str(reason),
        received_at=int(received),
        stored_at=int(stored),
        trigger=bool(trigger),
        author=f"{author['name'] or author['id']}",
        place="/".join(str(part) for part in event["address"] if part),
        author_id=str(author["id"]),
        address=Address(*map(str, event["address"])),
        event_class=str(event["event_class"]),
        text=str(event.get("text") or ""),
    )


_COLUMNS = "message_id, session_id, state, reason, received_at, stored_at, trigger_, event FROM inbox"
_BY_ID = (
    f"SELECT {_COLUMNS} WHERE message_id = :name"
    f" UNION ALL SELECT {_COLUMNS} WHERE event ->> '$.event.platform_message_id' = :name AND message_id <> :name LIMIT 20"
)
# An id is a letter and hexadecimal digits: what begins with a name comes before the name with a g.
_BY_PREFIX = (
    f"SELECT {_COLUMNS} WHERE message_id >= :name AND message_id < :name || 'g'"
    " AND substr(message_id, 1, :length) = :name ORDER BY id DESC LIMIT :most"
)
# What a notice about a message begins with; one of what was not delivered goes on with where.
_TOLD = (
    "gave-up",
    "unreadable",
    "over-quota",
    "cut",
    "homeless",
    "empty",
    "order",
    "bots",
    "muted",
    "task-paused",
)
# Of a conversation: what they begin with goes on with its id.
_KEPT_WAITING = ("damaged", "unusable", "no-start", "refused", "not-set-up", "over-quota")
ENDED = ("completed", "failed", "cancelled")
LATEST = 2**62  # ms UTC
_SESSION = "SELECT agent, start_failures, start_error, next_start_at FROM sessions WHERE id = ?"
_NOTICE = "SELECT id, created_at, state, text FROM notices WHERE"
_OF_IT = f"{_NOTICE} about IN (SELECT value FROM json_each(?1)) OR (about >= ?2 || ':' AND about < ?2 || ';')"
_OF_CONVERSATION = f"{_NOTICE} about >= ?1 || ':' AND about < ?1 || ';' AND created_at BETWEEN ?2 AND ?3"
_IT = "answers = ?2 AND channel_type = ?3 AND workspace_id = ?4 AND platform_id = ?5"
_ANSWERING = (
    f"{_NOTICE} state IN ('sent', 'failed') AND created_at >= ?1 AND {_IT} UNION ALL"
    f" {_NOTICE} state IN ('pending', 'sending', 'unknown') AND created_at >= ?1 AND {_IT}"
)
_DELIVERY = {"sent": "delivered", "applied": "order carried out"}
_LATEST = "SELECT id FROM sessions ORDER BY active_at DESC LIMIT ?"
_RUNS = (
    "SELECT id, created_at, task_id, author_id, channel_type, workspace_id, platform_id, thread_id FROM messages_in"
    " WHERE id >= :name AND id < :name || 'g' AND substr(id, 1, :length) = :name AND task_id <> '' ORDER BY seq DESC"
)
_ANSWERED = (
    "SELECT DISTINCT in_reply_to FROM delivered WHERE platform_message_id = ? AND platform_message_id <> ''"
    " AND in_reply_to <> ''"
)
_MESSAGE = "SELECT seq, status, attempts, not_before, error, settled_at FROM messages_in WHERE id = ?"
_LIVE = "SELECT updated_at, state, platform_message_id FROM live WHERE message_id = ?"
_PROMISED = (
    "SELECT due_at, started_at, content ->> '$.promised' FROM messages_in JOIN occurrences"
    " ON occurrences.task_id = messages_in.task_id AND due_at = occurrence_at"
    " WHERE messages_in.id = ? AND content ->> '$.promised' > 0"
)
