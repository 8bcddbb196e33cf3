"""The shape of a secret: what it begins with, and what it goes on with. Written as in `ACME-[A-Z0-9]{20,}`. Pure.

It is no regular expression, though each shape is one: nothing in it can be gone through in two ways, so that a search takes
as long as its text is long, whoever wrote the text and whoever the shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST_BEGINNING = 3  # characters
LONGEST = 200  # characters of a shape as it is written
MOST_COUNTED = 10_000  # characters that may have to follow

_SPELLED = re.compile(
    r"(?P<begins>(?:\\[^\w\s]|[^\\\[\](){}*+?|^$])+)"
    r"(?P<signs>\[\^?(?:\\.|[^\\\[\]])+\]|\\[dw])?"
    r"(?:(?P<plus>\+)|\{(?P<least>\d{1,5})(?P<comma>,(?P<most>\d{1,5})?)?\})?"
)


class ShapeError(ValueError):
    """It is no shape; the text says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    begins: str
    goes_on: re.Pattern[str] | None = (
        None  # the longest run of its signs, at a place; None: it is its beginning
    )
    least: int = 0  # signs of that run
    most: int = 0  # 0: however many

    @classmethod
    def spelled(cls, text: str) -> Shape:
        """Raises `ShapeError`."""
        found = _SPELLED.fullmatch(text) if len(text) <= LONGEST else None
        if found is None or (found["signs"] is None and (found["plus"] or found["least"])):
            raise ShapeError("is no beginning with what follows it")
        begins = re.sub(r"\\(.)", r"\1", found["begins"])
        if len(begins) < SHORTEST_BEGINNING:
            raise ShapeError(f"begins with less than {SHORTEST_BEGINNING} signs that are always the same")
        if found["signs"] is None:
            return cls(begins)
        least = int(found["least"] or 1)
        most = 0 if found["plus"] or found["comma"] else least
        most = int(found["most"]) if found["most"] else most
        if not 0 < least <= MOST_COUNTED or most > MOST_COUNTED or 0 < most < least:
            raise ShapeError("has a count that nothing can have")
        return cls(begins, run_of(found["signs"]), least, most)

    def found_in(self, text: str, *, apart: bool = False) -> Iterator[tuple[int, int]]:
        """Where it stands, in turn; `apart`: not within a word. What begins within a run ends where that does, so each sign
        is looked at once. Underscores at its end that it can do without are emphasis around it."""
        at, end, bare = text.find(self.begins), 0, 0
        while at >= 0:
            body = at + len(self.begins)
            if body > end:
                end = self._end(text, body)
                bare = _without_underscores(text, body, end)
            fits = self.least <= end - body and (not self.most or bare - body <= self.most)
            if fits and not (apart and _within_a_word(text, at)):
                yield at, max(bare, body + self.least)
                at = text.find(self.begins, end)
            else:
                at = text.find(self.begins, at + 1)

    def under_way(self, text: str) -> int:
        """Where one may have begun in a text that goes on: it, or its beginning, reaches the end. The length if nowhere."""
        at, end = text.find(self.begins), 0
        while at >= 0:
            body = at + len(self.begins)
            if body > end:
                end = self._end(text, body)
            if end == len(text) and self.goes_on is not None:
                return at
            at = text.find(self.begins, at + 1)
        return begun(text, self.begins)

    def _end(self, text: str, body: int) -> int:
        run = self.goes_on.match(text, body) if self.goes_on is not None else None
        return run.end() if run is not None else body


def begun(text: str, word: str) -> int:
    """Where the longest beginning of the word stands at the end of the text."""
    for length in range(min(len(word) - 1, len(text)), 0, -1):
        if text.endswith(word[:length]):
            return len(text) - length
    return len(text)


def _within_a_word(text: str, at: int) -> bool:
    """`key_` and `1` before a token are no word that goes on with it, as `ta` before `sk-ant-` is."""
    return text[max(at - 1, 0) : at].isascii() and text[max(at - 1, 0) : at].isalpha()


def _without_underscores(text: str, body: int, end: int) -> int:
    while end > body and text[end - 1] == "_":
        end -= 1
    return end


def run_of(signs: str) -> re.Pattern[str]:
    """As many of them as there are; it gives none back. Raises `ShapeError`."""
    try:
        return re.compile(f"{signs}*+")
    except re.error as error:
        raise ShapeError(f"has signs that are none: {error.msg}") from error
