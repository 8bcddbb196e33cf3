"""What host.db keeps so that a damaged or lost inbound.db can be made again. Functions for jobs on the registry.

The order, and what a crash between two steps does. Salvage commits first: messages that were not over go back to `routed`, the
seq's high-water mark rises, the notice is written. The new file gets its marks, its tasks and what the ledger has of it second:
until then it is empty, and whoever opens it salvages once more, which changes nothing but the mark. The messages come back from
the inbox third, as after any crash (law 4), and only then what the runner wrote is read (law 6).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import apsw

from host.mailbox import belongings, ledger, spaces, tasks
from host.mailbox.copies import Copy, are_of_a_runner, are_there
from host.mailbox.copies import belongings as belongings_of
from host.mailbox.rows import Entry, LiveRow
from host.registry import notices, packs
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import Sentence, clauses, joined, listed, many, moment, say
from sessiondb import Address
from sessiondb.contract import OUTBOUND_KNOWN

if TYPE_CHECKING:
    from host.mailbox.inbound import InboundWriter

log = logging.getLogger(__name__)

LOST, DAMAGED, MOVED = "lost", "damaged", "moved"
CARRIED = "moved with its copies"  # what the runners wrote is here again
MOVED_HERE = "This conversation goes on, on another machine than before."
BEFORE = "outbound_before"  # rows up to this seq were in files that are gone
CARRIED_UP_TO = "carried_up_to"  # rows up to this seq came as copies of another node's
RESTED = "rested_at"  # the highest seq when the last runner had ended and was read; '' while one may live
NAMED = 10  # tasks
UNHEARD_OF = 100_000  # seqs that the lost file may have given out and host.db has not heard of


@dataclass(frozen=True, slots=True)
class Remains:
    """What is known of a file that is gone."""

    high_water: int  # no seq up to here is given out again
    delivered_up_to: int  # rows of outbound.db up to here need no look any more
    deliveries: Sequence[Entry]  # what the ledger has of it
    tasks: Sequence[tuple[str, str]]  # id and copy, as `Tasks.copies` made them
    live: Sequence[LiveRow] = ()  # what may still show a turn
    at_rest: bool = False  # nothing that was in it waited: no runner had begun anything of it
    alone: bool = False  # what the runners wrote is gone with it, and what waits is begun anew
    carried: bool = False  # what the runners wrote was made again with it
    belongings: Sequence[Copy] = ()  # what is copied of the file itself


def salvage(
    connection: Statements, session: Session, why: str, now: int, zone: str = "UTC", *, shared: bool = False
) -> Remains | None:
    """Takes up again what was not over, and tells the session's people; None when there was never anything to lose. `shared`:
    several nodes serve at a time."""
    row = connection.execute(
        "SELECT seq_high_water, settled_inbox, settled_out FROM sessions WHERE id = ?", (session.id,)
    ).fetchone()
    high, inbox, out = (int(str(mark)) for mark in row) if row else (session.seq_high_water, 0, 0)
    high = max(high, session.seq_high_water)
    sql = "SELECT task_id, task FROM task_copies WHERE session_id = ?"
    copies = [(str(id_), str(task)) for id_, task in connection.execute(sql, (session.id,)).fetchall()]
    nameless = _texts(connection, _WITHOUT_COPY, session.id)
    ever = high or copies or (why == CARRIED and are_there(connection, session.id))
    if why != DAMAGED and not ever:
        return None
    connection.execute(f"{_TAKE_UP} {_BUT.get(why, '')}", (session.id, inbox))
    at_rest = connection.changes() == 0
    high += UNHEARD_OF
    connection.execute(
        "UPDATE sessions SET seq_high_water = ?, busy = 1, work = work + 1 WHERE id = ?", (high, session.id)
    )
    files = files_of(connection, session) if why == CARRIED else None
    if nameless or why != CARRIED or not (shared and _given_back(connection, session)):
        notices.add(
            connection, _notice(session, _moved_or_made(session, why, files, zone), len(nameless), now), now
        )
    for id_ in _texts(connection, _CHANGING, session.id):
        if not id_.startswith(tasks.FILE):  # what is declared is set up again at each start
            notices.add(connection, _unsure(session, id_, now), now)
    shown = _texts(connection, "SELECT live FROM live_copies WHERE session_id = ?", session.id)
    live = [found for found in map(_live_row, shown) if found is not None]
    entries = ledger.entries(connection, session.id, 0)
    alone, carried = why == MOVED, why == CARRIED
    own = belongings_of(connection, session.id) if carried else []
    return Remains(high, out, entries, copies, live, at_rest, alone, carried, own)


def _given_back(connection: Statements, session: Session) -> bool:
    """Whether its node before gave its channel back in order, when nothing was under way: nobody need know that it moved."""
    row = connection.execute(_GIVEN_BACK, (*session.address[:3], session.node)).fetchone()
    return row is not None


def files_of(connection: Statements, session: Session) -> int | None:
    """Of a session that comes from another node: as of when its folders are to come back, ms UTC; 0 where nobody wrote there
    since they were packed, or ever; None where they were not packed."""
    found = [packs.header(connection, place) for place in spaces.of(session)]
    # What another conversation of the scope has taken over is here already, with all that was told then.
    there = [one for one in found if one is not None and one.node == session.node]
    if not any(found):  # of a time before folders were packed, or no runner was ever begun
        return None if are_of_a_runner(connection, session.id) else 0
    if not all(one.serial or one.at_rest for one in there):
        return None
    return min((one.taken_at for one in there if not one.at_rest or one.left_out), default=0)


def begin_again(writer: InboundWriter, session: Session, remains: Remains, now: int) -> None:
    """In a file that is younger than its session: no seq names a second message, and no row that the session wrote before
    is sent unless the platform does not know it."""
    with writer.writing():
        writer.raise_mark("seq_high_water", remains.high_water)
        writer.raise_mark("doubtful_up_to", remains.high_water)
        for mark in ("outbound_read", "delivery_watermark"):
            writer.raise_mark(mark, remains.delivered_up_to)
        if remains.alone:
            for mark in (BEFORE, "outbound_read"):
                writer.raise_mark(mark, remains.high_water)
        if remains.carried:
            writer.set_value(OUTBOUND_KNOWN, "yes")
            writer.raise_mark(CARRIED_UP_TO, remains.high_water)
        belongings.bring_back(writer, remains.belongings)
        if remains.at_rest:
            writer.raise_mark(RESTED, remains.high_water)
        writer.project(remains.deliveries)
        for row in remains.live:
            writer.put_live(row)
        lost = [id_ for id_, copy in remains.tasks if not _restored(writer, id_, copy)]
        if lost:
            notice = _without(session, lost, now)
            writer.owe(notice.about, notice.encode())


def _restored(writer: InboundWriter, id_: str, copy: str) -> bool:
    """A copy that is none costs its own task, and nothing beside it."""
    try:
        with writer.alone():
            writer.tasks.restore(copy)
    except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError, ValueError, TypeError) as error:
        log.error("Task %s is lost: %s", id_, error, extra={"action": "task_lost"})
        return False
    return True


def keep_tasks(connection: Statements, session_id: str, copies: Sequence[tuple[str, str]]) -> None:
    """After a look: the session's tasks as its file has them, (id, task); others of it are gone."""
    kept = {id_ for id_, _ in copies}
    known = _texts(connection, "SELECT task_id FROM task_copies WHERE session_id = ?", session_id)
    connection.executemany(
        "DELETE FROM task_copies WHERE task_id = ?", [(id_,) for id_ in known if id_ not in kept]
    )
    connection.executemany(_KEEP, [(id_, session_id, task) for id_, task in copies])


