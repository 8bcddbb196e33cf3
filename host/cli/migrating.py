"""A folder's records move between its host.db and a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import TypeAdapter, ValidationError

from host.cli import listing
from host.config import dotenv
from host.config.kinds import DatabaseAddress
from host.folders.lock import DataLock
from host.registry.extra import by_extra

if TYPE_CHECKING:
    from host.registry.migrating import Moved

BACK = "host.db"


def move(data: Path, to: str, config: Path | None) -> None:
    """`to` is a database's address, or `host.db`. Raises `typer.BadParameter`, `DataFolderError`, `SessionError`, `OSError`."""
    url = _address(to)
    dotenv.take_in(dotenv.beside(config), os.environ)
    by_extra()
    from host.registry import migrating

    lock = DataLock(data)
    try:
        moved = migrating.into_database(data, url) if url else migrating.into_file(data)
    finally:
        lock.release()
    _tell(data, url, moved)


def _address(to: str) -> str:
    """'' for host.db."""
    if to == BACK:
        return ""
    try:
        return TypeAdapter(DatabaseAddress).validate_python(to)
    except ValidationError as error:
        raise typer.BadParameter(
            f"{error.errors()[0]['msg']}; {BACK} moves them back", param_hint="--to"
        ) from None


def _tell(data: Path, url: str, moved: Moved) -> None:
    where = "the database" if url else str(data / BACK)
    listing.say(f"{moved.rows:,} rows of {moved.tables} tables are in {where} now.")
    if url:
        listing.say(f'Name it in dovecote.toml:\n\n[cluster]\ndatabase = "{url}"\n')
        if moved.aside is not None:
            listing.say(f"{moved.aside} is what was there before: take it away once all is well.")
    else:
        listing.say("Take [cluster] out of dovecote.toml. No host serves from the database any more.")
    if moved.left:
        listing.say(
            f"Conversations that went on on another machine: {moved.left}. Their files are there, so they begin"
            " anew here, and their people are told."
        )
