"""What stands in blocks, as words: for notifications, and for whoever cannot see blocks. Pure, of what is told already."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bots.common.shapes import items, mapping, string
from bots.common.short import shortened
from bots.markup import slack as markup

Json = dict[str, Any]

_HALF = re.compile(r"(?:&[a-z#0-9]{0,6}|<[^<>]{0,500})\Z")
MOST = 3_900  # characters; Slack recommends 4,000
DEEPEST = 3  # blocks in blocks
_INSIDE = {"plan": "tasks", "carousel": "elements", "container": "child_blocks"}
MOST_CHOICES = 2_000  # of them, where there is more to be said besides


def of(blocks: Sequence[Json], *, choices: bool = True) -> str:
    """`choices`: also what can be chosen, a line each."""
    said = "\n".join(line for block in blocks for line in _lines(block) if line.strip())
    return with_choices(said, blocks) if choices else _cut(said, MOST)


def with_choices(text: str, blocks: Sequence[Json]) -> str:
    listed = "\n".join(f"• {label}" for block in blocks for label in _labels(block))
    if not listed:
        return _cut(text, MOST)
    listed = _cut(listed, MOST_CHOICES)
    return f"{_cut(text, MOST - len(listed) - 1)}\n{listed}"


def panel(shown: Json) -> Json:
    """A title with blocks: the same with all their words but those of buttons. An answer has its words already."""
    blocks = shown.get("blocks") or []
    if not blocks or all(block["type"] in ("markdown", "rich_text") for block in blocks):
        return shown
    words = of(blocks, choices=False)
    return {**shown, "text": _cut(f"{shown['text']}\n{words}", MOST)}


def _lines(block: Json, depth: int = 0) -> Iterator[str]:
    match block.get("type"):
        case "section" | "header" | "alert":
            yield from map(_text, filter(None, (block.get("text"), *block.get("fields", ()))))
            if mapping(block.get("accessory")).get("type") == "image":
                yield _text(block["accessory"])
        case "context":
            yield " ".join(_text(part) for part in block["elements"])
        case "markdown":
            yield from (chunk.text for chunk in markup.plain(string(block.get("text"))))
        case "rich_text":
            yield html.escape(_rich(block), quote=False)
        case "data_table" | "table":
            yield from (" | ".join(map(_cell, row)) for row in block.get("rows", ()) if isinstance(row, list))
        case "image" | "video":
            yield _text(block) if block.get("alt_text") else _text(mapping(block.get("title")))
        case "input":
            yield _text(mapping(block.get("label")))
        case "card":
            named = ("title", "subtitle", "subtext", "body")
            yield from (_text(mapping(block[name])) for name in named if name in block)
        case "task_card" | "plan":
            yield html.escape(string(block.get("title")), quote=False)
    for inner in items(block.get(_INSIDE.get(string(block.get("type")), ""))) if depth < DEEPEST else ():
        yield from _lines(inner, depth + 1)


def _cell(cell: Any) -> str:
    found = mapping(cell)
    if found.get("type") == "rich_text":
        return html.escape(_rich(found), quote=False)
    return html.escape(string(found.get("text")) or str(found.get("value", "")), quote=False)


def _text(part: Json) -> str:
    words = string(part.get("text")) or string(part.get("alt_text"))
    return words if part.get("type") == "mrkdwn" else html.escape(words, quote=False)


def _rich(part: Json) -> str:
    between = "\n" if part.get("type") in ("rich_text", "rich_text_list") else ""
    inner = between.join(_rich(one) for one in part.get("elements", ()))
    return inner or string(part.get("text")) or string(part.get("url")) or string(part.get("name"))


def _labels(block: Json) -> Iterator[str]:
    """Of buttons, and of what menus offer."""
    pressed = block.get("elements", ()) if block.get("type") == "actions" else ()
    if block.get("type") in ("section", "input"):
        pressed = [mapping(block.get("accessory") or block.get("element"))]
    for element in pressed:
        groups = [mapping(group).get("options", ()) for group in element.get("option_groups", ())]
        offered = [one for group in groups for one in group] or element.get("options", [element])
        for one in offered:
            label = string(mapping(one.get("text")).get("text"))
            if label:
                yield html.escape(label, quote=False)


def _cut(text: str, most: int) -> str:
    """`shortened`, with no half of a sign or of a mention at its end: it is escaped already."""
    cut = shortened(text, most)
    return cut if cut is text else f"{_HALF.sub('', cut[:-1])}…"
