"""The words in a piece of Block Kit that nothing else here knows: what Slack adds tomorrow is read, if not prettily."""

from __future__ import annotations

from collections.abc import Iterator

from bots.common.shapes import DEEPEST, Json, joined, one_line, string
from bots.slack.reading.names import Names

# Members that hold words for people; the others are ids, addresses and looks.
WORDS = frozenset(
    {
        "accessibility_label",
        "alt_text",
        "author_name",
        "author_subname",
        "body",
        "caption",
        "comment",
        "confirm",
        "content",
        "deny",
        "description",
        "details",
        "display_name",
        "dismiss_text",
        "fallback",
        "footer",
        "hint",
        "initial_date",
        "initial_time",
        "initial_value",
        "label",
        "message",
        "name",
        "ok_text",
        "output",
        "placeholder",
        "pretext",
        "provider_name",
        "service_name",
        "subtitle",
        "summary",
        "text",
        "title",
        "unicode",
        "value_text",
    }
)


def words(node: object, names: Names, depth: int = 0) -> Iterator[str]:
    """Every text of a piece, in its order."""
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for one in node:
            yield from words(one, names, depth + 1)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, dict | list):
                yield from words(value, names, depth + 1)
            elif key in WORDS and (text := string(value)):
                yield names.plain(text) if node.get("type") != "plain_text" else names.literal(text)


def line(found: Json, names: Names) -> str:
    """All of it on one line, with its address if it has one."""
    said = joined([one_line(text) for text in words(found, names)], " — ")
    url = string(found.get("url"))
    return f"{said} ({url})" if said and url and url not in said else said or url
