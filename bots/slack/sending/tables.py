"""A table as Slack's data table, which is sorted, filtered and turned over in pages; the text around it stays Markdown. Pure.

Only where a message has one table that fits by the smaller of the numbers on Slack's pages. A Slack that knows no such block
refuses the whole message: it goes as Markdown then, which has tables too.
"""

from __future__ import annotations

import html
import re
from typing import Any

from bots.common.short import shortened
from bots.markup import clean, richtext, tree
from bots.markup.slack import MASS

Json = dict[str, Any]

ROWS = 100  # below the head; another of Slack's pages says 200
COLUMNS = 20
CELLS = 10_000  # characters of all cells; another page says 20,000
PAGE = 20  # rows that are shown at once
LONGEST_CAPTION = 150  # characters

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?")
# What can be read in one way alone: 12,5 and 1.234,5 and 1.234.567. Its whole column is read so.
_BY_COMMA = re.compile(
    r"[-+]?(?:\d{1,15},(?!\d{3}\Z)\d{1,15}|\d{1,3}(?:\.\d{3})+,\d{1,15}|\d{1,3}(?:\.\d{3}){2,})"
)
_AROUND = str.maketrans({",": ".", ".": ","})


def tabled(markdown: str) -> list[Json] | None:
    """The blocks of a message whose only table is a data table; None where it has none, several, or one that does not fit."""
    if "|" not in markdown:  # no parse for nothing: most answers have none
        return None
    found = [block for block in tree.parse(markdown) if isinstance(block, tree.Table)]
    tidied, lines = clean.tidy(markdown), markdown.split("\n")
    if len(found) != 1 or tidied.count(found[0].source) != 1 or tidied.count("\n") + 1 != len(lines):
        return None
    [table] = found
    if not 0 < len(table.rows) <= ROWS or not 0 < len(table.head) <= COLUMNS:
        return None
    if sum(len(tree.said(cell)) or 1 for row in (table.head, *table.rows) for cell in row) > CELLS:
        return None
    first = tidied.count("\n", 0, tidied.index(table.source))
    parts = lines[:first], lines[first + table.source.count("\n") + 1 :]
    around = [
        [{"type": "markdown", "text": text}] if (text := "\n".join(part).strip("\n")) else []
        for part in parts
    ]
    return [*around[0], _block(table), *around[1]]


def _block(table: tree.Table) -> Json:
    heads = [_plain(cell) for cell in table.head]
    caption = ", ".join(head for head in heads if head.strip()) or "Table"
    columns = [
        any(_BY_COMMA.fullmatch(_plain(cell)) for cell in column) for column in zip(*table.rows, strict=False)
    ]
    rows = [
        [_cell(cell, by_comma=comma) for cell, comma in zip(row, columns, strict=False)] for row in table.rows
    ]
    return {
        "type": "data_table",
        "caption": shortened(caption, LONGEST_CAPTION),
        "page_size": min(len(table.rows), PAGE),
        "rows": [[_raw(head) for head in heads], *rows],
    }


def _cell(runs: tree.Inline, *, by_comma: bool) -> Json:
    if any(run.bold or run.italic or run.strike or run.code or run.href for run in runs):
        return richtext.block([tree.Paragraph("", runs)], (), _quiet)
    text = _plain(runs)
    number = text.translate(_AROUND) if by_comma else text
    if _NUMBER.fullmatch(number):
        return {"type": "raw_number", "value": _value(number), "text": text}
    return _raw(text)


def _value(text: str) -> int | float:
    bare = text.replace(",", "")
    return float(bare) if "." in bare else int(bare)


def _raw(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def _plain(runs: tree.Inline) -> str:
    """A cell has one character at least, and none of it is a mention."""
    words = html.unescape(tree.said(runs)).replace(tree.BREAK, " ").strip()
    return _quiet(words) or " "


def _quiet(text: str) -> str:
    return clean.quiet(text, MASS, ())
