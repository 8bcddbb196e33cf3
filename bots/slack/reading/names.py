"""Who and what is named in a message: the ids, to be asked for first, and then the words with names instead of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bots.common.shapes import DEEPEST
from bots.markup import slack as markup

_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([CDG][A-Z0-9]+)(?:\|[^<>]*)?>")
_ID = re.compile("[UW][A-Z0-9]+")
_PEOPLE = ("user_id", "author_id", "slack_id", "participants", "participant_history")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_BEGINS = re.compile(r"(?<![\w*_~])[*_~](?=[^\s*_~])")
_ENDS = re.compile(r"(?<=[^\s*_~])[*_~](?![\w*_~])")
LONGEST_EMPHASIS = 301  # characters between a mark and its other


@dataclass(frozen=True, slots=True)
class Names:
    """By id. What has none keeps the label that Slack sent with it, or its id."""

    people: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    me: str = ""  # the bot's own user id

    def words(self, text: str) -> str:
        """As a person reads it, with names for ids."""
        return markup.inbound(text, self.people, self.places, self.me)[0]

    def plain(self, text: str) -> str:
        """The same without the marks of emphasis, as on cards, where they are looks and no meaning."""
        said = self.words(text)
        return "".join(
            piece if number % 2 else _without_emphasis(piece)
            for number, piece in enumerate(_CODE.split(said))
        )

    def literal(self, text: str) -> str:
        """Of a plain text, in which nothing stands for a name."""
        return markup.unescaped(text)

    def person(self, id_: str) -> str:
        return "@" + self.people.get(id_, id_)

    def place(self, id_: str) -> str:
        return "#" + self.places.get(id_, id_)


def _without_emphasis(text: str) -> str:
    for _ in range(3):  # bold, slanted and struck through, one in the other
        less = _without_pairs(text)
        if less == text:
            break
        text = less
    return text


def _without_pairs(text: str) -> str:
    """Each mark that begins something, with the next that ends it on the same line. Looks at each mark once."""
    ends: dict[str, list[int]] = {"*": [], "_": [], "~": []}
    for found in _ENDS.finditer(text):
        ends[found[0]].append(found.start())
    if not any(ends.values()):
        return text
    for places in ends.values():
        places.reverse()
    pieces, done = list[str](), 0
    for found in _BEGINS.finditer(text):
        begin, places = found.start(), ends[found[0]]
        if begin < done:
            continue
        while places and places[-1] < begin + 2:
            places.pop()
        if places and places[-1] - begin <= LONGEST_EMPHASIS + 1 and "\n" not in text[begin : places[-1]]:
            pieces += (text[done:begin], text[begin + 1 : places[-1]])
            done = places[-1] + 1
    return "".join((*pieces, text[done:]))


def ids_in(node: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """("user" or "channel", id) of everybody and everything a message names, wherever."""
    if depth > DEEPEST:
        return
    if isinstance(node, str):
        yield from (("user", id_) for id_ in _USER.findall(node))
        yield from (("channel", id_) for id_ in _CHANNEL.findall(node))
    elif isinstance(node, list):
        for one in node:
            yield from ids_in(one, depth + 1)
    elif isinstance(node, dict):
        for key in _PEOPLE:
            found = node.get(key)
            ids = found if isinstance(found, list) else [found]
            yield from (("user", one) for one in ids if isinstance(one, str) and _ID.fullmatch(one))
        if isinstance(node.get("channel_id"), str) and re.fullmatch("[CDG][A-Z0-9]+", node["channel_id"]):
            yield "channel", node["channel_id"]
        for value in node.values():
            yield from ids_in(value, depth + 1)
