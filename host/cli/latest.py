"""The latest rows of one kind in host.db, with names for ids: as a table, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from host.cli import listing
from host.config import Config
from host.controls.naming import Names
from host.governance import words

MOST_SHOWN = 50
Entry: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Kind:
    sql: str  # ms UTC first; its one binding is how many
    entry: Callable[[Names, Sequence[object]], Entry]
    headings: tuple[str, ...]  # behind "at"
    cells: Callable[[Entry], list[str]]
    nothing: str  # said where there is none


def show(config: Config, kind: Kind, *, as_json: bool) -> None:
    """Raises `sessiondb.SessionError`."""
    with listing.records(Path(config.data)) as registry:
        rows = registry.execute(kind.sql, (MOST_SHOWN,)).fetchall() if registry is not None else []
        names = Names(registry) if registry is not None else None
        found = [kind.entry(names, row) for row in rows if names is not None]
    if as_json:
        listing.say_json(found)
        return
    if not found:
        listing.say(kind.nothing)
        return
    zone = words.zone_of("", config.host.zone)
    times = [listing.clock(int(str(row[0])), zone) for row in rows]
    shown = [[at, *kind.cells(entry)] for at, entry in zip(times, found, strict=True)]
    listing.table(["at", *kind.headings], shown)
