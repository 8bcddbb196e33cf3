"""The commands."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from host import config as configuration
from host.cli import backups, inspect, mcp, owners, tasks
from host.cli import doctor as examining
from host.cli import run as running
from host.cli import send as sending
from host.cli import usage as spending
from host.config import Config, ConfigError, dotenv
from host.config.recurrence import ScheduleError
from host.folders import modes
from host.folders.lock import DataFolderError
from host.ports.bot import BotConfigError, BotStuck
from host.upkeep.backups.making import BackupError
from host.web import WebError
from host.webhooks import WebhookError
from sessiondb import SessionError

app = typer.Typer(
    name="dovecote",
    help="AI agents in your Slack and Discord: one container and two SQLite files per conversation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(tasks.app, name="tasks")
app.add_typer(mcp.app, name="mcp")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; default: dovecote.toml.")
]
_errors = Console(stderr=True)


@app.command()
def chat(config: ConfigOption = None) -> None:
    """Talk to the agent in the terminal. With a pipe: a message per line, a reply each."""
    _run(config, ["console"], log_to_file=True)


@app.command()
def up(
    config: ConfigOption = None,
    web: Annotated[bool, typer.Option("--web", help="Serve figures and probes, as [web] says.")] = False,
) -> None:
    """Run everything that is configured, until stopped."""
    _run(config, ["slack", "discord"], log_to_file=False, web=web)


@app.command()
def sessions(
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Not only the latest.")] = False,
    spent: Annotated[bool, typer.Option("--usage", help="What their models cost, instead.")] = False,
) -> None:
    """List conversations and what their runners are doing, or what they cost."""
    data = Path(configuration.load(config).data)
    if spent:
        spending.show(data, most=-1 if everything else inspect.MOST_SESSIONS)
    else:
        inspect.show_sessions(data, everything=everything)


@app.command()
def why(
    message: Annotated[str, typer.Argument(help="Its id, its platform's id, or the beginning of its id.")],
    config: ConfigOption = None,
) -> None:
    """Tell what became of a message, from the records."""
    inspect.tell_why(Path(configuration.load(config).data), message)


@app.command()
def stop(
    session: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    config: ConfigOption = None,
) -> None:
    """Have the running host end a session's runner; it costs the message under way no attempt."""
    inspect.order_stop(Path(configuration.load(config).data), session)


@app.command()
def usage(config: ConfigOption = None) -> None:
    """Tell what models cost today and this month."""
    settings = configuration.load(config)
    owners.show_usage(settings, Path(settings.data))


@app.command()
def access(
    person: Annotated[str, typer.Argument(help="platform:id; left out: list who was decided about.")] = "",
    verdict: Annotated[str, typer.Argument(help="allow, deny, or forget a decision.")] = "",
    config: ConfigOption = None,
) -> None:
    """List or change whom owners gave access, beyond the configuration's lists."""
    data = Path(configuration.load(config).data)
    if not person:
        owners.show_access(data)
        return
    standings = {"allow": "allowed", "deny": "denied", "forget": ""}
    if verdict not in standings:
        raise typer.BadParameter("say allow, deny or forget")
    owners.set_access(data, person, standings[verdict])


@app.command()
def audit(config: ConfigOption = None) -> None:
    """List who changed what without an agent: channels, access, budgets."""
    owners.show_audit(Path(configuration.load(config).data))


