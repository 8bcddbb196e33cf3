"""The commands. What one of them needs is imported when it is asked for: help and completion are at once there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host.cli import signins, tasks
from host.cli.options import ConfigOption, JsonOption, VerboseOption, config_of
from host.cli.setup import command

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="dovecote",
    help="AI agents in your Slack and Discord: one container and two SQLite files per conversation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(tasks.app, name="tasks")
app.add_typer(signins.app, name="mcp")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"Dovecote {version('dovecote')}")
        raise typer.Exit


@app.callback()
def dovecote(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """AI agents in your Slack and Discord: one container and two SQLite files per conversation."""


@app.command()
def chat(config: ConfigOption = None) -> None:
    """Talk to the agent in the terminal. With a pipe: a message per line, a reply each."""
    _run(config, ["console"], log_to_file=True)


@app.command()
def up(
    config: ConfigOption = None,
    web: Annotated[bool, typer.Option("--web", help="Serve the page, as [web] says.")] = False,
) -> None:
    """Run everything that is configured, until stopped."""
    _run(config, ["slack", "discord"], log_to_file=False, web=web)


@app.command()
def page(config: ConfigOption = None) -> None:
    """Print a link to the running host's page, good for one sign-in."""
    from host.cli import page as pages

    typer.echo(pages.link(config_of(config)))


@app.command()
def sessions(
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Not only the latest.")] = False,
    spent: Annotated[bool, typer.Option("--usage", help="What their models cost, instead.")] = False,
    json: JsonOption = False,
) -> None:
    """List conversations and what their runners are doing, or what they cost."""
    from host.cli import inspect
    from host.cli import usage as spending
    from host.controls import conversations

    settings = config_of(config)
    if spent:
        spending.show(settings, most=conversations.ALL if everything else inspect.MOST_SESSIONS, as_json=json)
    else:
        inspect.show_sessions(settings, everything=everything, as_json=json)


