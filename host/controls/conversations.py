"""Conversations as people list them: what each is about, and whether it is worked on. Reads only; needs no host."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from host.governance.words import one_line
from host.mailbox.outbound import OutboundReader
from host.registry.port import Statements
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import AckStatus, Address
from sessiondb.signals import read_heartbeat

ALIVE = 10_000  # ms since the last heartbeat within which a runner lives
LONGEST_TITLE = 60  # characters


LAST = (2**62, "")  # below it is everything
KEY = re.compile(r"([0-9]{1,18})-(s[0-9a-f]{20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation, for people."""

    id: str
    agent: str
    address: Address
    scope: str
    active_at: int
    state: str
    problem: str
    title: str
    node: str = ""  # of another node that has its files, which were not looked into


EVERY = ("TRUE", ())  # no condition
ALL = 2**62


def latest(
    registry: Statements,
    data: Path,
    most: int,
    before: tuple[int, str] | None = None,
    where: tuple[str, tuple[str, ...]] = EVERY,
    *,
    runs: bool,
    node: str = "",
) -> list[Row]:
    """Those that were active last, `most` of them (`ALL`: there is no end), below a place in the list; `runs`: a host does.

    `where`: a condition on `sessions`, with its bindings. `node`: whose data folder it is, where several share a registry.
    """
    condition, bindings = where
    rows = registry.execute(
        "SELECT id, agent, channel_type, workspace_id, platform_id, thread_id, scope, active_at, start_failures,"
        f" start_error, node, busy FROM sessions WHERE {condition} AND active_at <= ? AND (active_at, id) < (?, ?)"
        " ORDER BY active_at DESC, id DESC LIMIT ?",
        (*bindings, (before or LAST)[0], *(before or LAST), most),
    ).fetchall()
    found = []
    for id_, agent, channel, workspace, place, thread, scope, active_at, failures, error, lies, busy in rows:
        address = Address(str(channel), str(workspace), str(place), str(thread))
        others = str(lies) if node and lies not in ("", node) else ""
        if others:
            state, problem, title = ("waits" if busy else "idle"), "", ""
        else:
            state, problem, title = inside(data, str(id_), runs=runs)
        if state == "waits" and int(str(failures)):
            state, problem = "cannot start", f"{failures} starts failed: {one_line(str(error), 200)}"
        row = Row(
            str(id_), str(agent), address, str(scope), int(str(active_at)), state, problem, title, others
        )
        found.append(row)
    return found


def key_of(row: Row) -> str:
    """Its place in the list, for an address."""
    return f"{row.active_at}-{row.id}"


def place_in(key: str) -> tuple[int, str] | None:
    """None for the list's beginning, and for what is no place."""
    found = KEY.fullmatch(key)
    return (int(found[1]), found[2]) if found else None


def inside(data: Path, id_: str, *, runs: bool) -> tuple[str, str, str]:
    """State, problem and title, from the session's own files."""
    folder = SessionFolder((data / "sessions" / id_).resolve())
    if not folder.inbound_db.exists():
        return "idle", "", ""
    try:
        inbound = open_reader(folder.inbound_db)
    except SessionError as error:
        return "damaged", str(error), ""
    try:
        with translated(folder.inbound_db):
            first = inbound.execute(_FIRST).fetchone()
            waiting = [str(id_) for (id_,) in inbound.execute(_WAITING, (now_ms(),)).fetchall()]
    except SessionError as error:
        return "damaged", str(error), ""
    finally:
        inbound.close()
    title = _title(str(first[0])) if first else ""
    if not waiting:
        return "idle", "", title
    working = runs and _alive(folder) and _claimed(folder, waiting)
    return (
        ("working" if working else "waits"),
        "" if runs else "no host runs: it goes on when one does",
        title,
    )


def _alive(folder: SessionFolder) -> bool:
    beat = read_heartbeat(folder.heartbeat)
    return beat is not None and now_ms() - beat.at < ALIVE


def _claimed(folder: SessionFolder, ids: list[str]) -> bool:
    """What the container says; it is shown and believed no further."""
    try:
        reader = OutboundReader(folder.outbound_db)
    except SessionError:
        return False
    try:
        return any(ack.status is AckStatus.PROCESSING for ack in reader.acks(ids))
    except SessionError:
        return False
    finally:
        reader.close()


def _title(content: str) -> str:
    """The first words of what it began with."""
    try:
        said = json.loads(content)
    except ValueError:
        return ""
    text = said.get("text") or said.get("title") or said.get("prompt") or "" if isinstance(said, dict) else ""
    return one_line(str(text), LONGEST_TITLE)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


_FIRST = "SELECT content FROM messages_in WHERE kind IN ('chat', 'task', 'webhook') AND \"trigger\" = 1 ORDER BY seq LIMIT 1"
_WAITING = "SELECT id FROM messages_in WHERE status = 'pending' AND \"trigger\" = 1 AND not_before <= ? ORDER BY seq LIMIT 100"
