"""A conversation from its two files and the ledger, a page of it at a time, in the order in which it happened.

Words are there only for whom they are; that, when and by whom something was said is there for every owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from host.governance import words
from host.mailbox import ledger
from host.mailbox.outbound import Accepted, OutboundReader
from host.mailbox.rows import Entry as Post
from host.registry.port import Statements
from host.upkeep import exporting
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import MESSAGE_IN_COLUMNS, MessageIn, message_in

PER_PAGE = 50  # messages that came in, with what answers them
LONGEST = 10_000  # characters of one that are shown; the rest is a page of its own
POSTED = {
    "sent": "posted",
    "failed": "not posted",
    "pending": "waits to be posted",
    "sending": "is being posted",
}
SETTLED = {"completed": "answered", "paused": "waits for a person", "pending": "waits"}


@dataclass(frozen=True, slots=True)
class Line:
    seq: int
    at: int  # ms UTC
    who: str
    by_agent: bool
    said: str
    cut: int = 0  # characters that are not shown here
    notes: tuple[str, ...] = ()  # what became of it


@dataclass(frozen=True, slots=True)
class Told:
    lines: list[Line] = field(default_factory=list)
    older: int = 0  # the seq before which there is more, 0 for none
    problem: str = ""


def told(
    registry: Statements,
    root: Path,
    session_id: str,
    before: int,
    *,
    readable: bool,
    masked: Callable[[str], str],
) -> Told:
    """The `PER_PAGE` latest messages below a seq (0: the latest of all); `masked`: an agent's words, as they may be seen."""
    folder = SessionFolder(root.resolve())
    try:
        heard, older = _heard(folder.inbound_db, before)
    except SessionError as error:
        return Told(problem=str(error))
    first = heard[0].seq if older else 0
    posts: dict[str, list[Post]] = {}
    for post in ledger.entries(registry, session_id, first):
        posts.setdefault(post[0].message_out_id, []).append(post)
    lines, problem = [], ""
    try:
        used, answers = _said(folder.outbound_db, heard, first, before)
    except SessionError as error:
        used, answers, problem = {}, [], str(error)
    lines += [_came(message, used.get(message.id, []), readable=readable) for message in heard]
    lines += [line for row in answers for line in _answered(row, posts, masked, readable=readable)]
    return Told(sorted(lines, key=lambda line: line.seq), older and heard[0].seq, problem)


def whole(root: Path, number: int, masked: Callable[[str], str]) -> str:
    """All that was said in one message; '' when there is no such. Raises `SessionError`."""
    folder = SessionFolder(root.resolve())
    if number % 2 == 0:
        with closing(open_reader(folder.inbound_db)) as connection, translated(folder.inbound_db):
            sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE seq = ?"
            rows = connection.execute(sql, (number,)).fetchall()
        return exporting.heard(message_in(rows[0])).said if rows and _is_said(rows[0]) else ""
    with closing(OutboundReader(folder.outbound_db)) as reader:
        for row in reader.rows_after(number - 1).rows:
            if isinstance(row, Accepted) and row.row.seq == number:
                return masked("".join(entry.said for entry in exporting.answer(row)))
    return ""


def _heard(path: Path, before: int) -> tuple[list[MessageIn], bool]:
    sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE seq < ? ORDER BY seq DESC LIMIT ?"
    with closing(open_reader(path)) as connection, translated(path):
        rows = connection.execute(sql, (before or 2**62, PER_PAGE + 1)).fetchall()
    kept = [message_in(row) for row in reversed(rows[:PER_PAGE]) if _is_said(row)]
    return kept, len(rows) > PER_PAGE and bool(kept)


def _is_said(row: Sequence[object]) -> bool:
    return str(row[2]) not in exporting.NOT_SAID


def _said(
    path: Path, heard: Sequence[MessageIn], first: int, before: int
) -> tuple[Mapping[str, list[str]], list[Accepted]]:
    """Tools by the message that they were used for, and what was said. A runner that never ran has no file."""
    if not path.exists():
        return {}, []
    with closing(OutboundReader(path)) as reader:
        turns = {ack.message_id: ack.turn for ack in reader.acks([message.id for message in heard])}
        used = {id_: [name for name, _ in reader.tools(turn)] for id_, turn in turns.items()}
        return used, list(_rows(reader, first, before or 2**62))


def _rows(reader: OutboundReader, first: int, before: int) -> Iterator[Accepted]:
    while True:
        page = reader.rows_after(first)
        for row in page.rows:
            first = max(first, row.row.seq if isinstance(row, Accepted) else row.seq)
            if first >= before:
                return
            if isinstance(row, Accepted):
                yield row
        if not page.more:
            return


def _came(message: MessageIn, tools: Sequence[str], *, readable: bool) -> Line:
    entry = exporting.heard(message)
    notes = [SETTLED.get(message.status, str(message.status))] if message.trigger else ["context"]
    if message.attempts:
        notes.append(f"{message.attempts} failed attempts")
    if tools:
        notes.append("tools: " + ", ".join(words.name(tool) for tool in dict.fromkeys(tools)))
    who = entry.who if readable else "somebody"
    return _line(message.seq, entry, who, notes, by_agent=False, readable=readable)


def _answered(
    row: Accepted, posts: Mapping[str, list[Post]], masked: Callable[[str], str], *, readable: bool
) -> Iterator[Line]:
    notes = []
    for parcel, _ in posts.get(row.row.id, []):
        note = POSTED.get(parcel.state, parcel.state)
        note += f" after {parcel.attempts} failed attempts" if parcel.attempts else ""
        notes.append(f"{note}: {words.one_line(parcel.error)}" if parcel.error and readable else note)
    for said in exporting.answer(row):
        entry = replace(said, said=masked(said.said)) if readable else said
        yield _line(row.row.seq, entry, entry.who, notes, by_agent=True, readable=readable)


def _line(
    seq: int, entry: exporting.Entry, who: str, notes: Sequence[str], *, by_agent: bool, readable: bool
) -> Line:
    said = entry.said if readable else ""
    cut = max(0, len(said) - LONGEST)
    return Line(seq, entry.at, words.one_line(who), by_agent, said[:LONGEST], cut, tuple(notes))
