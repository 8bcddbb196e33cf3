"""Scheduled tasks as a terminal shows them: from host.db and the sessions' own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from host.cli import elsewhere, listing
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.config import Config, recurrence
from host.controls import naming
from host.controls.naming import Names
from host.governance.words import zone_of
from host.mailbox import ledger, projecting, promise
from host.mailbox import tasks as records
from host.mailbox.tasks import FILE, Occurrence, Task
from host.ports.printing import SafeConsole
from host.registry import orders
from host.registry.db import open_registry
from host.registry.port import Statements
from host.schedule import index
from host.words import moment
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated

SHOWN = 20  # occurrences of a task
SOURCES = {"file": "the configuration file", "person": "the command line", "agent": "an agent"}

_out = SafeConsole()
_errors = SafeConsole(stderr=True)


@dataclass(frozen=True)
class Found:
    task: Task
    session_id: str
    agent: str
    folder: SessionFolder
    lies: str = ""  # the machine that has the session's files, where that is another


def show_all(config: Config, *, as_json: bool) -> None:
    data = Path(config.data)
    found = sorted(_all(data), key=lambda one: (not one.task.next_at, one.task.next_at))
    if as_json:
        listing.say_json([_for_programs(one) for one in found])
        return
    if not found:
        listing.say("There are no tasks.")
    else:
        short = listing.shortened(
            [one.task.id for one in found], [one.task.id for one in _all(data, over=True)]
        )
        with listing.records(data) as registry:
            names = Names(registry) if registry is not None else None
            rows = [
                [
                    short[one.task.id],
                    one.task.title,
                    one.task.when,
                    _next(one.task),
                    names.place(one.task.address) if names else "",
                ]
                for one in found
            ]
        listing.table(["task", "title", "when", "next", "where"], rows)
    if waiting := _waiting(data):
        _out.print(Text(f"Not carried out yet, until a host runs: {'; '.join(waiting)}", "yellow"))


def _next(task: Task) -> str:
    if task.state == "paused":
        return "paused"
    return moment(task.next_at, task.schedule.zone) if task.next_at else ""


def _for_programs(found: Found) -> dict[str, Any]:
    task = found.task
    return {
        "id": task.id,
        "title": task.title,
        "when": task.when,
        "next_at": listing.iso(task.next_at),
        "state": task.state,
        "problem": task.problem,
        "agent": found.agent,
        "session": found.session_id,
        **listing.placed(task.address),
    }


def show(config: Config, name: str, *, as_json: bool) -> None:
    """One task, its due times, and what became of each. Raises `NothingFoundError`."""
    found = one(Path(config.data), name)
    receipts = [] if found.lies else _receipts(Path(config.data), found)
    if as_json:
        runs = [_run_for_programs(occurrence, posted) for occurrence, posted in receipts]
        known = None if found.lies else runs  # null: another machine knows them
        listing.say_json(_for_programs(found) | {"prompt": found.task.prompt, "runs": known})
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for what, value in _described(found):
        grid.add_row(Text(what, "bold"), Text(value))
    _out.print(grid)
    if found.lies:
        _out.print(Text(f"{found.lies} has the conversation's files and knows its runs: ask there."))
        return
    if not receipts:
        _out.print("It has not run yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("due", "started", "took", "run", "posted"):
        table.add_column(heading, overflow="fold")
    zone = zone_of(found.task.schedule.zone, config.host.zone)
    for occurrence, posted in receipts:
        table.add_row(
            Text(moment(occurrence.due_at, found.task.schedule.zone)),
            Text(listing.clock(occurrence.started_at, zone)),
            Text(_took(occurrence)),
            Text(_run_of(occurrence, found.task.window)),
            Text(posted),
        )
    _out.print(table)


def _took(occurrence: Occurrence) -> str:
    if not occurrence.finished_at or not occurrence.started_at:
        return ""
    return naming.ago(occurrence.started_at, occurrence.finished_at).replace("now", "0 s")


def _run_for_programs(occurrence: Occurrence, posted: str) -> dict[str, Any]:
    return {
        "due_at": listing.iso(occurrence.due_at),
        "started_at": listing.iso(occurrence.started_at),
        "finished_at": listing.iso(occurrence.finished_at),
        "outcome": occurrence.outcome,
        "error": occurrence.error,
        "posted": posted,
    }


def exported(data: Path) -> Iterator[str]:
    for found in _all(data):
        if not found.task.id.startswith(FILE):
            yield json.dumps(_exported(found), ensure_ascii=False)


def _waiting(data: Path) -> list[str]:
    """Orders that nobody has carried out."""
    with listing.records(data) as registry:
        waiting = orders.waiting(registry) if registry is not None else []
        given = [json.loads(one.body) for one in waiting if one.kind == "task"]
    return [
        f"add “{said['task']['wish'].get('title', '')}”"
        if said["order"] == "add"
        else f"{said['order']} {said['task']}"
        for said in given
    ]


def _all(data: Path, *, over: bool = False) -> Iterator[Found]:
    sql = "SELECT DISTINCT sessions.id, agent FROM due JOIN sessions ON sessions.id = session_id"
    with listing.records(data) as registry:
        if registry is None:
            return
        rows = [(str(id_), str(agent)) for id_, agent in registry.execute(sql).fetchall()]
        machines = elsewhere.machines(registry, data, [id_ for id_, _ in rows])
        copied = {id_: _copied(registry, id_, over=over) for id_ in machines}
    for session_id, agent in rows:
        folder, lies = SessionFolder(data / "sessions" / session_id), machines.get(session_id, "")
        try:
            known = copied[session_id] if lies else _of(folder, over=over)
        except SessionError as error:
            _errors.print(Text(f"{session_id}: {error}", "yellow"))
            continue
        yield from (Found(task, session_id, agent, folder, lies) for task in known)


def _copied(registry: Statements, session_id: str, *, over: bool) -> list[Task]:
    """The tasks of a session whose file is another machine's, as all have them."""
    copies = index.copies_of(registry, session_id)
    tasks = [task for copy in copies if (task := records.copied(copy)) is not None]
    return [task for task in tasks if over or task.state in ("active", "paused")]


