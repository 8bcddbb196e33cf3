"""Folders of which one node has the latest, as the registry has them packed (docs/adr/0041). Functions for jobs on the registry.

A pack's portions come first, under a serial that nobody knows; what names it, and takes the one before away, is one commit. What
was left half-way goes with the next pack of the same folder.
"""

from __future__ import annotations

from typing import NamedTuple

from host.registry.port import Statements

PORTION = 1 << 20  # bytes


class Header(NamedTuple):
    place: str  # the folder, by its path below the data folder
    session_id: str  # whose it is alone; '' for a scope's
    node: str  # whose folder is the latest
    serial: str = ""  # of the pack that is whole; '' for none yet
    digest: str = ""
    size: int = 0  # bytes of the files in it
    taken_at: int = 0  # ms UTC; of a folder that was forgotten, when it was
    at_rest: bool = False  # nobody has written to the folder since
    left_out: str = ""  # why there is none, or not all of it; '' where nothing is missing

    @property
    def is_forgotten(self) -> bool:
        return not self.serial and self.taken_at > 0


class Taken(NamedTuple):
    """Of a pack whose portions are there."""

    serial: str
    digest: str
    size: int
    taken_at: int
    left_out: str


def header(connection: Statements, place: str) -> Header | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM packed WHERE place = ?", (place,)).fetchone()
    return _header(row) if row else None


def of_session(connection: Statements, session_id: str) -> list[Header]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM packed WHERE session_id = ? ORDER BY place", (session_id,)
    )
    return [_header(row) for row in rows.fetchall()]


def unsettled(connection: Statements, node: str) -> list[str]:
    """Whose folders were written to when they were last heard of."""
    rows = connection.execute("SELECT place FROM packed WHERE node = ? AND at_rest = 0", (node,))
    return [str(place) for (place,) in rows.fetchall()]


def bare(connection: Statements, node: str) -> list[str]:
    """Of which nothing was ever packed, for nothing had been seen in them."""
    rows = connection.execute(_BARE, (node,)).fetchall()
    return [str(place) for (place,) in rows]


def forgotten(connection: Statements, node: str) -> list[str]:
    """Of which nothing is to lie on this node any more."""
    rows = connection.execute(_FORGOTTEN, (node,)).fetchall()
    return [str(place) for (place,) in rows]


def in_part(connection: Statements) -> list[tuple[str, str]]:
    """Folders of which something is left out, and why."""
    rows = connection.execute(
        "SELECT place, left_out FROM packed WHERE left_out <> '' ORDER BY place LIMIT 100"
    )
    return [(str(place), str(why)) for place, why in rows.fetchall()]


def hold(connection: Statements, place: str, session_id: str, node: str, *, bare: bool = False) -> None:
    """This node's folder is the latest from now on, and somebody is about to write to it. `bare`: nothing is in it, and nothing
    ever was packed of it; that is at rest until something is seen there."""
    connection.execute(
        "INSERT INTO packed (place, session_id, node, at_rest) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (place) DO UPDATE SET node = excluded.node, at_rest = excluded.at_rest",
        (place, session_id, node, int(bare)),
    )


def stir(connection: Statements, place: str, node: str) -> None:
    connection.execute("UPDATE packed SET at_rest = 0 WHERE place = ? AND node = ?", (place, node))


def put(connection: Statements, place: str, serial: str, number: int, content: bytes) -> None:
    connection.execute("INSERT INTO packed_portions VALUES (?, ?, ?, ?)", (place, serial, number, content))


def portion(connection: Statements, place: str, serial: str, number: int) -> bytes | None:
    row = connection.execute(
        "SELECT content FROM packed_portions WHERE place = ? AND serial = ? AND number = ?",
        (place, serial, number),
    ).fetchone()
    return bytes(row[0]) if row else None


def complete(connection: Statements, place: str, node: str, taken: Taken, *, at_rest: bool) -> bool:
    """The pack is the latest; what was before it goes. False where another node has the folder by now."""
    connection.execute(
        "UPDATE packed SET serial = ?, digest = ?, size = ?, taken_at = ?, at_rest = ?, left_out = ?"
        " WHERE place = ? AND node = ?",
        (taken.serial, taken.digest, taken.size, taken.taken_at, int(at_rest), taken.left_out, place, node),
    )
    named = connection.changes() > 0
    if named:
        connection.execute(
            "DELETE FROM packed_portions WHERE place = ? AND serial <> ?", (place, taken.serial)
        )
    return named


def settle(connection: Statements, place: str, node: str) -> None:
    """This node has what is packed, and nobody changes it."""
    connection.execute("UPDATE packed SET node = ?, at_rest = 1 WHERE place = ?", (node, place))


def miss(connection: Statements, place: str, node: str, why: str) -> None:
    """It cannot be packed as it is; what was packed before stays."""
    connection.execute(
        "UPDATE packed SET left_out = ?, at_rest = 0 WHERE place = ? AND node = ?", (why, place, node)
    )


def forget(connection: Statements, place: str, node: str, now: int) -> None:
    """Nothing of it is here any more, and no node's folder is to come back."""
    connection.execute("DELETE FROM packed_portions WHERE place = ?", (place,))
    connection.execute(
        "UPDATE packed SET node = ?, serial = '', digest = '', size = 0, taken_at = ?, at_rest = 1, left_out = ''"
        " WHERE place = ?",
        (node, now, place),
    )


def drop(connection: Statements, place: str) -> None:
    connection.execute("DELETE FROM packed_portions WHERE place = ?", (place,))
    connection.execute("DELETE FROM packed WHERE place = ?", (place,))


def _header(row: tuple[object, ...]) -> Header:
    place, session_id, node, serial, digest, size, taken_at, at_rest, left_out = row
    return Header(
        str(place),
        str(session_id),
        str(node),
        str(serial),
        str(digest),
        int(str(size)),
        int(str(taken_at)),
        bool(at_rest),
        str(left_out),
    )


_BARE = "SELECT place FROM packed WHERE serial = '' AND taken_at = 0 AND node = ?"
_FORGOTTEN = "SELECT place FROM packed WHERE serial = '' AND taken_at > 0 AND node <> ?"
_COLUMNS = "place, session_id, node, serial, digest, size, taken_at, at_rest, left_out"
