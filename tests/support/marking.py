"""A language in which every sentence of the host stands between ⟦ and ⟧: what people are shown beside these was not marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LANGUAGE = "xx"
# Python that a host runs first. What is within a sentence is marked again, so the marks are balanced.
SPOKEN = f"""\
from host.words import catalogues
class Marked:
    def gettext(self, sentence):
        return f"⟦{{sentence}}⟧"
    def ngettext(self, one, more, count):
        return f"⟦{{one if count == 1 else more}}⟧"
catalogues.add("{LANGUAGE}", Marked())
"""

# Of blocks, views and components: what is read, by the names of the fields that hold it.
_READ = {
    "text",
    "content",
    "label",
    "placeholder",
    "title",
    "description",
    "hint",
    "accessibility_label",
    "fallback",
}
_WORD = re.compile(r"[^\W\d_]{3,}")
# Names, dates and links of a platform; code, orders, tools and ids.
_NO_WORDS = re.compile(r"<[^>]*>|`[^`]*`|:\w+:|https?://\S+|[!/]\w+|\w+_\w+|\w*\d\w*")


def read(shown: Any) -> Iterator[str]:
    """Every text that people read in what a platform was handed."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            if isinstance(value, str):
                if name in _READ:
                    yield value
            else:
                yield from read(value)
    elif isinstance(shown, list | tuple):
        for one in shown:
            yield from read(one)


def unmarked(texts: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """What stands outside of the marks and has words, but for those that are not the host's own."""
    found = []
    for text in texts:
        rest = _NO_WORDS.sub(" ", _outside(text))
        for word in known:
            rest = rest.replace(word, " ")
        if _WORD.search(rest):
            found.append(text)
    return found


def _outside(text: str) -> str:
    depth, kept = 0, []
    for sign in text:
        depth += {"⟦": 1, "⟧": -1}.get(sign, 0)
        if not depth and sign != "⟧":
            kept.append(sign)
    return "".join(kept) + " unbalanced" * (depth != 0)
