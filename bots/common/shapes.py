"""Foreign JSON as what it should be: whatever is something else counts as nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
DEEPEST = 40  # levels of nesting that are read; no platform shows more


def mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Json]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def string(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def number(value: object) -> int:
    """Of a number, also one that is written as a string; 0 for anything else."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else 0


def bounded(message: Json, most: int, first: Sequence[str] = ()) -> Json:
    """The message with so many characters of its words and no more, in their order, those under the keys that are named `first`
    before others: who wrote it does not decide how long it takes to read."""
    ordered = {key: message[key] for key in first if key in message} | message
    budget = _Budget(most)
    kept = mapping(budget.kept(ordered))
    return kept if budget.left < 0 else message


class _Budget:
    def __init__(self, most: int) -> None:
        self.left = most

    def kept(self, value: object, depth: int = 0) -> object:
        if isinstance(value, str):
            before, self.left = self.left, self.left - len(value)
            return value if self.left >= 0 else f"{value[: max(0, before)]}…"
        if depth > DEEPEST or not isinstance(value, dict | list):
            return value
        self.left -= 1
        if isinstance(value, dict):
            return {key: self.kept(one, depth + 1) for key, one in value.items() if self.left > 0}
        return [self.kept(one, depth + 1) for one in value if self.left > 0]


def one_line(text: str) -> str:
    return " ".join(text.split())


def joined(parts: list[str], between: str = "\n") -> str:
    return between.join(part for part in parts if part.strip())
