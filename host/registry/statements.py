"""What a job says to a registry, whatever its engine: plain SQL, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
Bindings: TypeAlias = Sequence[Any] | Mapping[str, Any]  # `Value`s, in the order of the "?" or by their names


class Rows(Protocol):
    """What a statement yields; a statement that changes something yields nothing unless it says RETURNING."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...

    def fetchone(self) -> tuple[Any, ...] | None: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


class Statements(Protocol):
    """One transaction, for the time of a job: nothing of it may be kept beyond the job's end."""

    def execute(self, statements: str, bindings: Bindings | None = None, /) -> Rows: ...

    def executemany(self, statements: str, sequenceofbindings: Iterable[Bindings], /) -> Rows: ...

    def changes(self) -> int:
        """How many rows the last statement has changed."""


class Beside(Statements, Protocol):
    """A connection of somebody's own, beside the host's: each statement is a transaction."""

    def close(self) -> None: ...
