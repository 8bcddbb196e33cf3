"""An inbound.db that is open for writing: its transactions, what they take along, and the values of its table `session`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from host.mailbox import shape
from sessiondb.connection import open_writer, settle, transaction
from sessiondb.errors import Full, Unavailable


class Transactions:
    """Raises `sessiondb.SessionError`. Not thread-safe: one caller at a time, whatever the thread."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self._path = path
        self._now = now
        self._identity = shape.made(path)
        self._connection = open_writer(path, "inbound")
        self.blocked_since = 0  # ms UTC since when a reader keeps commits out, 0 when none does
        self._errands: list[Callable[[Any], None]] = []
        self._writing = False
        self._in_doubt = False  # a commit failed, which may be to be seen all the same
        # Of `session`, as far as was asked: nobody else writes the file, so what was read holds until something is undone.
        self._values: dict[str, str] = {}
        self._unwritten: dict[
            str, str
        ] = {}  # of these: what the transaction under way writes at its end, once each

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One read transaction for all that is looked at here: each look by itself locks the file and asks what has changed.

        `writing` inside ends it. Nobody else writes the file, so nothing can have changed in between.
        """
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._end_reading()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._end_reading()
        try:
            with transaction(self._connection, self._path):
                self._writing = True
                for errand in self._errands:
                    errand(self)
                yield
                self._write_values()
        except BaseException as error:
            self._forget_values()
            if isinstance(error, Unavailable) and error.path == self._path:
                self.blocked_since = self.blocked_since or self._now()
            self._in_doubt = self._in_doubt or isinstance(error, Full)
            raise
        finally:
            self._writing = False
        self.blocked_since = 0
        self._errands.clear()

    def make_certain(self) -> None:
        """Before anything is read. Raises `Unavailable`."""
        if self._in_doubt:
            settle(self._path)
            self._in_doubt = False

    def _end_reading(self) -> None:
        if self._connection.in_transaction and not self._writing:
            self._connection.execute("COMMIT")

    def take_along(self, errand: Callable[[Any], None]) -> None:
        """To be done first in the next transaction, whoever begins it; tried again until one commits."""
        self._errands.append(errand)

    def catch_up(self) -> None:
        """Before a look at what errands change."""
        if self._errands and not self._writing:
            with self.writing():
                pass

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A savepoint inside `writing`: what fails here is undone, and the transaction goes on.

        A disk that fails can take the savepoint with the whole transaction; then its failure is the error, not what is missing.
        """
        failure: apsw.Error | None = None
        self._write_values()
        try:
            with self._connection:
                try:
                    yield
                except (apsw.FullError, apsw.IOError) as error:
                    failure = error
                    raise
        except BaseException as error:
            self._forget_values()
            if isinstance(error, apsw.SQLError):
                raise failure or error from None
            raise

    def rest(self) -> None:
        """Gives back the pages that were read, 85 KiB; reading them again takes 5 µs."""
        self._connection.release_memory()

    def close(self) -> None:
        self._connection.close()

    def is_current(self) -> bool:
        """False when the file is gone, or another one is in its place."""
        return shape.identity(self._path) == self._identity

    # ── session values ───────────────────────────────────────────────────────────────────────────────────

    def value(self, key: str) -> str:
        if (known := self._values.get(key)) is not None:
            return known
        found = self._values[key] = str(self._one("SELECT value FROM session WHERE key = ?", key) or "")
        return found

    def set_value(self, key: str, value: str) -> None:
        self._values[key] = self._unwritten[key] = value
        if self._writing:
            return
        try:
            self._write_values()
        except BaseException:  # what was refused is not believed, nor written by a later transaction
            self._forget_values()
            raise

    def mark(self, key: str) -> int:
        return int(self.value(key) or 0)

    def raise_mark(self, key: str, to: int) -> None:
        """A mark never falls."""
        if to > self.mark(key):
            self.set_value(key, str(to))

    def _write_values(self) -> None:
        if self._unwritten:
            sql = "INSERT OR REPLACE INTO session (key, value) VALUES (?, ?)"
            self._connection.executemany(sql, list(self._unwritten.items()))
            self._unwritten.clear()

    def _forget_values(self) -> None:
        self._values.clear()
        self._unwritten.clear()

    def _wide(self, sql: str, *bindings: str | int) -> list[tuple[Any, ...]]:
        """Rows of many columns. The statement is not kept: that would cost 12 KiB, and to prepare it takes 12 µs."""
        return self._connection.execute(sql, bindings, can_cache=False).fetchall()

    def _one(self, sql: str, *bindings: str | int) -> object:
        row = self._connection.execute(sql, bindings).fetchone()
        return None if row is None else row[0]
