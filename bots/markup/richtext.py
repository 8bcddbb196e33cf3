"""Blocks of the tree as Slack's `rich_text`: every style is stated, nothing is left to a reader of Markdown."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from bots.markup import clean, tree
from bots.markup.tree import Inline, Run

Json = dict[str, Any]

DEEPEST_INDENT = 8  # levels of a list that Slack draws


def block(blocks: Iterable[tree.Block], keep: Collection[str], quiet: Callable[[str], str]) -> Json:
    """One `rich_text` block. A table is read row by row, as "head: cell"."""
    elements = _spaced(list(_elements(blocks, keep)))
    for text in texts(elements):
        text["text"] = quiet(text["text"])
    return {"type": "rich_text", "elements": elements}


def texts(elements: Iterable[Json]) -> Iterator[Json]:
    """Every element that has words, in order."""
    for element in elements:
        if "text" in element:
            yield element
        yield from texts(element.get("elements", ()))


def _elements(blocks: Iterable[tree.Block], keep: Collection[str], level: int = 0) -> Iterator[Json]:
    for found in blocks:
        match found:
            case tree.Paragraph():
                yield _element("section", _inline(found.inline, keep))
            case tree.Heading():
                yield _element("section", _inline(found.inline, keep, bold=True))
            case tree.Code():
                yield _element("preformatted", [{"type": "text", "text": _open(found.text) or " "}])
            case tree.Rule():
                yield _element("section", [{"type": "text", "text": "───"}])
            case tree.Quote():
                for inner in _elements(found.blocks, keep, level):
                    yield (
                        {**inner, "type": "rich_text_quote"}
                        if inner["type"] == "rich_text_section"
                        else inner
                    )
            case tree.List():
                yield from _list(found, keep, level)
            case tree.Table():
                yield from _rows(found, keep)


def _list(found: tree.List, keep: Collection[str], level: int) -> Iterator[Json]:
    for item in found.items:
        first, *rest = item.blocks or (tree.Paragraph("", ()),)
        words: list[Json] = []
        if isinstance(first, tree.Paragraph | tree.Heading):
            words = _inline(first.inline, keep)
        else:
            rest.insert(0, first)
        if item.checked is not None:
            words = [{"type": "text", "text": "☑ " if item.checked else "☐ "}, *words]
        made: Json = {
            "type": "rich_text_list",
            "style": "bullet" if item.number is None else "ordered",
            "indent": min(level, DEEPEST_INDENT),
            "elements": [_element("section", words)],
        }
        if item.number is not None and item.number > 1:
            made["offset"] = item.number - 1
        yield made
        yield from _elements(rest, keep, level + 1)


def _rows(table: tree.Table, keep: Collection[str]) -> Iterator[Json]:
    for row in table.rows or (((),) * len(table.head),):
        words: list[Json] = []
        for head, cell in zip(table.head, row, strict=True):
            words += _inline(head, keep, bold=True)
            words += _inline((Run(": "), *cell, Run("\n")), keep)
        yield _element("section", words)


def _inline(runs: Inline, keep: Collection[str], *, bold: bool = False) -> list[Json]:
    return [element for run in runs for element in _run(run, keep, bold=bold) if run.text]


def _run(run: Run, keep: Collection[str], *, bold: bool) -> Iterator[Json]:
    names = ("bold", "italic", "strike", "code")
    style = {name: True for name in names if getattr(run, name) or (name == "bold" and bold)}
    styled = {"style": style} if style else {}
    if run.href:
        yield {"type": "link", "url": run.href, "text": _open(run.text), **styled}
        return
    end = 0
    for match in clean.MENTION.finditer(run.text):
        if not match["id"] or match["id"] not in keep or run.code:
            continue
        if before := run.text[end : match.start()]:
            yield {"type": "text", "text": _open(before), **styled}
        kind, key = ("channel", "channel_id") if match[0].startswith("<#") else ("user", "user_id")
        yield {"type": kind, key: match["id"]}
        end = match.end()
    if rest := run.text[end:]:
        yield {"type": "text", "text": _open(rest), **styled}


def _open(text: str) -> str:
    return text.replace(tree.BREAK, "\n")


def _element(kind: str, elements: list[Json]) -> Json:
    return {"type": f"rich_text_{kind}", "elements": elements or [{"type": "text", "text": " "}]}


def _spaced(elements: list[Json]) -> list[Json]:
    """Two sections that follow each other are two paragraphs."""
    made: list[Json] = []
    for element in elements:
        if made and made[-1]["type"] == element["type"] == "rich_text_section":
            made[-1]["elements"].append({"type": "text", "text": "\n\n"})
        made.append(element)
    return made
