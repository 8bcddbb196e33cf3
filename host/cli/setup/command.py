"""`dovecote setup` on the command line. What it needs is imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HOW_TO_GIVE = (
    "NAME=value, kept in .env; better: the environment, or the question, which no list of processes shows."
)


def setup(
    platform: Annotated[str, typer.Argument(help="slack or discord; left out: asked.")] = "",
    channel: Annotated[str, typer.Option(help="Where to say hello: a channel's id or name.")] = "",
    owner: Annotated[str, typer.Option(help="Id of a person who becomes an owner; else: who answers.")] = "",
    budget: Annotated[float | None, typer.Option(min=0, help="US dollars a day for all agents.")] = None,
    launcher: Annotated[str, typer.Option(help="auto, docker, or process (no isolation).")] = "",
    base_image: Annotated[str, typer.Option(help="What the image of conversations is built on.")] = "",
    secret: Annotated[list[str] | None, typer.Option(help=HOW_TO_GIVE)] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value, kept in dovecote.toml.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask/--yes", help="Ask, or take the flags and what is usual.")
    ] = True,
    start: Annotated[bool, typer.Option(help="End in a running host.")] = True,
    print_link: Annotated[
        bool, typer.Option("--print-link", help="Only print where the app is made.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; default: dovecote.toml.")
    ] = None,
) -> None:
    """Set Slack or Discord up, from nothing to a running host: asks, tries each step live, keeps what works."""
    from host.cli.setup import desk, ending, flow
    from host.config import writing
    from host.ports.printing import SafeConsole

    if print_link:
        typer.echo(flow.print_link(config, platform or "slack"))
        return
    try:
        secrets = flow.secrets_of(secret or [])
        settings = dict(writing.setting(one) for one in setting or [])
    except ValueError as wrong:
        raise typer.BadParameter(f"{wrong}: write NAME=value") from wrong
    if launcher not in ("", "auto", "docker", "process"):
        raise typer.BadParameter(f"{launcher!r}: write auto, docker or process", param_hint="--launcher")
    wanted = desk.Wanted(
        platform=platform,
        secrets=secrets,
        settings=settings,
        channel=channel,
        owner=owner,
        budget=budget,
        launcher=launcher,
        base_image=base_image,
        start=start,
    )
    ending.in_a_host(config, wanted, SafeConsole(), ask=ask)