@app.command()
def send(
    address: Annotated[str, typer.Argument(help="platform/workspace/channel, or …/channel/thread.")],
    text: Annotated[str, typer.Argument(help="Markdown; - reads it from the standard input.")],
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the receipt.")] = 30.0,
    config: ConfigOption = None,
) -> None:
    """Post a text. Prints the platform's id of each message; exit code 3: kept, and posted later."""
    said = sys.stdin.read().rstrip("\n") if text == "-" else text
    data = Path(configuration.load(config).data)
    sent = sending.send(data, sending.address_of(address), said, wait)
    for id_ in sent.posted:
        typer.echo(id_)
    if sent.waiting:
        problem = f" ({sent.problem})" if sent.problem else ""
        _errors.print(Text(f"dovecote: not posted yet{problem}; the host will, when it runs and can"))
        sys.exit(3)
    if sent.problem:
        _errors.print(Text(f"dovecote: not posted: {sent.problem}", "bold red"), soft_wrap=True)
        sys.exit(1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; whole, or not there.")],
    config: ConfigOption = None,
    age: Annotated[str, typer.Option(help="Encrypt it for this age recipient.")] = "",
    gpg: Annotated[str, typer.Option(help="Encrypt it for this gpg key.")] = "",
) -> None:
    """Copy the whole data folder into one file, while the host runs."""
    backups.write(Path(configuration.load(config).data), file, age=age, gpg=gpg)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `dovecote backup` made.")],
    config: ConfigOption = None,
    identity: Annotated[str, typer.Option(help="age's identity file, of a backup for age.")] = "",
) -> None:
    """Put a backup into an empty data folder, held until `dovecote resume`; tells what may repeat."""
    backups.read(file, Path(configuration.load(config).data), identity=identity)


@app.command()
def resume(
    config: ConfigOption = None,
    answer: Annotated[bool, typer.Option(help="Answer what was said since the backup.")] = False,
) -> None:
    """Let a restored folder be served."""
    backups.resume(Path(configuration.load(config).data), answer=answer)


@app.command()
def doctor(
    config: ConfigOption = None,
    mend: Annotated[bool, typer.Option(help="Close a data folder that other users can look into.")] = False,
) -> None:
    """Look at everything that Dovecote needs, and say what to do about what is missing."""
    if not examining.examine(config, Console(), mend=mend):
        sys.exit(1)


@app.command()
def health(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole state, for programs.")] = False,
) -> None:
    """Whether the host on this data folder is alive, sweeping and connected; for a container's health check."""
    state = examining.health(Path(configuration.load(config).data))
    if as_json:
        typer.echo(json.dumps(state))
    elif state["problem"]:
        _errors.print(Text(str(state["problem"])), soft_wrap=True)
    if state["problem"]:
        sys.exit(1)


@app.command()
def setup(
    platform: Annotated[str, typer.Argument(help="slack or discord")],
    channel: Annotated[str, typer.Option(help="A channel's id: greets there and waits for a person.")] = "",
    config: ConfigOption = None,
) -> None:
    """Set a platform up: what to click, whether it works, and what to do if not."""
    out = Console()

    def say(line: str) -> None:
        out.print(Text(line), soft_wrap=True)  # a link that is cut into lines cannot be followed

    dotenv.take_in(dotenv.beside(config), os.environ)
    if not running.set_up(configuration.load(config), platform, say, channel):
        sys.exit(1)


CURABLE = (
    ConfigError,
    DataFolderError,
    BotConfigError,
    BotStuck,
    WebError,
    WebhookError,
    running.EngineError,
    SessionError,
    BackupError,
    ScheduleError,
    inspect.NothingFoundError,
    mcp.McpError,
    sending.SendError,
)


def main() -> None:
    """One line for what a person can cure; a traceback only for our own faults."""
    modes.keep_private()
    try:
        app()
    except CURABLE as error:
        _errors.print(Text(f"dovecote: {error}", "bold red"), soft_wrap=True)
        sys.exit(2)
    except OSError as error:  # a full disk, a folder of somebody else's
        where = f"{error.filename}: " if error.filename else ""
        _errors.print(Text(f"dovecote: {where}{error.strerror or error}", "bold red"), soft_wrap=True)
        sys.exit(2)


def _run(path: Path | None, platforms: list[str], *, log_to_file: bool, web: bool = False) -> None:
    dotenv.take_in(dotenv.beside(path), os.environ)
    config: Config = configuration.load(path)
    if web and config.web is None:
        config = config.model_copy(update={"web": configuration.Web()})
    log_file = Path(config.data) / "logs" / "host.log" if log_to_file else None
    running.run(config, platforms, log_file=log_file)
