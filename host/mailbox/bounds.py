"""What a session makes the host write into inbound.db has an end, however often it asks for more.

Receipts that cost no platform anything (refused, failed, carried out) and notes for the agent are kept in rings: the newest
push the oldest out. Notes that nobody has read are never pushed out; where too many are, no more are written.
"""

from __future__ import annotations

from dataclasses import replace

import apsw

from sessiondb import content

KEPT_RECEIPTS = 1_000  # rows of messages_out
KEPT_NOTES = 1_000  # places; a note takes one for every so many bytes:
A_PLACE = 8_000  # bytes
MOST_UNREAD = 500  # notes and ends of questions that no turn has consumed
MOST_UNREAD_BYTES = 2_000_000  # of what they say
LONGEST_NOTE = 50_000  # characters; what is beyond is cut, with a word
FREE_OF_COST = ("quarantined", "failed", "applied")  # states of `delivered` that any number of rows can have

_UNREAD = (
    "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT octet_length(content) AS size FROM messages_in"
    " WHERE status = 'pending' AND kind = 'system' AND author_id = '' LIMIT ?)"
)
_SIZE = "SELECT octet_length(content) FROM messages_in WHERE id = ?"
_FORGET_RECEIPT = (
    "DELETE FROM delivered WHERE message_out_id = ? AND NOT EXISTS (SELECT 1 FROM delivered AS other WHERE"
    " other.message_out_id = delivered.message_out_id AND other.state NOT IN ('quarantined', 'failed', 'applied'))"
)
_FORGET_NOTE = "DELETE FROM messages_in WHERE id = ? AND kind = 'system' AND status <> 'pending'"


def told(note: content.System) -> content.System:
    """Within what one may weigh, whoever's words it hands on."""
    cut = len(note.text) > LONGEST_NOTE
    return replace(note, text=f"{note.text[:LONGEST_NOTE]} … (cut)") if cut else note


class Bounds:
    """Every method takes part in the transaction of whoever has the connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def may_note(self) -> bool:
        """Whether the session has read enough of what it was told to be told more."""
        [(unread, size)] = self._connection.execute(_UNREAD, (MOST_UNREAD,)).fetchall()
        return int(str(unread)) < MOST_UNREAD and int(str(size)) < MOST_UNREAD_BYTES

    def noted(self, id_: str) -> None:
        """What was written under that id counts by its length: few long notes push out as much as many short ones."""
        row = self._connection.execute(_SIZE, (id_,)).fetchone()
        for _ in range(1 + (0 if row is None else int(str(row[0]))) // A_PLACE):
            if pushed_out := self._ring("notes", KEPT_NOTES, id_):
                self._connection.execute(_FORGET_NOTE, (pushed_out,))

    def received(self, message_out_id: str) -> None:
        """A row of that id has become one of those that cost nothing."""
        if pushed_out := self._ring("receipts", KEPT_RECEIPTS, message_out_id):
            self._connection.execute(_FORGET_RECEIPT, (pushed_out,))

    def _ring(self, name: str, size: int, id_: str) -> str:
        """Puts the id into the ring; what it takes the place of, or ''."""
        number = int(self._value(f"ring:{name}") or 0)
        slot = f"ring:{name}:{number % size}"
        before = self._value(slot)
        self._connection.executemany(
            "INSERT OR REPLACE INTO session (key, value) VALUES (?, ?)",
            [(slot, id_), (f"ring:{name}", str(number + 1))],
        )
        return before if before != id_ else ""

    def _value(self, key: str) -> str:
        row = self._connection.execute("SELECT value FROM session WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])
