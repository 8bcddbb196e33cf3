"""`dovecote mcp`: the commands. What they do stands in `mcp`, which is imported when one is asked for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host.cli.options import ConfigOption, config_of

if TYPE_CHECKING:
    from host.config import Config

app = typer.Typer(help="Sign in at MCP servers on the web, and see who they are.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Of options.mcp of the agent.")]
AgentOption = Annotated[str, typer.Option("--agent", "-a", help="Whose server.")]


@app.command()
def login(name: NameArgument, agent: AgentOption = "default", config: ConfigOption = None) -> None:
    """Sign in: open the link, agree, and paste the address of the page you land on if it does not load."""
    from host.cli import mcp

    asyncio.run(mcp.sign_in(_loaded(config), agent, name, typer.echo))


@app.command()
def logout(name: NameArgument, agent: AgentOption = "default", config: ConfigOption = None) -> None:
    """Forget a sign-in here. What the server itself keeps of it is its own to end."""
    from host.cli import mcp

    mcp.forget(_loaded(config), agent, name)


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """The servers of each agent, and whether they can be used."""
    from host.cli import mcp

    mcp.show(_loaded(config))


def _loaded(path: Path | None) -> Config:
    from host.config import dotenv

    dotenv.take_in(dotenv.beside(path), os.environ)
    return config_of(path)
