"""In which line of a TOML file each key stands. The parser does not tell, so it is asked statement by statement."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str | int, ...]


class Lines:
    """Of a file that is valid TOML."""

    def __init__(self, text: str) -> None:
        self._at: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}  # arrays of tables: the index of their latest table
        table: Path = ()
        for number, statement in _statements(text.replace("\r\n", "\n")):
            parsed = tomllib.loads(statement)
            if statement.lstrip().startswith("["):
                table = self._header(parsed, number)
            else:
                for path in _below(parsed):
                    self._at.setdefault((*table, *path), number)

    def of(self, path: Sequence[str | int]) -> int:
        """The line of the key, or of the nearest thing around it; 0 when that is the whole file."""
        found = tuple(path)
        while found and found not in self._at:
            found = found[:-1]
        return self._at.get(found, 0)

    def _header(self, parsed: dict[str, Any], number: int) -> Path:
        path: Path = ()
        level: Any = parsed
        while level:
            (key, level), *_ = level.items()
            path = (*path, key)
            if isinstance(level, list):  # [[path]]
                self._arrays[path] = self._arrays.get(path, -1) + 1
                level = None
            if path in self._arrays:
                path = (*path, self._arrays[path])
            self._at.setdefault(path[:-1] if isinstance(path[-1], int) else path, number)
            self._at.setdefault(path, number)
        return path


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each with the line it begins in: as many lines as make one whole."""
    begun, held = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        held = f"{held}\n{line}" if held else line
        try:
            tomllib.loads(held)
        except tomllib.TOMLDecodeError:
            continue  # a list or a long text that goes on
        if held.strip():
            yield begun, held
        begun, held = number + 1, ""


def _below(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path inside a value, so that what stands in an inline table has a line too."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        yield from _below(inner, (*path, key))
