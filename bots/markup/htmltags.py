"""Harmless HTML in an answer, as what it means: styles, links, line breaks. All other HTML stays text.

A tag counts where it and its counterpart stand in the same paragraph, so that `a<b>c` stays what was typed.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

STYLES = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em", "cite", "var", "dfn"), "italic"),
    **dict.fromkeys(("s", "del", "strike"), "strike"),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), "code"),
}
PLAIN = {"u", "ins", "mark", "small", "big", "span", "font", "sub", "sup", "abbr", "q"}
BLOCKS = {"p", "div", "details", "summary", "center", "section"}
_SUPER = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_SUB = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
SHIFTED = {"sup": _SUPER, "sub": _SUB}


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    opens: bool
    href: str = ""
    words: str = ""


def meant(tokens: Sequence[Token]) -> dict[int, Tag]:
    """The tags that count, by the token's place."""
    found: dict[int, Tag] = {}
    waiting: list[tuple[int, Tag]] = []
    for place, token in enumerate(tokens):
        tag = _read(token.content) if token.type == "html_inline" else None
        if tag is None:
            continue
        if tag.name in ("br", "img", "wbr") or (tag.name in BLOCKS and _at_an_edge(tokens, place)):
            found[place] = tag
        elif tag.opens:
            waiting.append((place, tag))
        else:
            _close(found, waiting, place, tag)
    return found


def _close(found: dict[int, Tag], waiting: list[tuple[int, Tag]], place: int, tag: Tag) -> None:
    if waiting and waiting[-1][1].name == tag.name:
        opening, other = waiting.pop()
        found[opening], found[place] = other, tag


def _at_an_edge(tokens: Sequence[Token], place: int) -> bool:
    """Begins or ends its line, other tags aside."""
    return _edge(tokens, place, -1) or _edge(tokens, place, 1)


def _edge(tokens: Sequence[Token], place: int, step: int) -> bool:
    place += step
    while 0 <= place < len(tokens) and tokens[place].type == "html_inline":
        place += step
    return not 0 <= place < len(tokens) or tokens[place].type in ("softbreak", "hardbreak")


def _read(source: str) -> Tag | None:
    match = _TAG.fullmatch(source)
    if not match:
        return None
    name = match["name"].lower()
    opens = not match["slash"]
    attributes = {
        key.lower(): html.unescape(a or b or c) for key, a, b, c in _ATTRIBUTE.findall(match["rest"])
    }
    if name in ("br", "wbr") or name in STYLES or name in PLAIN or name in BLOCKS:
        return Tag(name, opens)
    if name == "a":
        href = attributes.get("href", "").strip()
        return Tag(name, opens, href) if not opens or _ADDRESS.match(href) else None
    if name == "img" and _ADDRESS.match(attributes.get("src", "")):
        return Tag(name, True, attributes["src"], attributes.get("alt", ""))
    return None


_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<rest>(?:\s[^>]*?)?)\s*/?>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([A-Za-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>]+\Z", re.IGNORECASE)
