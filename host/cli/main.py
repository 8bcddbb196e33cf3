"""The commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from host import config as configuration
from host.bots import BotConfigError
from host.cli import run as running
from host.config import Config, ConfigError
from host.lock import DataFolderError
from sessiondb import SessionError

app = typer.Typer(
    name="dovecote",
    help="AI agents in your Slack and Discord: one container and two SQLite files per conversation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; default: dovecote.toml.")
]
_errors = Console(stderr=True)


@app.command()
def chat(config: ConfigOption = None) -> None:
    """Talk to the agent in the terminal. With a pipe: a message per line, a reply each."""
    _run(config, ["console"], log_to_file=True)


@app.command()
def up(config: ConfigOption = None) -> None:
    """Run everything that is configured, until stopped."""
    _run(config, ["slack", "discord"], log_to_file=False)


@app.command()
def setup(
    platform: Annotated[str, typer.Argument(help="slack or discord")], config: ConfigOption = None
) -> None:
    """Connect a platform, step by step, each step checked."""
    if not running.set_up(configuration.load(config), platform, typer.echo):
        raise typer.Exit(1)


def main() -> None:
    """One line for what a person can cure; a traceback only for our own faults."""
    try:
        app()
    except (ConfigError, DataFolderError, BotConfigError, SessionError) as error:
        _errors.print(Text(f"dovecote: {error}", "bold red"), soft_wrap=True)
        sys.exit(2)


def _run(path: Path | None, platforms: list[str], *, log_to_file: bool) -> None:
    config: Config = configuration.load(path)
    log_file = Path(config.data) / "logs" / "host.log" if log_to_file else None
    running.run(config, platforms, log_file=log_file)
