"""Reading inbound.db, the host's file. There is no way to write it from here."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import apsw

from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import MESSAGE_IN_COLUMNS, Address, Destination, MessageIn, message_in

_DUE = f"""
    SELECT {MESSAGE_IN_COLUMNS} FROM messages_in
    WHERE status = 'pending' AND not_before <= ? ORDER BY seq
"""


class InboundReader:
    """Raises `sessiondb.Unavailable` when the file cannot be read right now, `Damaged` when it never can."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: apsw.Connection | None = None

    def stamp(self) -> tuple[int, int, int]:
        """Differs after every commit of the host; costs one stat."""
        found = os.stat(self._path)  # noqa: PTH116
        return found.st_mtime_ns, found.st_size, found.st_ino

    def due(self, now: int) -> Iterator[MessageIn]:
        """Pending messages whose time has come, in order. Close the iterator to let the host commit."""
        with translated(self._path):
            for row in self._connection().execute(_DUE, (now,)):
                yield message_in(row)

    def next_due_at(self, now: int) -> int | None:
        """When the earliest message that still waits becomes due, ms UTC."""
        sql = "SELECT min(not_before) FROM messages_in WHERE status = 'pending' AND not_before > ?"
        found = self._one(sql, (now,))
        return found if isinstance(found, int) else None

    def messages(self, ids: Collection[str]) -> list[MessageIn]:
        """These messages as they are now, in order."""
        wanted = list(ids)
        marks = ",".join("?" * len(wanted))
        sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE id IN ({marks}) ORDER BY seq"
        with translated(self._path):
            return [message_in(row) for row in self._connection().execute(sql, wanted).fetchall()]

    def session(self, key: str) -> str:
        """A value the host keeps for this session; '' when there is none."""
        found = self._one("SELECT value FROM session WHERE key = ?", (key,))
        return "" if found is None else str(found)

    def incarnation(self) -> str:
        return self.session("incarnation")

    def highest_seq(self) -> int:
        """Above everything the host has written here and has ever accepted from outbound.db."""
        inserted = self._one("SELECT max(seq) FROM messages_in", ())
        return max(inserted if isinstance(inserted, int) else 0, int(self.session("seq_high_water") or 0))

    def destinations(self) -> list[Destination]:
        sql = "SELECT name, description, channel_type, workspace_id, platform_id, thread_id FROM destinations ORDER BY name"
        with translated(self._path):
            rows = self._connection().execute(sql).fetchall()
        return [
            Destination(str(name), str(text), Address(*map(str, address))) for name, text, *address in rows
        ]

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _one(self, sql: str, bindings: Sequence[str | int]) -> object:
        with translated(self._path):
            row = self._connection().execute(sql, tuple(bindings)).fetchone()
        return None if row is None else row[0]

    def _connection(self) -> apsw.Connection:
        if self._kept is None:
            self._kept = open_reader(self._path)
        return self._kept
