"""Every kind of content that the published types know, each optional member there and not: read, and no word lost."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bots.slack.reading import saying
from bots.slack.reading.names import Names

DEFINED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "corpus" / "definitions.json").read_text("utf-8")
)
KINDS = sorted(
    name for name in DEFINED if name.endswith("Block") and "fields" in DEFINED[name] and name != "KnownBlock"
)
WORDS = (
    "text",
    "title",
    "description",
    "label",
    "hint",
    "caption",
    "fallback",
    "pretext",
    "footer",
    "alt_text",
    "value_text",
)
UNSEEN = ("confirm", "id", "confirmation")  # asked only of those who press


class Maker:
    def __init__(self, seed: int, *, optional: float) -> None:
        self._chance = random.Random(seed)
        self._optional = optional
        self._count = 0

    def word(self) -> str:
        self._count += 1
        return f"w{self._count}q"

    def made(self, name: str, depth: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for parent in DEFINED[name].get("of", ()):
            if parent in DEFINED and "fields" in DEFINED[parent]:
                found |= self.made(parent, depth)
        for field, (kind, optional) in DEFINED[name]["fields"].items():
            if not optional or (depth < 6 and self._chance.random() < self._optional):
                value = self.value(kind, depth + 1)
                if value is not None:
                    found[field] = value
        return found

    def value(self, kind: str, depth: int) -> Any:
        kind = kind.strip()
        if (match := re.fullmatch(r"\(?(.*?)\)?\[\](\[\])?", kind)) is not None and depth < 9:
            one = [self.value(match[1], depth) for _ in range(2)]
            row = [value for value in one if value is not None]
            return [row, row] if match[2] else row
        choices = [choice.strip() for choice in kind.split("|")]
        choice = self._chance.choice(choices)
        if choice.startswith("'"):
            return choice.strip("'")
        simple: dict[str, Callable[[], Any]] = {
            "string": self.word,
            "number": lambda: 7,
            "boolean": lambda: True,
        }
        if choice in simple:
            return simple[choice]()
        if choice in DEFINED and depth < 9:
            found = DEFINED[choice]
            return self.value(found["is"], depth) if "is" in found else self.made(choice, depth)
        return None


def words_of(node: Any, key: str = "") -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from words_of(one, key)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name not in UNSEEN:
                yield from words_of(value, name)
    elif key in WORDS and isinstance(node, str) and re.fullmatch(r"w\d+q", node):
        yield node


@pytest.mark.parametrize("kind", [*KINDS, "MessageAttachment"])
def test_a_hundred_of_each_kind_are_read_without_losing_a_word(kind: str) -> None:
    for seed in range(100):
        maker = Maker(seed, optional=(0.0, 1.0, 0.5)[seed % 3])
        sample = maker.made(kind)
        where = "attachments" if kind == "MessageAttachment" else "blocks"
        found = saying.said({"user": "U1", where: [sample]}, Names())
        read = " ".join([found.text, *(f"{part.title} {part.text} {part.link}" for part in found.parts)])
        wanted = set(words_of(sample))
        if kind == "MessageAttachment" and len(wanted) > 1:
            wanted.discard(str(sample.get("fallback")))
        assert wanted <= set(re.findall(r"w\d+q", read)), (seed, sample)
