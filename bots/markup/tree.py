"""A Markdown answer as a small typed tree.

GitHub-flavoured: CommonMark with tables, strikethrough and task lists, read as a person would where that
matters (`grammar`). Harmless HTML is what it means (`htmltags`), other HTML is text; an image is a link, a
footnote stays what was typed. Any string has a tree, in bounded time.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Any, TypeAlias

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from bots.markup import clean, grammar, htmltags

SECTION = 32_000  # characters after which a long source is parsed on at the next blank line
PIECE = 4_000  # characters of one paragraph whose inline markup is looked at together
BRACKETS = (
    50  # opening brackets in a piece, above those of links, that are text: the parser is quadratic in them
)
BREAK = "\v"  # a line break that was asked for, in the text of a run; "\n" is one that only was in the source


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    href: str = ""

    def saying(self, text: str) -> "Run":
        return Run(text, self.bold, self.italic, self.strike, self.code, self.href)

    @property
    def style(self) -> tuple[bool, bool, bool, bool, str]:
        return self.bold, self.italic, self.strike, self.code, self.href


Inline: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    source: str
    inline: Inline


@dataclass(frozen=True, slots=True)
class Heading:
    source: str
    level: int
    inline: Inline


@dataclass(frozen=True, slots=True)
class Code:
    source: str
    info: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    source: str


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has as many cells as the head; `aligns` holds "left", "right", "center" or "" per column."""

    source: str
    head: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    aligns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    source: str
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True, slots=True)
class Item:
    """`number` is None in a bullet list, `checked` is None where there is no box to tick."""

    source: str
    number: int | None
    checked: bool | None
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True, slots=True)
class List:
    source: str
    items: tuple[Item, ...]


Block: TypeAlias = Paragraph | Heading | Code | Rule | Table | Quote | List


def parse(markdown: str) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for section in _sections(clean.tidy(markdown)):
        env: dict[str, Any] = {}
        tokens = _PARSER.parse(grammar.shielded(section), env)
        blocks.extend(_Reader(section.split("\n"), env).blocks(SyntaxTreeNode(tokens).children))
    return tuple(blocks)


def inline(text: str, env: dict[str, Any] | None = None) -> Inline:
    """The runs of one line or paragraph; `env` holds the link definitions it may refer to."""
    return merged(run for piece in pieces(text, env) for run in piece)


def pieces(text: str, env: dict[str, Any] | None = None) -> Iterator[Inline]:
    """The same, piece by piece as they are looked at."""
    for piece in _pieces(text, PIECE):
        parser = _PARSER if piece.count("[") < BRACKETS + 2 * piece.count("](") else _LINKLESS
        found = grammar.tokens(parser, grammar.unshielded(piece), {} if env is None else env)
        yield tuple(_runs(found))


def merged(runs: Iterable[Run]) -> Inline:
    """Neighbours of one style made one run."""
    said_something = (run for run in runs if run.text)
    groups = (list(group) for _, group in groupby(said_something, key=lambda run: run.style))
    return tuple(
        group[0] if len(group) == 1 else group[0].saying("".join(run.text for run in group))
        for group in groups
    )


def is_address(words: str, href: str) -> bool:
    """Whether a link's words are where it leads, which the parser writes in ASCII."""
    bare = href.removeprefix("mailto:")
    return bare in (words, normalizeLink(words).removeprefix("mailto:"))


def said(runs: Inline) -> str:
    return "".join(run.text for run in runs).replace(BREAK, "\n")


def leaves(blocks: Iterable[Block]) -> Iterator[str]:
    """Every text a reader sees, in order; not the markers, numbers and boxes of lists nor fences' info."""
    for block in blocks:
        match block:
            case Paragraph() | Heading():
                yield said(block.inline)
            case Code():
                yield block.text
            case Quote():
                yield from leaves(block.blocks)
            case List():
                for item in block.items:
                    yield from leaves(item.blocks)
            case Table():
                for row in (block.head, *block.rows):
                    yield from map(said, row)
            case Rule():
                pass


def visible(markdown: str) -> str:
    """All that has to arrive: the leaves without white space and what has no width."""
    return clean.shown("".join(leaves(parse(markdown))))


def _sections(text: str) -> Iterator[str]:
    """The text cut at blank lines outside fences, so that no part of the parser sees too much at once."""
    if len(text) <= SECTION:
        yield text
        return
    lines = text.split("\n")
    start, size, fenced = 0, 0, -1
    for number, line in enumerate(lines):
        edge = not line.strip() or size > 4 * SECTION
        if size > SECTION and edge and number > fenced:
            yield "\n".join(lines[start:number])
            start, size = number, 0
        if number > fenced:
            fenced = grammar.fenced(lines, number)
        size += len(line) + 1
    yield "\n".join(lines[start:])


