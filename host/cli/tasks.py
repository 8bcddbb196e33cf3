"""`dovecote tasks`: scheduled tasks from a terminal. Looks into the files itself; changes are the host's to make."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from host import config as configuration
from host.cli.inspect import NothingFoundError, moment, now_ms
from host.config import Config, recurrence
from host.config.recurrence import ScheduleError
from host.folders.lock import DataFolderError, DataLock
from host.mailbox import ledger, projecting
from host.mailbox import tasks as records
from host.mailbox.tasks import Occurrence, Task
from host.registry import orders
from host.registry.db import open_host_db, open_registry
from host.schedule import desk
from host.schedule.desk import FILE
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader

ORDER_DEADLINE = 60.0  # s the host gets to carry out an order
SHOWN = 20  # occurrences of a task
SOURCES = {"file": "the configuration file", "person": "the command line", "agent": "an agent"}

_out = Console()
_errors = Console(stderr=True)


class _OrTask(TyperGroup):
    """`dovecote tasks TASK` is `dovecote tasks show TASK`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named = args and args[0] not in self.commands and not args[0].startswith("-")
        return super().resolve_command(ctx, ["show", *args] if named else args)


app = typer.Typer(
    cls=_OrTask, help="Scheduled tasks: list them, look at one, change them.", add_completion=False
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; default: dovecote.toml.")
]
TaskArgument = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]


@dataclass(frozen=True)
class Found:
    task: Task
    session_id: str
    agent: str
    folder: SessionFolder


@app.callback(invoke_without_command=True)
def tasks(context: typer.Context, config: ConfigOption = None) -> None:
    """Without a command: the tasks there are."""
    context.obj = configuration.load(config)
    if context.invoked_subcommand is None:
        _list(Path(context.obj.data))


@app.command("list")
def list_(context: typer.Context) -> None:
    """The tasks there are, by their next time."""
    _list(_data(context))


@app.command()
def show(context: typer.Context, task: TaskArgument) -> None:
    """One task, its due times, and what became of each: the run, and the post."""
    found = _one(_data(context), task)
    grid = Table.grid(padding=(0, 2))
    for what, value in _described(found):
        grid.add_row(Text(what, "bold"), Text(value))
    _out.print(grid)
    receipts = _receipts(_data(context), found)
    if not receipts:
        _out.print("It has not run yet.")
        return
    table = _table("due", "started", "finished", "run", "posted")
    for occurrence, posted in receipts:
        table.add_row(
            Text(recurrence.moment(occurrence.due_at, found.task.schedule.zone)),
            moment(occurrence.started_at),
            moment(occurrence.finished_at),
            Text(_run_of(occurrence)),
            Text(posted),
        )
    _out.print(table)


@app.command()
def add(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it is called.")],
    prompt: Annotated[str, typer.Argument(help="What the agent is asked each time.")],
    to: Annotated[str, typer.Option(help="Where it posts: PLATFORM/WORKSPACE/CHANNEL or …/THREAD.")],
    cron: Annotated[str, typer.Option(help='Five fields or a nickname: "0 9 * * 1-5", @daily.')] = "",
    at: Annotated[str, typer.Option(help='One local time: "2026-12-31 18:00".')] = "",
    zone: Annotated[str, typer.Option(help="IANA zone; default: the host's.")] = "",
    agent: Annotated[str, typer.Option(help="Which agent.")] = "default",
    missed: Annotated[str, typer.Option(help="run_once, run_all or skip.")] = "run_once",
    script: Annotated[Path | None, typer.Option(help="A file with the script that decides.")] = None,
    mention: Annotated[list[str] | None, typer.Option(help="The id of a person each post notifies.")] = None,
) -> None:
    """Schedule a task."""
    wish: dict[str, Any] = {
        "title": title,
        "prompt": prompt,
        "cron": cron,
        "at": at,
        "zone": zone,
        "missed": missed,
    }
    wish |= {"script": script.read_text("utf-8") if script else "", "mentions": mention or []}
    _add(context.obj, {"agent": agent, "to": _place(to), "wish": wish})


@app.command()
def pause(context: typer.Context, task: TaskArgument) -> None:
    """Let a task rest."""
    _order(_data(context), "pause", _one(_data(context), task).task.id)


@app.command()
def resume(context: typer.Context, task: TaskArgument) -> None:
    """Let a paused task come again."""
    _order(_data(context), "resume", _one(_data(context), task).task.id)


@app.command()
def run(context: typer.Context, task: TaskArgument) -> None:
    """Run a task now, whenever its next time is."""
    _order(_data(context), "run", _one(_data(context), task).task.id)


@app.command()
def cancel(context: typer.Context, task: TaskArgument) -> None:
    """End a task for good."""
    _order(_data(context), "cancel", _one(_data(context), task).task.id)


@app.command()
def export(context: typer.Context) -> None:
    """Print the tasks as JSON, one a line; those of the configuration file are not among them."""
    for found in _all(_data(context)):
        if not found.task.id.startswith(FILE):
            typer.echo(json.dumps(_exported(found), ensure_ascii=False))


