"""Reading inbound.db, the host's file. There is no way to write it from here."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from sessiondb.connection import open_reader
from sessiondb.errors import Unavailable, translated
from sessiondb.records import MESSAGE_IN_COLUMNS, Address, Destination, MessageIn, message_in

PAGE = 200  # rows read per statement
PATIENCE = 60.0  # s that what must be read now waits for the host's commits, or for a host that died in one
LOOK_AGAIN = 0.02  # s between two tries

_DUE = " FROM messages_in WHERE status = 'pending' AND not_before <= ?"
_WAKING = f'{_DUE} AND "trigger" = 1'
_AT = " AND channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?"
_WAITING = (
    "SELECT min(seq), channel_type, workspace_id, platform_id, thread_id FROM messages_in"
    " WHERE status = 'pending' AND attempts > 0 AND not_before > ? GROUP BY 2, 3, 4, 5"
)


class InboundReader:
    """Raises `sessiondb.Unavailable` when the file cannot be read right now, `Damaged` when it never can.

    What only looks for work does so at once: it is looked for again. What a turn goes on with is waited for (law 15): a host
    on a slow disk commits for seconds, and that is not the turn's fault.
    """

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._kept: apsw.Connection | None = None

    def waking(self, now: int) -> Iterator[MessageIn]:
        """Pending messages that want an answer and whose turn and time have come, in order."""
        return self._in_turn(_WAKING, (now,), now)

    def due_at(self, address: Address, now: int) -> Iterator[MessageIn]:
        """Everything due at one address, context included, in order."""
        return self._in_turn(f"{_DUE}{_AT}", (now, *address), now)

    def _in_turn(self, of: str, bindings: tuple[str | int, ...], now: int) -> Iterator[MessageIn]:
        """Without those that would overtake an earlier message of their address that waits for another attempt."""
        if not self._at_once(f"SELECT 1{of} ORDER BY seq LIMIT 1", bindings):
            return iter(())  # as at most looks
        messages = self._pending(of, bindings)
        with self._reading():
            waiting = self._connection().execute(_WAITING, (now,)).fetchall()
        first = {Address(*map(str, address)): int(str(number)) for number, *address in waiting}
        return (m for m in messages if m.kind == "control" or m.seq < first.get(m.address, m.seq + 1))

    def next_due_at(self, now: int) -> int | None:
        """When the earliest message that still waits becomes due, ms UTC."""
        sql = "SELECT min(not_before) FROM messages_in WHERE status = 'pending' AND not_before > ?"
        rows = self._at_once(sql, (now,))
        found = rows[0][0] if rows else None
        return found if isinstance(found, int) else None

    def messages(self, ids: Collection[str], *, wait: bool = True) -> list[MessageIn]:
        """These messages as they are now, in order."""
        wanted = list(ids)
        if not wanted:
            return []
        marks = ",".join("?" * len(wanted))
        sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE id IN ({marks}) ORDER BY seq"
        return [message_in(row) for row in (self._all if wait else self._at_once)(sql, wanted)]

    def latest_at(self, address: Address, count: int) -> list[MessageIn]:
        """The last messages that people wrote at one address, in order, answered or not."""
        sql = (
            f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE kind = 'chat'{_AT} ORDER BY seq DESC LIMIT ?"
        )
        rows = self._all(sql, (*address, count))
        return [message_in(row) for row in reversed(rows)]

    def was_answered(self) -> bool:
        """Whether something was said and answered here before."""
        sql = "SELECT 1 FROM messages_in WHERE status = 'completed' AND kind IN ('chat', 'task') LIMIT 1"
        return self._one(sql, ()) is not None

    def session(self, key: str) -> str:
        """A value the host keeps for this session; '' when there is none."""
        found = self._one("SELECT value FROM session WHERE key = ?", (key,))
        return "" if found is None else str(found)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """A statement that finds no table meets a file that somebody emptied: the host makes it again, and until then there is
        nothing to read. It is no fault of a message's."""
        with translated(self._path):
            try:
                yield
            except apsw.SQLError as error:
                raise Unavailable(self._path, str(error)) from error

    def _pending(self, of: str, bindings: tuple[str | int, ...]) -> Iterator[MessageIn]:
        # In pages, each a finished statement: an open cursor would hold off the host's commits.
        sql, above = f"SELECT {MESSAGE_IN_COLUMNS}{of} AND seq > ? ORDER BY seq LIMIT {PAGE}", 0
        while True:
            with self._reading():
                page = self._connection().execute(sql, (*bindings, above)).fetchall()
            yield from map(message_in, page)
            if len(page) < PAGE:
                return
            above = int(str(page[-1][0]))

    def incarnation(self) -> str:
        return self.session("incarnation")

    def highest_seq(self) -> int:
        """Above everything the host has written here and has ever accepted from outbound.db."""
        inserted = self._one("SELECT max(seq) FROM messages_in", ())
        return max(inserted if isinstance(inserted, int) else 0, int(self.session("seq_high_water") or 0))

    def destinations(self) -> list[Destination]:
        sql = "SELECT name, description, channel_type, workspace_id, platform_id, thread_id FROM destinations ORDER BY name"
        rows = self._all(sql, ())
        return [
            Destination(str(name), str(text), Address(*map(str, address))) for name, text, *address in rows
        ]

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _one(self, sql: str, bindings: Sequence[str | int]) -> object:
        rows = self._all(sql, bindings)
        return rows[0][0] if rows else None

    def _all(self, sql: str, bindings: Sequence[str | int]) -> list[tuple[apsw.SQLiteValue, ...]]:
        """As soon as the file lets it, within the patience."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._at_once(sql, bindings)
            except Unavailable:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(LOOK_AGAIN)  # nothing else could go on meanwhile; the heartbeat is a thread of its own

    def _at_once(self, sql: str, bindings: Sequence[str | int]) -> list[tuple[apsw.SQLiteValue, ...]]:
        with self._reading():
            return self._connection().execute(sql, tuple(bindings)).fetchall()

    def _connection(self) -> apsw.Connection:
        if self._kept is None:
            self._kept = open_reader(self._path)
        return self._kept