@app.command()
def why(
    message: Annotated[str, typer.Argument(help="Its id, its platform's id, or the beginning of its id.")],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> None:
    """Tell what became of a message, in plain words."""
    from host.cli.story import tell

    tell(config_of(config), message, verbose=verbose, as_json=json)


@app.command()
def stop(
    session: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    config: ConfigOption = None,
) -> None:
    """Have the running host end a session's runner; it costs the message under way no attempt."""
    from host.cli import inspect

    inspect.order_stop(Path(config_of(config).data), session)


@app.command()
def usage(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Tell what models cost today and this month."""
    from host.cli import usage as spending

    spending.show_sums(config_of(config), as_json=json)


@app.command()
def feedback(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what people thought of answers, and why."""
    from host.cli import opinions

    opinions.show(config_of(config), as_json=json)


@app.command()
def access(
    person: Annotated[str, typer.Argument(help="platform:id; left out: list who was decided about.")] = "",
    verdict: Annotated[str, typer.Argument(help="allow, deny, or forget a decision.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List or change whom owners gave access, beyond the configuration's lists."""
    from host.cli import owners

    data = Path(config_of(config).data)
    if not person:
        owners.show_access(data, as_json=json)
        return
    standings = {"allow": "allowed", "deny": "denied", "forget": ""}
    if verdict not in standings:
        raise typer.BadParameter("say allow, deny or forget")
    owners.set_access(data, person, standings[verdict])


@app.command()
def channel(
    address: Annotated[str, typer.Argument(help="platform/workspace/channel.")],
    revert: Annotated[int, typer.Option(help="The version that is to hold again; 0: as configured.")] = -1,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the versions of a channel's settings, or have an earlier one hold again."""
    from host.cli import channels

    if revert < 0:
        channels.show(config_of(config), address, as_json=json)
    else:
        channels.revert(config_of(config), address, revert)


@app.command()
def grants(
    revoke: Annotated[int, typer.Option(help="The number of what is to be taken back.")] = 0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the tools that people have allowed in advance, or take one of these back."""
    from host.cli import granting

    if revoke:
        granting.revoke(config_of(config), revoke)
    else:
        granting.show(config_of(config), as_json=json)


@app.command()
def audit(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List who changed what without an agent: channels, access, budgets."""
    from host.cli import owners

    owners.show_audit(config_of(config), as_json=json)


@app.command()
def send(
    address: Annotated[str, typer.Argument(help="platform/workspace/channel, or …/channel/thread.")],
    text: Annotated[str, typer.Argument(help="Markdown; - reads it from the standard input.")],
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the receipt.")] = 30.0,
    config: ConfigOption = None,
) -> None:
    """Post a text. Prints the platform's id of each message; exit code 3: kept, and posted later."""
    from host.cli import send as sending

    said = sys.stdin.read().rstrip("\n") if text == "-" else text
    sent = sending.send(Path(config_of(config).data), sending.address_of(address), said, wait)
    for id_ in sent.posted:
        typer.echo(id_)
    if sent.waiting:
        problem = f" ({sent.problem})" if sent.problem else ""
        _complain(f"not posted yet{problem}; the host will, when it runs and can", style="")
        sys.exit(3)
    if sent.problem:
        _complain(f"not posted: {sent.problem}")
        sys.exit(1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; whole, or not there.")],
    config: ConfigOption = None,
    age: Annotated[str, typer.Option(help="Encrypt it for this age recipient.")] = "",
    gpg: Annotated[str, typer.Option(help="Encrypt it for this gpg key.")] = "",
) -> None:
    """Copy the whole data folder into one file, while the host runs."""
    from host.cli import backups

    backups.write(Path(config_of(config).data), file, age=age, gpg=gpg)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `dovecote backup` made.")],
    config: ConfigOption = None,
    identity: Annotated[str, typer.Option(help="age's identity file, of a backup for age.")] = "",
    forgotten: Annotated[
        Path | None,
        typer.Option(help="What `dovecote forget --list` printed since: they are forgotten here, too."),
    ] = None,
) -> None:
    """Put a backup into an empty data folder, held until `dovecote resume`; tells what may repeat."""
    from host.cli import backups

    backups.read(file, Path(config_of(config).data), identity=identity, forgotten=forgotten)


@app.command()
def hold(
    moment: Annotated[str, typer.Argument(help="When its copy was begun: 2026-11-30T06:00Z.")],
    config: ConfigOption = None,
    forgotten: Annotated[
        Path | None,
        typer.Option(help="What `dovecote forget --list` printed since: they are forgotten here, too."),
    ] = None,
) -> None:
    """Hold a database that its own tools put back until `dovecote resume`; tells what may repeat."""
    from host.cli import holding

    holding.hold(config_of(config), moment, forgotten)


@app.command()
def export(
    conversation: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a conversation as Markdown, or as JSON, with everything that was said in it."""
    from host.cli import exporting
    from host.ports import printing

    printing.echo(exporting.export(Path(config_of(config).data), conversation, as_json_text=as_json))


@app.command()
def pause(
    agent: Annotated[str, typer.Argument(help="Its name; left out: all of them.")] = "",
    config: ConfigOption = None,
) -> None:
    """Have an agent begin nothing until `dovecote resume`; what is written to it is kept."""
    from host.cli import pausing

    pausing.pause(config_of(config), agent)


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="platform:id, such as slack:U012AB3CD; '' with --list.")] = "",
    config: ConfigOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is, and take nothing away.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Print the marks that `restore --forgotten` takes.")
    ] = False,
) -> None:
    """Erase a person's messages, what agents remember of them, their name and id."""
    from host.cli import forgetting
    from host.ports import printing

    data = Path(config_of(config).data)
    if listed:
        printing.echo(forgetting.marks(data))
    elif dry_run:
        printing.echo(forgetting.counts(data, forgetting.named(data, person)))
    elif not forgetting.forget(data, forgetting.named(data, person)):
        sys.exit(1)


@app.command()
def resume(
    agent: Annotated[
        str, typer.Argument(help="Who goes on; left out: everything that is held or paused.")
    ] = "",
    config: ConfigOption = None,
    answer: Annotated[bool, typer.Option(help="Answer what was said since the backup.")] = False,
) -> None:
    """Go on after `dovecote pause`, or let a restored folder be served."""
    from host.cli import pausing

    pausing.resume(config_of(config), agent, answer=answer)


@app.command()
def reload(config: ConfigOption = None) -> None:
    """Have the running host read its configuration again, as SIGHUP does: whole, or not at all."""
    from host.cli import ordering
    from host.ports import printing

    told = ordering.reload(Path(config_of(config).data))
    printing.echo(told)
    if told.startswith(ordering.REFUSED):
        sys.exit(1)


@app.command()
def doctor(
    config: ConfigOption = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Close a data folder that others can look into.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Try everything that Dovecote needs, and say what to do about what is missing. Changes nothing."""
    from host.cli import doctor as examining
    from host.ports import printing

    if json:
        told, well = examining.as_json(config, mend=mend)
        printing.echo(told)
    else:
        well = examining.examine(config, _console(), mend=mend)
    if not well:
        sys.exit(1)


@app.command()
def conformance(
    platform: Annotated[str, typer.Argument(help="slack.")],
    channel: Annotated[str, typer.Argument(help="The id of a test channel that the bot is in.")],
    report: Annotated[Path, typer.Option(help="Where the report goes; it has no names and no ids.")] = Path(
        "conformance.json"
    ),
    wait: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for a press of the button; 0: nobody is there.")
    ] = 120.0,
    config: ConfigOption = None,
) -> None:
    """Try in a test channel whether a platform does what Dovecote's tests take for granted; exit code 1: it differs."""
    from host.cli import conforming

    if not conforming.check(config, platform, channel, report, wait, _console()):
        sys.exit(1)


@app.command()
def nodes(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the hosts that share a database, and which of them serves."""
    from host.cli import nodes as listed

    listed.show(Path(config_of(config).data), as_json=json)


@app.command()
def drain(
    node: Annotated[str, typer.Argument(help="Its machine's name, or the beginning of its id.")],
    config: ConfigOption = None,
    undo: Annotated[bool, typer.Option("--undo", help="It may serve again.")] = False,
) -> None:
    """Have a node hand over in order if it serves, and not begin to serve until `--undo`."""
    from host.cli import nodes as listed

    listed.drain(Path(config_of(config).data), node, undo=undo)


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="A database's address, or host.db to move them back.")],
    config: ConfigOption = None,
) -> None:
    """Move the host's own records from host.db into a PostgreSQL, or back, while no host runs."""
    from host.cli import migrating

    migrating.move(Path(config_of(config).data), to, config)


@app.command()
def health(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Whether the host on this data folder is alive, sweeping and connected; for a container's health check."""
    from json import dumps

    from host.cli import doctor as examining

    state = examining.health(Path(config_of(config).data))
    if json:
        typer.echo(dumps(state))
    elif state["problem"]:
        _complain(str(state["problem"]), style="")
    if state["problem"]:
        sys.exit(1)


app.command()(command.setup)


def main() -> None:
    """One line for what a person can cure, and one for our own faults; DOVECOTE_TRACEBACK=1 shows where those are."""
    from host.cli import ending

    ending.kept(lambda: app(), _complain)


def _run(path: Path | None, platforms: list[str], *, log_to_file: bool, web: bool = False) -> None:
    from host.cli import run as running
    from host.config import Config, Web, dotenv, reading

    dotenv.take_in(dotenv.beside(path), os.environ)

    def with_web(found: Config) -> Config:
        return found.model_copy(update={"web": Web()}) if web and found.web is None else found

    was_there = (path or reading.DEFAULT).exists()
    config = with_web(config_of(path))
    log_file = Path(config.data) / "logs" / "host.log" if log_to_file else None
    running.run(
        config,
        platforms,
        log_file=log_file,
        again=lambda: with_web(reading.load_again(path, was_there=was_there)),
    )


def _console(*, stderr: bool = False) -> Console:
    from host.ports.printing import SafeConsole

    return SafeConsole(stderr=stderr)


def _complain(sentence: str, style: str = "bold red") -> None:
    from rich.text import Text

    _console(stderr=True).print(Text(f"dovecote: {sentence}", style), soft_wrap=True)