def task_people(connection: Statements, channel_type: str) -> list[tuple[str, str]]:
    """Whose tasks there are, by workspace."""
    rows = connection.execute(_TASK_PEOPLE, (channel_type,)).fetchall()
    return [(str(workspace), str(user)) for workspace, user in rows if user]


def notice_of(session_id: str, now: int) -> str:
    """One an hour: a disk that goes on breaking is said once."""
    return f"damaged:{session_id}:{now // 3_600_000}"


def keep_live(connection: Statements, session_id: str, row: LiveRow) -> None:
    """Before the session's file has it. Who asked is not kept: what is found again is taken down or taken over."""
    connection.execute(
        "INSERT INTO live_copies (session_id, address, live, opened_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (session_id, address) DO UPDATE SET live = excluded.live, opened_at = excluded.opened_at",
        (session_id, json.dumps(row.address), json.dumps(asdict(replace(row, asked_by=""))), row.opened_at),
    )


def drop_live(connection: Statements, session_id: str, address: Address) -> None:
    """After the session's file knows that it is gone: a crash before this leaves a copy of what is looked for in vain."""
    connection.execute(
        "DELETE FROM live_copies WHERE session_id = ? AND address = ?", (session_id, json.dumps(address))
    )


def forget_live(connection: Statements, session_id: str, before: int, but: Sequence[Address]) -> None:
    """Of live messages that were opened before; those at these addresses may still be on the platform."""
    kept = json.dumps([json.dumps(address) for address in but])
    connection.execute(
        "DELETE FROM live_copies WHERE session_id = ? AND opened_at < ?"
        " AND address NOT IN (SELECT value FROM json_each(?))",
        (session_id, before, kept),
    )


