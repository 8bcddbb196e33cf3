"""Hosts that share a database: each is a node, known by its data folder; one serves, and the others stand by.

Nothing here asks which engine there is: on a single machine there is one node, without a name.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from host.registry.port import Statements
from sessiondb import connection as sqlite
from sessiondb.errors import Unavailable

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
    rows = connection.execute(
        "SELECT name, id, serves, drained, since, silent, version FROM nodes_seen ORDER BY serves DESC, name, id"
    ).fetchall()
    return [
        Seen(str(name), str(id_), bool(serves), bool(drained), int(at), int(silent), str(version))
        for name, id_, serves, drained, at, silent, version in rows
    ]


def decide(connection: Statements) -> None:
    """Before one looks who may serve and drains another: two who do so wait for one another."""
    connection.execute("LOCK TABLE drained IN SHARE ROW EXCLUSIVE MODE")


def drain(connection: Statements, id_: str) -> None:
    """It serves no more, and does not begin to, whoever starts it, until `undrain`."""
    connection.execute("INSERT INTO drained SELECT ?, ms_now() ON CONFLICT DO NOTHING", (id_,))


def undrain(connection: Statements, id_: str) -> None:
    connection.execute("DELETE FROM drained WHERE node = ?", (id_,))
