"""Whether a data folder's registry is in a database: the folder says so itself, so that every command finds it there.

What it says is an address without a password: that is in the environment, or where PostgreSQL's own programs look for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from host.folders.disk import Disk
from host.registry import extra, nodes
from host.registry.db import HostDB
from host.registry.extra import by_extra
from host.registry.port import Registry
from host.registry.where import DATABASE, ELSEWHERE, noted
from sessiondb.errors import SessionError, Unavailable

if TYPE_CHECKING:
    from host.registry.hints import Hints
    from host.registry.keeping import Keeper
    from host.registry.standby import Standby

HERE = "the records of this folder are in host.db, and [cluster] names a database: leave it out, or begin with another `data`"
THERE = "the records of this folder are in a database, and [cluster] names none: name it again"


async def opened(
    data: Path,
    url: str,
    disk: Disk,
    lost: Callable[[SessionError], None],
    drained: Callable[[], None] = lambda: None,
    *,
    among_others: bool = False,
    labels: Sequence[str] = (),
) -> Registry:
    """By the engine that the configuration names, '' for SQLite; never beside records that are in the other one. `among_others`:
    several nodes serve at a time, and `labels` are this one's. `lost` and `drained` are called in another thread, when this host
    has to end and when another is to serve. Raises `SessionError`; `nodes.Led` while another node serves, or is to."""
    file, note = data / "host.db", data / ELSEWHERE
    if not url:
        if noted(data):
            raise Unavailable(DATABASE, THERE)
        return await HostDB.open(file, disk)
    if file.exists():
        raise Unavailable(DATABASE, HERE)
    engine, node = by_extra(), await disk.run(nodes.own, data)
    try:
        registry: Registry = await engine.PostgreSQL.open(
            url, disk, lost, node, drained, among_others=among_others, labels=labels
        )
    except nodes.Led:  # the records are there, whoever serves
        await _noted(data, note, url, disk)
        raise
    await _noted(data, note, url, disk)
    return registry


async def standby(data: Path, url: str, disk: Disk, *, among_others: bool) -> Standby:
    """What a node waits by, while another serves. Raises `SessionError`."""
    made: Standby = extra.sharing().standby.Standby(
        url, await disk.run(nodes.own, data), disk, among_others=among_others
    )
    return made


def keeper(url: str, disk: Disk) -> Keeper:
    """By which it keeps what it takes in. Raises `SessionError`."""
    made: Keeper = extra.sharing().keeping.Keeper(url, disk)
    return made


def hints(url: str, channel: str, disk: Disk) -> Hints:
    """Of what nodes tell one another. Raises `SessionError`."""
    made: Hints = extra.sharing().hints.Hints(url, channel, disk)
    return made


def look(url: str) -> None:
    """Whether the database would be taken. Raises `SessionError`."""
    by_extra().connect(url).close()


async def _noted(data: Path, note: Path, url: str, disk: Disk) -> None:
    """Before anything is kept there: a start that finds no note would begin with a host.db of its own."""
    if noted(data) != url:
        await disk.run(nodes.keep, note, url)
