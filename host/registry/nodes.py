"""Hosts that share a database: each is a node, known by its data folder; one serves, and the others stand by.

Nothing here asks which engine there is: on a single machine there is one node, without a name.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from host.registry.port import Statements
from sessiondb import connection as sqlite
from sessiondb.errors import Unavailable

SILENT = 10_000  # ms without a beat after which nobody counts on a node
DRAINING = "draining"
FILE = "node"  # in the data folder: its id, for whoever else would take it for its own


@dataclass(frozen=True, slots=True)
class Node:
    id: str  # of the data folder: conversations' files are where it is
    name: str  # of the machine


class Led(Unavailable):
    """Another node serves, or is to."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A node as the database knows it. Times are the database's."""

    name: str
    id: str
    serves: bool
    drained: bool
    since: int  # ms UTC
    silent: int  # ms since its latest beat
    version: str
    together: bool = False  # serves what it holds, beside others; else all there is, or it stands by
    channels: int = 0  # that it holds
    works: int = 0  # conversations that were under way there with its latest beat
    labels: tuple[str, ...] = ()  # that it has, where it serves beside others

    @property
    def called(self) -> str:
        return called(self.name, self.id)


def called(name: str, id_: str) -> str:
    """By which people tell it from others of that name."""
    return f"{name} ({id_})"


def state_of(one: Seen) -> str:
    if one.serves:
        return DRAINING if one.drained else "serves"
    if one.drained:
        return "drained"
    return "stands by" if one.silent < SILENT else "silent"


def own(data: Path) -> Node:
    """This one; a folder gets its id once. Raises `OSError`."""
    id_ = named(data)
    if not id_:
        id_ = secrets.token_hex(6)
        keep(data / FILE, id_)
    return Node(id_, socket.gethostname())


def named(data: Path) -> str:
    """Its id; '' for a folder that never shared a database. Raises `OSError`."""
    try:
        return (data / FILE).read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def keep(path: Path, line: str) -> None:
    """Whole or not there, and on the disk when it returns. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sqlite.sync(path.parent)


def seen(connection: Statements) -> list[Seen]:
    """Who serves first, then by name. For a registry in a database."""
    rows = connection.execute(_SEEN).fetchall()
    return [
        Seen(
            str(name),
            str(id_),
            bool(serves),
            bool(drained),
            int(since),
            int(silent),
            str(version),
            bool(together),
            int(channels),
            int(works),
            tuple(json.loads(labels)),
        )
        for name, id_, serves, drained, since, silent, version, together, channels, works, labels in rows
    ]


def mixed(connection: Statements, *, together: bool) -> str:
    """Who serves in the other way, and keeps a node that would serve `together` with others, or alone, from it; '' for nobody."""
    row = connection.execute(_ALONE if together else _TOGETHER).fetchone()
    if row is None:
        return ""
    way = (
        "without [cluster] workspaces, which this node names"
        if together
        else "with [cluster] workspaces, of which this node names none"
    )
    return f"{row[0]} serves {way}: {_SAME}"


_SAME = "give all nodes the same [cluster] workspaces, and start those anew that are to change"
_ALONE = "SELECT name FROM lease WHERE until > ms_now()"
_TOGETHER = "SELECT name FROM serving JOIN serving_until USING (node) WHERE live = 1 AND until > ms_now() ORDER BY name LIMIT 1"
# By names, for a view of an earlier version has fewer.
_SEEN = """
SELECT name, id, serves, drained, since, silent, version, coalesce(CAST(seen ->> 'together' AS int), 0),
    coalesce(CAST(seen ->> 'places' AS int), 0), coalesce(CAST(seen ->> 'works' AS int), 0), coalesce(seen ->> 'labels', '[]')
FROM (SELECT nodes_seen.*, to_jsonb(nodes_seen) AS seen FROM nodes_seen) AS found ORDER BY serves DESC, name, id
"""


def decide(connection: Statements) -> None:
    """Before one looks who may serve and drains another: two who do so wait for one another."""
    connection.execute("LOCK TABLE drained IN SHARE ROW EXCLUSIVE MODE")


def drain(connection: Statements, id_: str) -> None:
    """It serves no more, and does not begin to, whoever starts it, until `undrain`."""
    connection.execute("INSERT INTO drained SELECT ?, ms_now() ON CONFLICT DO NOTHING", (id_,))


def undrain(connection: Statements, id_: str) -> None:
    connection.execute("DELETE FROM drained WHERE node = ?", (id_,))