def is_restoring(connection: Statements, session_id: str) -> bool:
    """Whether messages are still on their way back into the session's file."""
    sql = "SELECT 1 FROM inbox WHERE session_id = ? AND state = 'routed' LIMIT 1"
    return connection.execute(sql, (session_id,)).fetchone() is not None


_GIVEN_BACK = (
    "SELECT 1 FROM placements WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
    " AND last = ? AND last <> ''"
)
# Whoever was told that nothing comes of it is not told so again, nor answered after all.
_TAKE_UP = (
    "UPDATE inbox SET state = 'routed' WHERE id > ?2 AND session_id = ?1 AND state = 'stored' AND emptied = 0"
    f" AND NOT EXISTS (SELECT 1 FROM notices WHERE about = '{notices.GAVE_UP}' || message_id)"
)
# No intent leaves a node before the ledger has it: where one answers, this and what came before it was under way at least.
_UNANSWERED = (
    "NOT EXISTS (SELECT 1 FROM inbox AS later JOIN ledger ON ledger.in_reply_to = later.message_id"
    " AND ledger.session_id = ?1 WHERE ledger.in_reply_to <> '' AND later.session_id = ?1 AND later.id >= inbox.id"
    " AND later.id > ?2 AND later.event ->> '$.answer' = inbox.event ->> '$.answer')"
)
# What is acknowledged in the copies has its turn in them, over or under way: who reads that file knows what is still to be done.
_ACKNOWLEDGED = (
    "EXISTS (SELECT 1 FROM mailbox_copies WHERE session_id = ?1 AND part IN ('ack', 'done') AND number = 0"
    " AND name = inbox.message_id)"
)
_BUT = {MOVED: f"AND {_UNANSWERED}", CARRIED: f"AND ({_ACKNOWLEDGED} OR {_UNANSWERED})"}
_WITHOUT_COPY = (
    "SELECT task_id FROM due WHERE session_id = ? AND at > 0 AND task_id NOT LIKE '?%'"
    " AND task_id NOT IN (SELECT task_id FROM task_copies)"
)
# A bound of 0 is of a task that is about to be written, or was since the last look: it has no copy, or an older one.
_CHANGING = "SELECT task_id FROM due WHERE session_id = ? AND at = 0 AND task_id NOT LIKE '?%'"
# What another session has stays its own, whatever this one's file says.
_KEEP = (
    "INSERT INTO task_copies VALUES (?, ?, ?) ON CONFLICT (task_id) DO UPDATE SET task = excluded.task"
    " WHERE task_copies.session_id = excluded.session_id AND task_copies.task <> excluded.task"
)


