"""Which node has the files of a conversation, where several share a registry. Jobs that read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from host.registry import nodes
from host.registry.statements import Statements


@dataclass(frozen=True, slots=True)
class Lies:
    node: str = ""  # another's id; '' where the files are this node's, or nobody's yet
    name: str = ""  # of the machine that has them, each another's; '' on a single one


HERE = Lies()


def of_sessions(connection: Statements, own: str, ids: Iterable[str]) -> Mapping[str, Lies]:
    """`own`: the node that asks."""
    known = names(connection)
    rows = connection.execute(_NODES, (json.dumps(list(ids)),)).fetchall()
    found = ((str(id_), str(node)) for id_, node in rows)
    return {id_: Lies("" if node == own else node, known.get(node, node)) for id_, node in found}


def names(connection: Statements) -> Mapping[str, str]:
    """Of nodes, by their ids: a machine's, with the id where several are called so."""
    found = [
        (str(id_), str(name)) for id_, name in connection.execute("SELECT id, name FROM nodes").fetchall()
    ]
    times = Counter(name for _, name in found)
    return {id_: nodes.called(name, id_) if times[name] > 1 else name for id_, name in found}


def tables(connection: Statements) -> int:
    """The version of what they share."""
    row = connection.execute("SELECT version FROM leader").fetchone()
    return int(str(row[0])) if row else 0


_NODES = "SELECT id, node FROM sessions WHERE id IN (SELECT value FROM json_each(?))"
