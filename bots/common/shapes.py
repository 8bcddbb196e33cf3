"""Foreign JSON as what it should be: whatever is something else counts as nothing."""

from __future__ import annotations

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


def one_line(text: str) -> str:
    return " ".join(text.split())


def joined(parts: list[str], between: str = "\n") -> str:
    return between.join(part for part in parts if part.strip())
