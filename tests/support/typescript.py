"""Samples of what others define in TypeScript: each optional member there or not, and a word of its own in every text.

Definitions by name: {"fields": {name: [type, optional]}, "of": [parents], "params": […]}, {"is": type} or {"values": {…}}.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

DEEPEST = 9  # pieces inside pieces
WORD = re.compile(r"w\d+q")

Json = dict[str, Any]


class Maker:
    def __init__(self, defined: Json, seed: int, *, optional: float, full_depth: int = 5) -> None:
        """`optional` is how probable a member is that may be missing; beyond `full_depth` there is only what must be."""
        self.chance = random.Random(seed)
        self._defined = defined
        self._optional = optional
        self._full_depth = full_depth
        self._count = 0

    def word(self) -> str:
        self._count += 1
        return f"w{self._count}q"

    def made(self, name: str, depth: int = 0, bound: dict[str, str] | None = None) -> Json:
        """`bound` are the types that stand for a generic interface's parameters."""
        definition = self._defined[name]
        found: Json = {}
        for parent in definition.get("of", ()):
            base, arguments = _applied(parent)
            if base in self._defined and "fields" in self._defined[base]:
                given = [(bound or {}).get(one, one) for one in arguments]
                params = self._defined[base].get("params", ())
                found |= self.made(base, depth, dict(zip(params, given, strict=False)))
        for field, (kind, optional) in definition["fields"].items():
            if not optional or (depth < self._full_depth and self.chance.random() < self._optional):
                value = self.value(_bound(kind, bound), depth + 1)
                if value is not None:
                    found[field] = _dated(field, value)
        return found

    def value(self, kind: str, depth: int = 0) -> Any:
        kind = kind.strip()
        if (match := re.fullmatch(r"\(?(.*?)\)?\[\](\[\])?", kind)) is not None:
            if depth >= DEEPEST or match[1].endswith("']"):  # a member's type, as in APIRole['id'][]
                return []
            one = [self.value(match[1], depth) for _ in range(2)]
            row = [value for value in one if value is not None]
            return [row, row] if match[2] else row
        choice = self.chance.choice([one.strip() for one in _outside(kind)])
        if choice.startswith("'"):
            return choice.strip("'")
        simple: dict[str, Callable[[], Any]] = {
            "string": self.word,
            "number": lambda: 7,
            "boolean": lambda: True,
            "Snowflake": lambda: str(self.chance.randrange(10**17, 10**18)),
        }
        if choice in simple:
            return simple[choice]()
        return self._named(choice, depth)

    def _named(self, choice: str, depth: int) -> Any:
        base, arguments = _applied(choice)
        enum, _, member = base.partition(".")
        if member and enum in self._defined:
            return self._defined[enum]["values"][member]
        if base == "Pick" and depth < DEEPEST:
            kept = re.findall(r"'(\w+)'", arguments[1])
            return {k: v for k, v in self.made(arguments[0], depth).items() if k in kept}
        if base not in self._defined or depth >= DEEPEST:
            return None
        definition = self._defined[base]
        if "values" in definition:
            return self.chance.choice(sorted(definition["values"].values(), key=str))
        if "is" in definition:
            return self.value(definition["is"], depth)
        return self.made(base, depth, dict(zip(definition.get("params", ()), arguments, strict=False)))


def words_of(node: Any, named: frozenset[str], unseen: frozenset[str], key: str = "") -> Iterator[str]:
    """The words in members of these names; what is in an `unseen` member nobody is shown."""
    if isinstance(node, list):
        for one in node:
            yield from words_of(one, named, unseen, key)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name not in unseen:
                yield from words_of(value, named, unseen, name)
    elif key in named and isinstance(node, str) and WORD.fullmatch(node):
        yield node


def _applied(kind: str) -> tuple[str, list[str]]:
    """`Base<A, B>` as its name and arguments."""
    match = re.fullmatch(r"(\w[\w.]*)<(.*)>", kind)
    return (match[1], list(_outside(match[2], ","))) if match is not None else (kind, [])


def _bound(kind: str, bound: dict[str, str] | None) -> str:
    for name, given in (bound or {}).items():
        kind = re.sub(rf"\b{name}\b", given if " | " not in given else f"({given})", kind)
    return kind


def _outside(kind: str, at: str = "|") -> Iterator[str]:
    """The parts between signs that stand in no brackets."""
    kind = kind[1:-1] if kind.startswith("(") and kind.endswith(")") else kind
    depth, part = 0, ""
    for character in kind:
        depth += (character in "<(") - (character in ">)")
        if character == at and not depth:
            yield part.strip()
            part = ""
        else:
            part += character
    yield part.strip()


def _dated(field: str, value: Any) -> Any:
    """A text that is a time, by its name."""
    if isinstance(value, str) and (field.endswith("timestamp") or field in ("expiry", "clip_created_at")):
        return datetime(2026, 11, 28, tzinfo=UTC).isoformat()
    return value
