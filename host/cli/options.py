"""The options that commands share, and the configuration they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from host.config import Config

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; default: dovecote.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program, instead.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="The records themselves.")]


def config_of(path: Path | None) -> Config:
    """Raises `ConfigError`."""
    from host import config as configuration

    return configuration.load(path)