def _live_row(encoded: str) -> LiveRow | None:
    """A copy that is none keeps nothing else from coming back."""
    try:
        found = json.loads(encoded)
        return LiveRow(**{**found, "address": Address(*found["address"])})
    except (ValueError, TypeError, KeyError) as error:
        log.error("A live message's copy cannot be read: %s", error, extra={"action": "live_lost"})
        return None


def _texts(connection: Statements, sql: str, session_id: str) -> list[str]:
    return [str(text) for (text,) in connection.execute(sql, (session_id,)).fetchall()]


def _without(session: Session, lost: Sequence[str], now: int) -> Notice:
    more = max(0, len(lost) - NAMED)
    named = clauses(lost[:NAMED]) if more else listed(lost)
    if more:
        named = many("{names} and {count} more", "{names} and {count} more", more, names=named)
    text = say(
        "⚠️ Of this conversation's scheduled tasks {names} could not be restored; please set them up again.",
        names=named,
    )
    return Notice(f"{notice_of(session.id, now)}:tasks", session.place, text)


def _unsure(session: Session, id_: str, now: int) -> Notice:
    """Whoever ordered it may have read that it was done; where it is done only now, there is something to be found."""
    text = say(
        "⚠️ The scheduled task {id} was being set up or changed when this conversation's records went: it may be gone, or as"
        " it was before. Please look, and set it up again if need be.",
        id=id_,
    )
    return Notice(f"{notice_of(session.id, now)}:task:{id_}", session.place, text)


def _moved_or_made(session: Session, why: str, files: int | None, zone: str) -> Sentence:
    if why == MOVED:
        return say(
            "⚠️ This conversation goes on, on another machine than before. I do not remember what was said before. What nothing"
            " was answered to is begun anew; the rest of an answer that was under way, a question that was still open, or a"
            " task's run, is lost: please ask again."
        )
    if why == CARRIED and files is not None:
        moved = say(
            "⚠️ This conversation goes on, on another machine than before. I remember what was said, and go on with what was"
            " under way."
        )
        if not files:
            return moved
        lost = say(
            "My files are as they were at {time}: what was written to them after that is lost.",
            time=moment(files, zone),
        )
        return joined(" ", [moved, lost])
    if why == CARRIED:
        return say(
            "⚠️ This conversation goes on, on another machine than before. I remember what was said, and go on with what was"
            " under way. Files that lay here are not on this machine: please send again what I need of them."
        )
    made = say(
        "What was not answered is taken up again; a question that was still open, or a task's run under way, is lost: please"
        " ask again."
    )
    if why == DAMAGED:
        again = say(
            "⚠️ This conversation's records were damaged and have been made again ({id}).", id=session.id[:9]
        )
    else:
        again = say(
            "⚠️ This conversation's records were lost and have been made again ({id}).", id=session.id[:9]
        )
    return joined(" ", [again, made])


def _notice(session: Session, text: Sentence, nameless: int, now: int) -> Notice:
    if nameless:
        rest = many(
            "{count} of its scheduled tasks could not be restored; please set it up again.",
            "{count} of its scheduled tasks could not be restored; please set them up again.",
            nameless,
        )
        text = joined(" ", [text, rest])
    return Notice(notice_of(session.id, now), session.place, text)


_TASK_PEOPLE = (
    f"SELECT DISTINCT workspace_id, CASE WHEN json_valid(task) THEN task ->> '$[{tasks.OWNER_AT}]' END FROM task_copies"
    " JOIN sessions ON sessions.id = session_id WHERE channel_type = ?"
)
