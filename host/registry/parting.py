"""Who of the nodes has done its part of forgetting a person: each its own disk. Jobs on a registry that nodes share.

A node that serves is told whom to forget, and says when it has. One that is away gets a list of conversations instead, which says
nothing of anybody: what lies there of these goes before it does anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from host.registry import errands
from host.registry.statements import Statements
from host.registry.tidings import Tidings, What


def order(
    connection: Statements, node: str, mark: str, person: str, sessions: Mapping[str, bool], tidings: Tidings
) -> None:
    """By `node`, to all others. `sessions`: whether the work goes, too. Who has done its part does it once more."""
    serve = [str(id_) for (id_,) in connection.execute(_SERVE, (node,)).fetchall()]
    known = [str(id_) for (id_,) in connection.execute("SELECT id FROM nodes").fetchall()]
    lie = [
        str(found[0])
        for id_ in sessions
        for found in connection.execute("SELECT node FROM sessions WHERE id = ?", (id_,)).fetchall()
    ]
    for other in dict.fromkeys((*serve, *known, *lie)):
        if other in ("", node):
            continue
        if other in serve:
            connection.execute(_PUT, (mark, other, person, "[]"))
        else:
            connection.execute(_PUT, (mark, other, "", json.dumps(list(sessions.items()))))
    tidings.tell(connection, What.FORGET)


def waiting(connection: Statements, mark: str) -> list[str]:
    """Nodes that serve and have not done their part."""
    return [str(node) for (node,) in connection.execute(_WAITING, (mark,)).fetchall()]


def over(connection: Statements, mark: str) -> bool:
    """Whether a node ended before it had done its part: what it held is to be looked at once more."""
    return connection.execute(_OVER, (mark,)).fetchone() is not None


def left(connection: Statements, mark: str) -> list[str]:
    """What nodes could not take away, in words."""
    rows = connection.execute(_LEFT, (mark,)).fetchall()
    return [f"{name}: {said}" for name, said in rows]


def away(connection: Statements, mark: str) -> list[str]:
    """The names of those whose part comes later."""
    return [str(name) for (name,) in connection.execute(_AWAY, (mark,)).fetchall()]


def end(connection: Statements, mark: str) -> None:
    connection.execute("DELETE FROM to_forget WHERE mark = ? AND person <> ''", (mark,))
    errands.forget(connection)


def parts_of(connection: Statements, node: str) -> Sequence[tuple[str, str]]:
    """Marks and people of a node that serves."""
    rows = connection.execute(_PARTS, (node,)).fetchall()
    return [(str(mark), str(person)) for mark, person in rows]


def done(connection: Statements, node: str, mark: str, said: str) -> None:
    connection.execute(_DONE, (said, mark, node))


def lists_of(connection: Statements, node: str) -> Sequence[tuple[str, Mapping[str, bool]]]:
    """Of a node that was away; without what is its own by now."""
    found = []
    for mark, sessions in connection.execute(_LISTS, (node,)).fetchall():
        own = [id_ for id_, _ in json.loads(str(sessions)) if _is_at(connection, str(id_), node)]
        found.append(
            (str(mark), {str(i): bool(whole) for i, whole in json.loads(str(sessions)) if i not in own})
        )
    return found


def carried_out(connection: Statements, node: str, mark: str) -> None:
    connection.execute("DELETE FROM to_forget WHERE mark = ? AND node = ? AND person = ''", (mark, node))


def _is_at(connection: Statements, id_: str, node: str) -> bool:
    sql = "SELECT 1 FROM sessions WHERE id = ? AND node = ?"
    return connection.execute(sql, (id_, node)).fetchone() is not None


_SERVE = "SELECT node FROM serving WHERE live = 1 AND node <> ?"
_PUT = """
INSERT INTO to_forget VALUES (?, ?, ?, ?, 0, '') ON CONFLICT (mark, node) DO UPDATE
SET person = excluded.person, sessions = excluded.sessions, done = 0, said = ''
"""
_SERVES = "EXISTS (SELECT 1 FROM serving WHERE serving.node = to_forget.node AND serving.live = 1)"
_WAITING = (
    f"SELECT node FROM to_forget WHERE mark = ? AND person <> '' AND done = 0 AND said = '' AND {_SERVES}"
)
_OVER = f"SELECT 1 FROM to_forget WHERE mark = ? AND person <> '' AND done = 0 AND NOT {_SERVES}"
_NAME = "coalesce((SELECT name FROM nodes WHERE nodes.id = to_forget.node), node)"
_LEFT = f"SELECT {_NAME}, said FROM to_forget WHERE mark = ? AND person <> '' AND said <> '' ORDER BY 1"
_AWAY = f"SELECT {_NAME} FROM to_forget WHERE mark = ? AND person = '' ORDER BY 1"
_PARTS = "SELECT mark, person FROM to_forget WHERE node = ? AND person <> '' AND done = 0 AND said = ''"
_DONE = """
UPDATE to_forget SET said = ?1, done = CASE WHEN ?1 = '' THEN 1 ELSE 0 END WHERE mark = ?2 AND node = ?3 AND person <> ''
"""
_LISTS = "SELECT mark, sessions FROM to_forget WHERE node = ? AND person = ''"
