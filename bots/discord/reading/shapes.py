"""Foreign JSON as what it should be: whatever is something else counts as nothing."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
DEEPEST = 20  # levels of nesting that are read; Discord shows five


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
    """Of a number, also one that is written as a string."""
    text = string(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def joined(parts: list[str], between: str = "\n") -> str:
    return between.join(part for part in parts if part.strip())