def _of(folder: SessionFolder, *, over: bool) -> list[records.Task]:
    """Raises `SessionError`: also of a file whose header alone is sound."""
    connection = open_reader(folder.inbound_db)
    try:
        with translated(folder.inbound_db):
            tables = records.Tasks(connection, now_ms)
            return list(tables.known() if over else tables.all())
    finally:
        connection.close()


def one(data: Path, name: str) -> Found:
    """Raises `NothingFoundError`."""
    found = [found for found in _all(data, over=True) if found.task.id.startswith(name)]
    exact = [each for each in found if each.task.id == name] or found
    if len(exact) != 1:
        raise NothingFoundError(
            f"{'no task' if not exact else 'more than one task'} begins with {name!r}: `dovecote tasks` lists them"
        )
    return exact[0]


def _described(found: Found) -> Iterator[tuple[str, str]]:
    task = found.task
    yield task.id, task.title
    yield "when", task.when
    yield "state", task.state
    if task.state == "active":
        yield "next", "; ".join(task.schedule.next_in_words(max(now_ms(), task.last_occurrence)))
    yield "where", "/".join(part for part in task.address if part)
    yield "agent", found.agent
    yield "session", found.session_id
    yield "missed times", task.missed
    yield "asked by", f"{task.owner} (in a conversation)" if task.owner else SOURCES[task.source]
    if task.problem:
        yield "problem", task.problem


def _receipts(data: Path, found: Found) -> list[tuple[Occurrence, str]]:
    registry = open_registry(data)
    connection = open_reader(found.folder.inbound_db)
    try:
        occurrences = records.Tasks(connection, now_ms).occurrences(found.task.id, SHOWN)
        posted = []
        for occurrence in occurrences:
            id_ = occurrence.message_id
            known = ledger.latest(
                projecting.answering(connection, id_), ledger.answering(registry, found.session_id, id_)
            )
            said = [
                p.platform_message_id if p.state == "sent" else f"{p.state}: {p.error}".rstrip(": ")
                for p, _ in known
                if p.state != "applied"
            ]
            posted.append((occurrence, ", ".join(said) or _why_nothing(occurrence)))
        return posted
    finally:
        connection.close()
        registry.close()


def _run_of(occurrence: Occurrence, window: int) -> str:
    outcome = occurrence.outcome or ("running" if occurrence.started_at else "waits")
    made_up = f"; stands for {occurrence.stands_for}" if occurrence.stands_for else ""
    late = promise.later(occurrence.due_at, occurrence.started_at, window)
    told = f"{outcome}{': ' + occurrence.error if occurrence.error else ''}{made_up}"
    return f"{told}; {late}" if late else told


def _why_nothing(occurrence: Occurrence) -> str:
    return (
        "nothing: the run said nothing"
        if occurrence.outcome == "completed" and not occurrence.error
        else "nothing"
    )


def _exported(found: Found) -> dict[str, Any]:
    task, schedule = found.task, found.task.schedule
    wish = {
        "title": task.title,
        "prompt": task.prompt,
        "cron": schedule.cron,
        "at": recurrence.iso(schedule.at) if schedule.at else "",
        "zone": schedule.zone,
        "script": task.script,
        "missed": task.missed,
        "mentions": list(task.mentions),
        "punctual": bool(schedule.cron) and not task.window,
        **({task.awaited.kind: task.awaited.what, "by": list(task.awaited.by)} if task.awaited else {}),
    }
    return {"agent": found.agent, "to": list(task.address), "wish": wish, "paused": task.state == "paused"}
