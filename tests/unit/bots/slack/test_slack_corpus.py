"""Every kind of content that the published types know, each optional member there and not: read, and no word lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bots.slack.reading import saying
from bots.slack.reading.names import Names
from tests.support.typescript import WORD, Maker, words_of

DEFINED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "corpus" / "definitions.json").read_text("utf-8")
)
KINDS = sorted(
    name for name in DEFINED if name.endswith("Block") and "fields" in DEFINED[name] and name != "KnownBlock"
)
WORDS = frozenset(
    {
        "alt_text",
        "caption",
        "description",
        "fallback",
        "footer",
        "hint",
        "label",
        "pretext",
        "text",
        "title",
        "value_text",
    }
)
UNSEEN = frozenset({"confirm", "id", "confirmation"})  # asked only of those who press


@pytest.mark.parametrize("kind", [*KINDS, "MessageAttachment"])
def test_a_hundred_of_each_kind_are_read_without_losing_a_word(kind: str) -> None:
    for seed in range(100):
        maker = Maker(DEFINED, seed, optional=(0.0, 1.0, 0.5)[seed % 3])
        sample = maker.made(kind)
        where = "attachments" if kind == "MessageAttachment" else "blocks"
        found = saying.said({"user": "U1", where: [sample]}, Names())
        read = " ".join([found.text, *(f"{part.title} {part.text} {part.link}" for part in found.parts)])
        wanted = set(words_of(sample, WORDS, UNSEEN))
        if kind == "MessageAttachment" and len(wanted) > 1:
            wanted.discard(str(sample.get("fallback")))
        assert wanted <= set(WORD.findall(read)), (seed, sample)
