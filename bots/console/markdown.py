"""An answer in the terminal: every word of it is there, at any width. What is too long for its place folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bots.markup import tree
from bots.markup.tree import Inline, Run

NARROWEST = 8  # columns of text per column of a table, below which its rows are lists
STYLES = {"bold": "bold", "italic": "italic", "strike": "strike", "code": "cyan"}


class Markdown:
    def __init__(self, text: str) -> None:
        self._blocks = tree.parse(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _spaced(self._blocks, options.max_width)


def _spaced(blocks: Iterable[tree.Block], width: int) -> Iterator[RenderableType]:
    for number, block in enumerate(blocks):
        if number:
            yield Text()
        yield _shown(block, width)


def _shown(block: tree.Block, width: int) -> RenderableType:
    match block:
        case tree.Paragraph():
            return _text(block.inline)
        case tree.Heading():
            return _text(block.inline, "bold underline" if block.level < 3 else "bold")
        case tree.Code():
            return Padding(Text(block.text, "cyan", overflow="fold", no_wrap=False), (0, 0, 0, 2))
        case tree.Rule():
            return Rule(style="dim")
        case tree.Quote():
            return _beside([(Text("▌", "dim"), block.blocks)], width)
        case tree.List():
            return _beside([(_marker(item), item.blocks) for item in block.items], width)
        case tree.Table():
            return _table(block, width)


def _marker(item: tree.Item) -> Text:
    mark = "•" if item.number is None else f"{item.number}."
    if item.checked is not None:
        mark = "☑" if item.checked else "☐"
    return Text(mark, "yellow", no_wrap=True)


def _beside(parts: list[tuple[Text, tuple[tree.Block, ...]]], width: int) -> RenderableType:
    """Blocks to the right of their marks; where too little room is left they stand below each other."""
    marks = max(mark.cell_len for mark, _ in parts)
    inner = width - marks - 1
    if inner < NARROWEST:
        return Group(*(shown for mark, blocks in parts for shown in (mark, *_spaced(blocks, width))))
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=marks, no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for mark, blocks in parts:
        grid.add_row(mark, Group(*_spaced(blocks, inner)))
    return grid


def _table(block: tree.Table, width: int) -> RenderableType:
    columns = len(block.head)
    if width < columns * (NARROWEST + 3):
        return _records(block)
    table = Table(show_edge=False, pad_edge=False, header_style="bold", border_style="dim")
    justify = {"right": "right", "center": "center"}
    for head, align in zip(block.head, block.aligns, strict=True):
        table.add_column(_text(head), justify=justify.get(align, "left"), overflow="fold")  # type: ignore[arg-type]
    for row in block.rows:
        table.add_row(*map(_text, row))
    return table


def _records(block: tree.Table) -> RenderableType:
    """A table for which there is no room: a line "head: cell" for each cell."""
    lines: list[RenderableType] = []
    for row in block.rows or (((),) * len(block.head),):
        for head, cell in zip(block.head, row, strict=True):
            lines.append(Text.assemble(_text(head, "bold"), ": ", _text(cell)))
        lines.append(Text())
    return Group(*lines[:-1])


def _text(runs: Inline, style: str = "") -> Text:
    """A link's address once, behind all of its words."""
    text = Text(style=style, overflow="fold")
    for href, group in groupby(runs, key=lambda run: run.href):
        members = list(group)
        for run in members:
            text.append(run.text.replace(tree.BREAK, "\n"), " ".join(_styles(run)))
        if href and not tree.is_address(tree.said(tuple(members)), href):
            text.append(f" ({href})", "blue")
    return text


def _styles(run: Run) -> Iterator[str]:
    yield from (style for name, style in STYLES.items() if getattr(run, name))
    if run.href:
        yield "underline blue"
