"""What nodes that stand by took in from a platform, as the one that serves deals with it: kept first, then acknowledged (law 4).

Functions for jobs on a registry in a database, fenced like all others; the other side is `keeping`.

What a crash does. Before the row: nothing was acknowledged, and the platform brings it again, or tells the person that it failed.
After the row: whoever serves next deals with it. While it is dealt with: what is known by its id is dealt with again, which
changes nothing; what is not (a click, a command) was begun, and is not begun a second time. After the answer and before the
acknowledgement: the person is told by the platform that it failed, and sees what it did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host.ports.bot import Payload
from host.registry.port import Statements

CHANNEL = "dovecote_taken_in"  # on which the node that serves hears of a row: a hint
MOST_ATTEMPTS = 8
PAUSE = 2_000  # ms after a failed attempt, times their number
KEPT = 60_000  # ms for which an answer waits to be fetched
PORTION = 100  # rows of a look

_WAITING = """
SELECT id, platform, kind, payload, again, waits, attempts, begun_at FROM taken_in
WHERE answer IS NULL AND NOT (attempts > 0 AND begun_at + attempts * ? > ms_now()) ORDER BY id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Taken:
    id: int
    platform: str
    payload: Payload
    attempts: int
    begun: bool


def waiting(connection: Statements) -> list[Taken]:
    """What is to be dealt with, in the order in which it was taken in. Answers that nobody fetched go."""
    connection.execute("DELETE FROM taken_in WHERE answer IS NOT NULL AND begun_at + ? < ms_now()", (KEPT,))
    rows = connection.execute(_WAITING, (PAUSE, PORTION)).fetchall()
    return [
        Taken(
            int(id_),
            str(platform),
            Payload(str(kind), json.loads(payload), again=bool(again), waits=bool(waits)),
            int(attempts),
            bool(begun_at),
        )
        for id_, platform, kind, payload, again, waits, attempts, begun_at in rows
    ]


def begin(connection: Statements, one: Taken) -> bool:
    """False where it is withdrawn by now."""
    connection.execute("UPDATE taken_in SET begun_at = ms_now() WHERE id = ?", (one.id,))
    return connection.changes() > 0


def over(connection: Statements, one: Taken, answer: Mapping[str, Any] | None) -> None:
    """`answer` is None for what cannot be dealt with."""
    if one.payload.waits and answer is not None:
        connection.execute("UPDATE taken_in SET answer = ? WHERE id = ?", (json.dumps(answer), one.id))
    else:
        connection.execute("DELETE FROM taken_in WHERE id = ?", (one.id,))


def failed(connection: Statements, one: Taken) -> None:
    sql = "UPDATE taken_in SET attempts = attempts + 1, begun_at = ms_now() WHERE id = ?"
    connection.execute(sql, (one.id,))
