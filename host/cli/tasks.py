"""`dovecote tasks`: scheduled tasks from a terminal. Looks into the files itself; changes are the host's to make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from host.cli.options import ConfigOption, JsonOption, config_of


class _OrTask(TyperGroup):
    """`dovecote tasks TASK` is `dovecote tasks show TASK`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named = args and args[0] not in self.commands and not args[0].startswith("-")
        return super().resolve_command(ctx, ["show", *args] if named else args)


app = typer.Typer(cls=_OrTask, help="Scheduled tasks: list them, look at one, change them.")

TaskArgument = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]


@app.callback(invoke_without_command=True)
def tasks(context: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Without a command: the tasks there are."""
    context.obj = config_of(config)
    if context.invoked_subcommand is None:
        _list(context, as_json=json)


@app.command("list")
def list_(context: typer.Context, json: JsonOption = False) -> None:
    """The tasks there are, by their next time."""
    _list(context, as_json=json)


@app.command()
def show(context: typer.Context, task: TaskArgument, json: JsonOption = False) -> None:
    """One task, its due times, and what became of each: the run, and the post."""
    from host.cli import tasks_seen

    tasks_seen.show(context.obj, task, as_json=json)


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
    punctual: Annotated[bool, typer.Option("--punctual", help="Begun at its very minute.")] = False,
    reaction: Annotated[str, typer.Option(help="Begun by this emoji in its channel.")] = "",
    file: Annotated[str, typer.Option(help="Begun by files there whose names end so; * is any.")] = "",
    words: Annotated[str, typer.Option(help="Begun by one of these phrases there.")] = "",
    by: Annotated[list[str] | None, typer.Option(help="The id of a person who may begin it so.")] = None,
) -> None:
    """Schedule a task."""
    from host.cli import tasks_ordered

    wish: dict[str, Any] = {
        "title": title,
        "prompt": prompt,
        "cron": cron,
        "at": at,
        "zone": zone,
        "missed": missed,
    }
    wish |= {"script": script.read_text("utf-8") if script else "", "mentions": mention or []}
    wish |= {"punctual": punctual, "reaction": reaction, "file": file, "words": words, "by": by or []}
    tasks_ordered.add(context.obj, {"agent": agent, "to": _place(to), "wish": wish})


@app.command()
def pause(context: typer.Context, task: TaskArgument) -> None:
    """Let a task rest."""
    _order(context, "pause", task)


@app.command()
def resume(context: typer.Context, task: TaskArgument) -> None:
    """Let a paused task come again."""
    _order(context, "resume", task)


@app.command()
def run(context: typer.Context, task: TaskArgument) -> None:
    """Run a task now, whenever its next time is."""
    _order(context, "run", task)


@app.command()
def cancel(context: typer.Context, task: TaskArgument) -> None:
    """End a task for good."""
    _order(context, "cancel", task)


@app.command()
def export(context: typer.Context) -> None:
    """Print the tasks as JSON, one a line; those of the configuration file are not among them."""
    from host.cli import tasks_seen
    from host.ports import printing

    for line in tasks_seen.exported(Path(context.obj.data)):
        printing.echo(line)


@app.command("import")
def import_(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="What `export` printed.")]
) -> None:
    """Schedule the tasks of an export."""
    from host.cli import tasks_ordered

    tasks_ordered.bring_in(context.obj, file)


def _list(context: typer.Context, *, as_json: bool) -> None:
    from host.cli import tasks_seen

    tasks_seen.show_all(context.obj, as_json=as_json)


def _order(context: typer.Context, order: str, task: str) -> None:
    from host.cli import tasks_ordered, tasks_seen

    data = Path(context.obj.data)
    tasks_ordered.order(data, order, tasks_seen.one(data, task).task.id)


def _place(text: str) -> list[str]:
    """Raises `typer.BadParameter`."""
    parts = text.split("/")
    if not 3 <= len(parts) <= 4 or not parts[0] or not parts[2]:
        raise typer.BadParameter("give PLATFORM/WORKSPACE/CHANNEL or PLATFORM/WORKSPACE/CHANNEL/THREAD")
    return [*parts, ""][:4]