def _pieces(text: str, size: int) -> Iterator[str]:
    start = 0
    while len(text) - start > size:
        space = text.rfind(" ", start + size // 2, start + size)
        end = space + 1 if space >= 0 else start + size
        yield text[start:end]
        start = end
    yield text[start:]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the parser's nodes into blocks; knows the section's lines and its link definitions."""

    lines: Sequence[str]
    env: dict[str, Any]

    def source(self, node: SyntaxTreeNode) -> str:
        first, end = node.map or (0, 0)
        return "\n".join(self.lines[first:end]).rstrip("\n")

    def blocks(self, nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
        return tuple(self.block(node) for node in nodes)

    def block(self, node: SyntaxTreeNode) -> Block:
        source = self.source(node)
        match node.type:
            case "heading":
                return Heading(source, int(node.tag[1:]), self.content(node))
            case "fence" | "code_block":
                return Code(
                    source,
                    grammar.unshielded(node.info.strip()),
                    grammar.unshielded(node.content.removesuffix("\n")),
                )
            case "hr":
                return Rule(source)
            case "blockquote":
                return Quote(source, self.blocks(node.children))
            case "bullet_list" | "ordered_list":
                return List(source, tuple(self.items(node)))
            case "table":
                return self.table(node, source)
            case _:
                return Paragraph(source, self.content(node))

    def content(self, node: SyntaxTreeNode) -> Inline:
        return inline(node.children[0].content, self.env) if node.children else ()

    def items(self, node: SyntaxTreeNode) -> Iterator[Item]:
        first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        for index, child in enumerate(node.children):
            blocks = self.blocks(child.children)
            checked = None
            if blocks and isinstance(blocks[0], Paragraph):
                checked, opening = _box(blocks[0])
                blocks = (opening, *blocks[1:])
            yield Item(self.source(child), None if first is None else first + index, checked, blocks)

    def table(self, node: SyntaxTreeNode, source: str) -> Table:
        columns = len(node.children[0].children[0].children)
        rows = [self.row(row, columns) for part in node.children for row in part.children]
        styles = [str(cell.attrs.get("style", "")) for cell in node.children[0].children[0].children]
        aligns = tuple(style.removeprefix("text-align:") for style in styles)
        return Table(source, rows[0], tuple(rows[1:]), aligns)

    def row(self, node: SyntaxTreeNode, columns: int) -> tuple[Inline, ...]:
        return tuple(inline(cell, self.env) for cell in grammar.cells(node.meta["line"], columns))


def _box(paragraph: Paragraph) -> tuple[bool | None, Paragraph]:
    runs = paragraph.inline
    box = _BOX.match(runs[0].text) if runs and runs[0] == Run(runs[0].text) else None
    if box is None:
        return None, paragraph
    rest = merged((runs[0].saying(runs[0].text[box.end() :]), *runs[1:]))
    return box[1] != " ", replace(paragraph, inline=rest)


_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}


def _runs(tokens: Sequence[Token]) -> Iterator[Run]:
    depth = dict.fromkeys(("bold", "italic", "strike", "code"), 0)
    tags = htmltags.meant(tokens)
    href, shifts = "", list[dict[int, int]]()
    for place, token in enumerate(tokens):
        style = Run("", depth["bold"] > 0, depth["italic"] > 0, depth["strike"] > 0, depth["code"] > 0, href)
        kind, _, edge = token.type.rpartition("_")
        if kind in _STYLES:
            depth[_STYLES[kind]] += 1 if edge == "open" else -1
        elif kind == "link":
            href = str(token.attrs["href"]) if edge == "open" else ""
            yield replace(style, text=_stand_in(tokens, place, href), href=href)
        elif tag := tags.get(place):
            if tag.name in htmltags.STYLES:
                depth[htmltags.STYLES[tag.name]] += 1 if tag.opens else -1
            elif tag.name in htmltags.SHIFTED:
                shifts = [*shifts, htmltags.SHIFTED[tag.name]] if tag.opens else shifts[:-1]
            elif tag.name == "a":
                href = tag.href
                yield replace(style, text=_stand_in(tokens, place, href), href=href)
            else:
                yield _meant(tag, style)
        elif token.type == "code_inline":
            yield replace(style, text=token.content, code=True)
        elif token.type == "image":
            target = str(token.attrs["src"])
            words = said(merged(_runs(token.children or ())))
            yield replace(style, text=words or target, href=href or target)
        elif token.type == "softbreak":
            yield style.saying("\n")
        elif token.type == "hardbreak":
            yield style.saying(BREAK)
        else:
            yield style.saying(_shifted(token.content, shifts))


def _stand_in(tokens: Sequence[Token], opening: int, href: str) -> str:
    """The address of a link that has no words, for else it would vanish; '' for every other."""
    if not href:
        return ""
    inner = takewhile(
        lambda token: token.type != "link_close" and token.content.lower() != "</a>",
        (tokens[place] for place in range(opening + 1, len(tokens))),
    )
    return "" if any(token.type != "text" or token.content.strip() for token in inner) else href


def _meant(tag: htmltags.Tag, style: Run) -> Run:
    """What a tag shows that is not a style."""
    if tag.name == "img":
        return replace(style, text=tag.words or tag.href, href=style.href or tag.href)
    return style.saying(BREAK if tag.name == "br" or tag.name in htmltags.BLOCKS else "")


def _shifted(text: str, shifts: Sequence[dict[int, int]]) -> str:
    """Raised or lowered, where each character of it can be."""
    if shifts and all(ord(char) in shifts[-1] for char in text):
        return text.translate(shifts[-1])
    return text


_BOX = re.compile(r"\[([ xX])\](?:\s+|$)")
_PARSER = grammar.parser()
_LINKLESS = grammar.parser().disable(["link", "image"])