@app.command("import")
def import_(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="What `export` printed.")]
) -> None:
    """Schedule the tasks of an export."""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if line.strip():
            try:
                _add(context.obj, json.loads(line))
            except json.JSONDecodeError as error:
                raise NothingFoundError(f"{file}, line {number}: not JSON") from error
            except ScheduleError as error:
                raise ScheduleError(f"{file}, line {number}: {error}") from error


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────


def _list(data: Path) -> None:
    table = _table("task", "title", "when", "next", "where")
    found_all = sorted(_all(data), key=lambda found: (not found.task.next_at, found.task.next_at))
    for found in found_all:
        task = found.task
        paused = task.state == "paused"
        coming = (
            "paused"
            if paused
            else recurrence.moment(task.next_at, task.schedule.zone)
            if task.next_at
            else ""
        )
        where = "/".join(part for part in task.address if part)
        table.add_row(
            *(Text(text) for text in (task.id, task.title, task.schedule.in_words(), coming, where))
        )
    _out.print(table if found_all else "There are no tasks.")
    if waiting := _waiting(data):
        _out.print(Text(f"Not carried out yet, until a host runs: {'; '.join(waiting)}", "yellow"))


def _table(*headings: str) -> Table:
    """Long values go on in the next line: an id that is cut off is of no use."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _waiting(data: Path) -> list[str]:
    """Orders that nobody has carried out."""
    registry = open_registry(data)
    try:
        given = [json.loads(one.body) for one in orders.waiting(registry) if one.kind == "task"]
    finally:
        registry.close()
    return [
        f"add “{said['task']['wish'].get('title', '')}”"
        if said["order"] == "add"
        else f"{said['order']} {said['task']}"
        for said in given
    ]


def _all(data: Path, *, over: bool = False) -> Iterator[Found]:
    registry = open_registry(data)
    try:
        sql = "SELECT DISTINCT sessions.id, agent FROM due JOIN sessions ON sessions.id = session_id"
        rows = registry.execute(sql).fetchall()
    finally:
        registry.close()
    for session_id, agent in rows:
        folder = SessionFolder(data / "sessions" / str(session_id))
        try:
            connection = open_reader(folder.inbound_db)
        except SessionError as error:
            _errors.print(Text(f"{session_id}: {error}", "yellow"))
            continue
        try:
            tables = records.Tasks(connection, now_ms)
            for task in tables.known() if over else tables.all():
                yield Found(task, str(session_id), str(agent), folder)
        finally:
            connection.close()


def _one(data: Path, name: str) -> Found:
    """Raises `NothingFoundError`."""
    found = [found for found in _all(data, over=True) if found.task.id.startswith(name)]
    exact = [one for one in found if one.task.id == name] or found
    if len(exact) != 1:
        raise NothingFoundError(f"{'no task' if not exact else 'more than one task'} begins with {name!r}")
    return exact[0]


def _described(found: Found) -> Iterator[tuple[str, str]]:
    task = found.task
    yield task.id, task.title
    yield "when", task.schedule.in_words()
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


def _run_of(occurrence: Occurrence) -> str:
    outcome = occurrence.outcome or ("running" if occurrence.started_at else "waits")
    made_up = f"; stands for {occurrence.stands_for}" if occurrence.stands_for else ""
    return f"{outcome}{': ' + occurrence.error if occurrence.error else ''}{made_up}"


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
    }
    return {"agent": found.agent, "to": list(task.address), "wish": wish, "paused": task.state == "paused"}


# ── ordering ─────────────────────────────────────────────────────────────────────────────────────────────


def _add(settings: Config, task: dict[str, Any]) -> None:
    """Raises `ScheduleError` for what cannot be, whether a host runs or not."""
    try:
        desk.wished(desk.Added.model_validate(task), settings, now_ms())
    except ValidationError as error:
        raise ScheduleError("not a task as `dovecote tasks export` prints it") from error
    _order(Path(settings.data), "add", task)


def _order(data: Path, order: str, task: object) -> None:
    """Has the running host do it; where none runs, the next one does it first of all."""
    body = json.dumps({"order": order, "task": task})
    number, runs = _given(data, body)
    if not runs:
        typer.echo("no host runs here: it will be done when one starts")
        return
    registry = open_registry(data)
    deadline = time.monotonic() + ORDER_DEADLINE
    try:
        while not (outcome := orders.outcome(registry, number)) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        registry.close()
    typer.echo(outcome or "the host has not answered yet; it will carry the order out")
    if outcome.startswith("refused"):
        raise typer.Exit(1)


def _given(data: Path, body: str) -> tuple[int, bool]:
    """The order's number, and whether a host runs: whoever can take the data folder's lock has found out that none does."""
    try:
        lock = DataLock(data)
    except DataFolderError:
        return orders.give(data / "host.db", "task", "", now_ms(), body), True
    try:
        open_host_db(data / "host.db").close()
        return orders.give(data / "host.db", "task", "", now_ms(), body), False
    finally:
        lock.release()


def _place(text: str) -> list[str]:
    """Raises `typer.BadParameter`."""
    parts = text.split("/")
    if not 3 <= len(parts) <= 4 or not parts[0] or not parts[2]:
        raise typer.BadParameter("give PLATFORM/WORKSPACE/CHANNEL or PLATFORM/WORKSPACE/CHANNEL/THREAD")
    return [*parts, ""][:4]


def _data(context: typer.Context) -> Path:
    return Path(context.obj.data)
