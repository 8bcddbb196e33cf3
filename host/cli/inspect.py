"""Looking at a data folder from outside: `sessions`, `stop`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from host.cli import listing, ordering
from host.cli.ending import NothingFoundError
from host.cli.listing import Names, now_ms
from host.config import Config
from host.folders import lock
from host.mailbox.outbound import OutboundReader
from host.registry import orders
from host.registry.db import open_registry
from host.registry.port import Statements
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import AckStatus, Address
from sessiondb.signals import read_heartbeat

MOST_SESSIONS = 50  # shown without --all
ALIVE = 10_000  # ms since the last heartbeat within which a runner lives
LONGEST_TITLE = 60  # characters
STYLES = {"working": "green", "waits": "yellow", "cannot start": "red", "damaged": "red", "idle": "dim"}


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


def show_sessions(config: Config, *, everything: bool, as_json: bool) -> None:
    data = Path(config.data)
    with listing.records(data) as registry:
        if registry is None:
            _none(data, as_json=as_json)
            return
        found = _rows(registry, data, -1 if everything else MOST_SESSIONS)
        ids = [str(id_) for (id_,) in registry.execute("SELECT id FROM sessions").fetchall()]
        names = Names(registry)
        places = {row.id: names.place(row.address, row.scope) for row in found}
    short = listing.shortened([row.id for row in found], ids)
    if as_json:
        listing.say_json([_for_programs(row, short[row.id], places[row.id]) for row in found])
        return
    if not found:
        _none(data, as_json=False)
        return
    _shown(found, short, places)
    if len(ids) > len(found):
        listing.say(f"The latest {len(found)} of {len(ids)}; --all shows all of them.", "dim")


def _none(data: Path, *, as_json: bool) -> None:
    if as_json:
        listing.say_json([])
    else:
        listing.say(f"There are no conversations in {data.resolve()} yet.")


def _shown(found: list[Row], short: Mapping[str, str], places: dict[str, str]) -> None:
    now = now_ms()
    agents = len({row.agent for row in found}) > 1
    headings = ["session", *(["agent"] if agents else []), "where", "title", "last", "state"]
    rows: list[list[str | Text]] = [
        [
            short[row.id],
            *([row.agent] if agents else []),
            places[row.id],
            row.title,
            listing.ago(row.active_at, now),
            Text(row.state, STYLES.get(row.state, "")),
        ]
        for row in found
    ]
    listing.table(headings, rows)
    for row in found:
        if row.problem:
            listing.say(f"{short[row.id]}: {row.problem}", "yellow")


def _for_programs(row: Row, short: str, place: str) -> dict[str, object]:
    return {
        "id": row.id,
        "short": short,
        "agent": row.agent,
        **listing.placed(row.address),
        "where": place,
        "title": row.title,
        "last_message_at": listing.iso(row.active_at),
        "state": row.state,
        "problem": row.problem,
    }


def _rows(registry: Statements, data: Path, most: int) -> list[Row]:
    rows = registry.execute(
        "SELECT id, agent, channel_type, workspace_id, platform_id, thread_id, scope, active_at, start_failures,"
        " start_error FROM sessions ORDER BY active_at DESC LIMIT ?",
        (most,),
    ).fetchall()
    runs = lock.held(data)
    found = []
    for id_, agent, channel, workspace, place, thread, scope, active_at, failures, error in rows:
        address = Address(str(channel), str(workspace), str(place), str(thread))
        state, problem, title = _inside(SessionFolder((data / "sessions" / str(id_)).resolve()), runs=runs)
        if state == "waits" and int(str(failures)):
            state, problem = "cannot start", f"{failures} starts failed: {listing.one_line(str(error), 200)}"
        found.append(
            Row(str(id_), str(agent), address, str(scope), int(str(active_at)), state, problem, title)
        )
    return found


def _inside(folder: SessionFolder, *, runs: bool) -> tuple[str, str, str]:
    """State, problem and title, from the session's own files."""
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
    return listing.one_line(str(text), LONGEST_TITLE)


def order_stop(data: Path, name: str) -> None:
    """Has the running host end a session's runner. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        id_ = session(registry, name)
        if not lock.held(data):
            raise NothingFoundError(f"no host runs on {data}, so no runner does")
    finally:
        registry.close()
    told = ordering.outcome(data, orders.give(data / "host.db", "stop", id_, now_ms()))
    listing.say(f"{id_}: {told}")


def session(registry: Statements, name: str) -> str:
    """The id that begins so. Raises `NothingFoundError`."""
    rows = registry.execute(
        "SELECT id FROM sessions WHERE id >= ?2 AND id < ?2 || 'g' AND substr(id, 1, ?1) = ?2 LIMIT 2",
        (len(name), name),
    ).fetchall()
    if len(rows) != 1:
        raise NothingFoundError(
            f"{'no session' if not rows else 'more than one session'} begins with {name!r}: `dovecote sessions` lists them"
        )
    return str(rows[0][0])


_FIRST = "SELECT content FROM messages_in WHERE kind IN ('chat', 'task', 'webhook') AND \"trigger\" = 1 ORDER BY seq LIMIT 1"
_WAITING = "SELECT id FROM messages_in WHERE status = 'pending' AND \"trigger\" = 1 AND not_before <= ? ORDER BY seq LIMIT 100"
