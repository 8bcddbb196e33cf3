"""How lists look: at 80 columns, short ids that every command takes, and JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from host.ports.printing import SafeConsole, echo
from host.registry.db import open_registry
from host.registry.port import Statements
from host.registry.where import NotYet
from sessiondb.records import Address

SHORTEST = 8  # characters of an id that are shown, where so many tell it from all others
ELASTIC = ("title", "where", "who", "detail", "when", "what")  # columns that give way
NARROWEST = 8  # columns of text, to which they do
GAP = 2  # columns between two columns

_out = SafeConsole()


@contextmanager
def records(data: Path) -> Iterator[Statements | None]:
    """host.db, to read; None where no host has run, which is no fault. Raises `sessiondb.SessionError`."""
    try:
        registry = open_registry(data)
    except NotYet:
        yield None
        return
    try:
        yield registry
    finally:
        registry.close()


def say(text: str, style: str = "") -> None:
    _out.print(Text(text, style), soft_wrap=True)


def show(what: RenderableType) -> None:
    _out.print(what)


def say_json(found: object) -> None:
    echo(json.dumps(found, indent=2, ensure_ascii=False))


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str | Text]], *, right: Sequence[str] = ()
) -> None:
    """In the width of the terminal: where there is no room, `ELASTIC` columns end in an ellipsis, the widest first."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [
        max(len(heading), *(row[number].cell_len for row in cells)) for number, heading in enumerate(headings)
    ]
    _give_way(headings, widths, _out.width)
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
    for heading, width in zip(headings, widths, strict=True):
        justify: Literal["left", "right"] = "right" if heading in right else "left"
        grid.add_column(heading, no_wrap=True, overflow="ellipsis", width=width, justify=justify)
    for row in cells:
        grid.add_row(*row)
    _out.print(grid)


def _give_way(headings: Sequence[str], widths: list[int], room: int) -> None:
    elastic = [number for number, heading in enumerate(headings) if heading in ELASTIC]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        widest = max(elastic, key=lambda number: widths[number], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def shortened(ids: Sequence[str], among: Sequence[str]) -> Mapping[str, str]:
    """Each id by as much of its beginning as no other begins with."""
    everybody = sorted(set(among) | set(ids))
    place = {id_: number for number, id_ in enumerate(everybody)}

    def short(id_: str) -> str:
        number = place[id_]
        beside = everybody[max(0, number - 1) : number] + everybody[number + 1 : number + 2]
        common = max((_common(id_, other) for other in beside), default=0)
        return id_[: max(SHORTEST, common + 1)]

    return {id_: short(id_) for id_ in ids}


def _common(one: str, other: str) -> int:
    same = (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(same, min(len(one), len(other)))


def clock(at: int, zone: ZoneInfo) -> str:
    """A moment (ms UTC) by the host's zone; '' for none."""
    return f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M}" if at else ""


def utc(at: int) -> str:
    """A moment (ms UTC), to the second; '' for none."""
    return f"{datetime.fromtimestamp(at / 1000, ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S}Z" if at else ""


def iso(at: int) -> str:
    """The same for programs."""
    return f"{datetime.fromtimestamp(at / 1000, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%S}Z" if at else ""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def placed(address: Address) -> dict[str, Any]:
    """An address for programs."""
    platform, workspace, channel, thread = address
    return {"platform": platform, "workspace": workspace, "channel": channel, "thread": thread}
