"""From the tree to lines, as far as the platforms agree; a renderer is a subclass that says what differs."""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from markdown_it.common.normalize_url import normalizeLink

from bots.markup import chunks, clean, labels, tree
from bots.markup.chunks import Frame, Holder, Line
from bots.markup.tree import BREAK, Inline, Run

Within = tuple[Holder, ...]

LONG = 200_000  # characters of an answer above which bold and links are not tried: it must not take minutes
DEEPEST_LIST = 8  # levels shown; items below appear at the last of them
QUOTE = "> "
STYLES = ("bold", "italic", "strike")


class Writer:
    limit: int  # UTF-16 units in a chunk
    mass: re.Pattern[str]  # what a mention of many people begins with on this platform
    risky: re.Pattern[str]  # what is escaped in any text; the rest only where it would be read as markup
    thorough: re.Pattern[str]
    raw: re.Pattern[str]  # what no backslash may break
    unwritten: re.Pattern[str] = clean.MENTION  # of these, what stays where styles cannot be written
    angled = False  # an address goes in angle brackets

    def __init__(self, keep: Collection[str] = ()) -> None:
        self.keep = keep
        self.styling = True

    def chunks(self, markdown: str) -> list[str]:
        self.styling = len(markdown) <= LONG
        return chunks.split(self.lines(tree.parse(markdown)), self.limit)

    # ---- blocks

    def lines(self, blocks: Iterable[tree.Block], within: Within = ()) -> Iterator[Line]:
        previous: tree.Block | None = None
        for block in blocks:
            if isinstance(block, tree.Paragraph) and block.source and not tree.said(block.inline).strip():
                continue  # it was nothing but a line break
            kind = chunks.GLUED if _introduces(previous) else chunks.BLOCK
            for index, line in enumerate(self.block(block, within)):
                if index == 0:
                    gap = previous is not None and not _close(previous, block, within)
                    yield replace(line, gap=gap, border=_border(kind, within))
                else:
                    yield line
            previous = block

    def block(self, block: tree.Block, within: Within) -> Iterator[Line]:
        match block:
            case tree.Paragraph():
                yield from self.paragraph(block.inline, within)
            case tree.Heading():
                yield from self.heading(block, within)
            case tree.Code():
                yield from self.code(block, within)
            case tree.Rule():
                yield raw(self.rule(), within)
            case tree.Quote():
                yield from self.quote(block, within)
            case tree.List():
                yield from self.list(block, within)
            case tree.Table():
                yield from self.table(block, within)

    def paragraph(self, runs: Inline, within: Within) -> Iterator[Line]:
        for line in split_lines(runs):
            yield Line(line, self.text, within, border=_border(chunks.LINE, within))

    def heading(self, block: tree.Heading, within: Within) -> Iterator[Line]:
        raise NotImplementedError

    def rule(self) -> str:
        raise NotImplementedError

    def code(self, block: tree.Code, within: Within) -> Iterator[Line]:
        raise NotImplementedError

    def table(self, block: tree.Table, within: Within) -> Iterator[Line]:
        raise NotImplementedError

    def quote(self, block: tree.Quote, within: Within) -> Iterator[Line]:
        holder = Holder(QUOTE, QUOTE)
        yield from opening(holder, self.lines(block.blocks, (*within, holder)))

    def list(self, block: tree.List, within: Within) -> Iterator[Line]:
        if sum(map(is_mark, within)) >= DEEPEST_LIST:
            within = within[:-1]
        for index, item in enumerate(block.items):
            marker = self.marker(item)
            holder = Holder(marker, " " * len(marker))
            blocks = item.blocks
            if not blocks or _begins_as_table(blocks[0]):  # which is not inside the item on every platform
                blocks = (tree.Paragraph("", (Run(""),)), *blocks)
            if item.checked is not None and isinstance(blocks[0], tree.Paragraph):
                box = Run(self.box(item.checked))
                blocks = (replace(blocks[0], inline=(box, *blocks[0].inline)), *blocks[1:])
            for line in opening(holder, self.lines(blocks, (*within, holder))):
                first = line.opens and line.within[-line.opens] is holder
                yield replace(line, border=_border(chunks.ITEM, within)) if first and index else line

    def marker(self, item: tree.Item) -> str:
        return "- " if item.number is None else f"{item.number}. "

    def box(self, checked: bool) -> str:
        raise NotImplementedError

    def records(self, block: tree.Table, within: Within) -> Iterator[Line]:
        """A table that is too wide to be one: an item per row, a line "head: cell" per column."""
        for index, row in enumerate(block.rows or [((),) * len(block.head)]):
            holder = Holder("- ", "  ")
            lines = [
                line
                for head, cell in zip(block.head, row, strict=True)
                if cell or index == 0
                for line in self.paragraph(_labelled(head, cell), (*within, holder))
            ]
            for number, line in enumerate(lines or [raw("", (*within, holder))]):
                kind = chunks.ITEM if number == 0 and index else chunks.LINE
                yield replace(line, opens=int(number == 0), border=_border(kind, within))

    # ---- text

    def text(self, runs: Inline) -> str:
        """A line of its own: nothing at its start may make another block of it."""
        return _START.sub(lambda match: f"{match[1]}\\{match[2]}", self.inline(runs), count=1)

    def inline(self, runs: Inline) -> str:
        """Markup that reads as these runs; where it cannot be written, the plain words."""
        runs = stripped(tree.merged(self.adapted(run) for run in self.honest(runs)))
        return clean.quiet(self.written(runs), self.mass, self.keep)

    def written(self, runs: Inline) -> str:
        words = tree.said(runs)
        unstyled = runs == (Run(words),)
        if unstyled and not _SPECIAL.search(words):
            return words
        if not self.styling:
            return self.unstyled(runs)
        tried = set[str]()
        for pattern, italic in _ATTEMPTS if words.count("[") < tree.BRACKETS else _ATTEMPTS[2:]:
            if unstyled and pattern == "thorough":
                break
            text = self.composed(runs, self.risky if pattern == "risky" else self.thorough, italic)
            if text not in tried and _reads_as(text, runs):
                return text
            tried.add(text)
        return self.unstyled(runs)

    def unstyled(self, runs: Inline) -> str:
        """The plain words, and each link's address behind its label."""
        parts = []
        for href, group in groupby(runs, key=lambda run: run.href):
            words = tree.said(tuple(group))
            address = f"<{href}>" if self.angled else href
            if href and words == href and self.angled:
                parts.append(address)
                continue
            parts.append(self.escaping(words, self.thorough, self.unwritten))
            if href and words != href and len(href) < self.limit // 2:
                parts.append(f" ({address})")
        return "".join(parts)

    def adapted(self, run: Run) -> Run:
        """The run as this platform can show it."""
        if not run.href:
            return run
        if normalizeLink(run.text) == run.href.removeprefix("mailto:"):
            # A bare address: every platform makes its own link of it.
            bare = self.angled and run.text == run.href  # in its brackets it has no style
            return Run(run.text, href=run.href) if bare else replace(run, href="")
        href = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", run.href)
        return replace(run, href=href.replace("@", "%40") if self.mass.search(href) else href)

    def honest(self, runs: Inline) -> Iterator[Run]:
        """Links whose words look like another address, however these are styled, show the one that they lead to."""
        groups = [(href, list(group)) for href, group in groupby(runs, key=lambda run: run.href)]
        words = [label_of(members) for _, members in groups]
        line, end = "".join(words), 0
        for label, (href, members) in zip(words, groups, strict=True):
            begin, end = end, end + len(label)
            before, after = line[max(0, begin - labels.BESIDE) : begin], line[end : end + labels.BESIDE]
            if not href:
                yield from (run if run.code else replace(run, text=labels.told(run.text)) for run in members)
            else:
                hides = labels.disguised(label, href, before, after)
                yield from self.undisguised(members) if hides else members

    def undisguised(self, members: Sequence[Run]) -> Sequence[Run]:
        last = members[-1]
        return [*members[:-1], replace(last, text=f"{last.text.rstrip()} ({last.href})")]

    def escaped(self, match: re.Match[str]) -> str:
        return "\\" + match[0]

    def composed(self, runs: Inline, pattern: re.Pattern[str], italic: str) -> str:
        marks = {"bold": "**", "italic": italic, "strike": "~~"}
        out, open_, space = "", list[str](), ""
        for href, group in groupby(runs, key=lambda run: run.href):
            members = list(group)
            if href:
                label = self.composed(tuple(replace(run, href="") for run in members), pattern, italic)
                bare = self.angled and label_of(members) == href
                members = [replace(members[0], text=f"<{href}>" if bare else f"[{label.strip()}]({href})")]
            for index, run in enumerate(members):
                body = run.text if href else self.styled(run, pattern)
                if not body.strip():
                    space += body
                    continue
                wanted = [] if href else [style for style in STYLES if getattr(run, style)]
                while any(style not in wanted for style in open_):
                    out += marks[open_.pop()]
                lead = body[: len(body) - len(body.lstrip())]
                out, space = out + space + lead, ""
                for style in sorted(set(wanted) - set(open_), key=lambda s: (-_lasts(members, index, s), s)):
                    open_.append(style)
                    out += marks[style]
                out += body.strip()
                space = body[len(body.rstrip()) :]
        return out + "".join(marks[style] for style in reversed(open_))

    def styled(self, run: Run, pattern: re.Pattern[str]) -> str:
        if run.code:
            return code_span(run.text)
        return self.escaping(run.text, pattern, self.raw)

    def escaping(self, text: str, pattern: re.Pattern[str], raw: re.Pattern[str]) -> str:
        """All but addresses, which a backslash would break, and the mentions that are to stay alive."""
        parts: list[str] = []
        end = 0
        for match in raw.finditer(text):
            if match["id"] in self.keep if match[0].startswith(("<@", "<#")) or match[0] == "<" else True:
                parts += pattern.sub(self.escaped, text[end : match.start()]), match[0]
                end = match.end()
        return "".join((*parts, pattern.sub(self.escaped, text[end:])))


def headed(mark: str, inline: Callable[[Inline], str], runs: Inline, within: Within) -> Line:
    def write(part: Inline) -> str:
        text = inline(part)
        return mark + (text[:-1] + "\\#" if text.endswith("#") and not text.endswith("\\#") else text)

    return Line(one_line(runs), write, within)


def one_line(runs: Inline) -> Inline:
    return tuple(run.saying(run.text.replace("\n", " ").replace(BREAK, " ")) for run in runs)


def unlinked(run: Run, schemes: tuple[str, ...]) -> Run:
    """Where the platform links no such address, the address in words."""
    if not run.href or run.href.lower().startswith(schemes):
        return run
    return replace(run, href="", text=run.text if run.text == run.href else f"{run.text} ({run.href})")


def label_of(runs: Sequence[Run]) -> str:
    return "".join(run.text for run in runs)


def raw(text: str, within: Within = (), frame: Frame | None = None) -> Line:
    return Line((Run(text),), _verbatim, within, frame, _border(chunks.LINE, within))


def opening(holder: Holder, lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of a holder; the first one begins it, unless it has to stand outside."""
    for index, line in enumerate(lines):
        yield replace(line, opens=line.opens + 1) if index == 0 and holder in line.within else line


def split_lines(runs: Inline) -> Iterator[Inline]:
    """The lines that say something: an empty one would end the paragraph."""
    lines = [line for line in _all_lines(runs) if tree.said(line).strip()]
    yield from lines or [()]


def _all_lines(runs: Inline) -> Iterator[Inline]:
    line: list[Run] = []
    for run in runs:
        first, *others = re.split(f"[\n{BREAK}]", run.text)
        line.append(run.saying(first))
        for other in others:
            yield tuple(line)
            line = [run.saying(other)]
    yield tuple(line)


def stripped(runs: Inline) -> Inline:
    if not runs:
        return runs
    runs = (runs[0].saying(runs[0].text.lstrip()), *runs[1:])
    return tree.merged((*runs[:-1], runs[-1].saying(runs[-1].text.rstrip())))


def code_span(text: str) -> str:
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: str) -> str:
    """Longer than any row of backticks in the text."""
    return "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)


def language(info: str) -> str:
    match = re.match(r"[A-Za-z0-9_+#.-]{1,32}", info)
    return match[0] if match else ""


def _verbatim(runs: Inline) -> str:
    return "".join(run.text for run in runs)


def _labelled(head: Inline, cell: Inline) -> Inline:
    if not head:
        return cell
    return (*(replace(run, bold=True) for run in head), Run(": " if cell else ""), *cell)


def _introduces(block: tree.Block | None) -> bool:
    """Is nothing without what follows it: a border after it is the worst place among blocks."""
    if isinstance(block, tree.Paragraph):
        return tree.said(block.inline).rstrip().endswith((":", "：")) and len(block.source) < 200
    return isinstance(block, tree.Heading)


def is_mark(holder: Holder) -> bool:
    return holder.first != holder.rest


def _close(one: tree.Block, other: tree.Block, within: Within) -> bool:
    """Need no empty line between them."""
    if isinstance(one, tree.List) and isinstance(other, tree.List):
        return one.items[-1].number is None and other.items[0].number is None
    return _is_item(within) and any(isinstance(block, tree.List | tree.Code) for block in (one, other))


def _begins_as_table(block: tree.Block) -> bool:
    while isinstance(block, tree.Quote) and block.blocks:
        block = block.blocks[0]
    return isinstance(block, tree.Table)


def _is_item(within: Within) -> bool:
    return bool(within) and is_mark(within[-1])


def _border(kind: int, within: Within) -> int:
    return kind + chunks.DEPTH * len(within)


def _lasts(runs: Sequence[Run], start: int, style: str) -> int:
    """Where the style that begins at `start` ends."""
    end = start
    while end < len(runs) and getattr(runs[end], style):
        end += 1
    return end


def _reads_as(text: str, runs: Inline) -> bool:
    """Whether every character of it has the style that it has in the runs; a space's does not count.

    Piece by piece: most of what cannot be written is found out at its beginning.
    """
    wanted = deque(_signature(runs))
    for piece in tree.pieces(text):
        for run in _signature(piece):
            said = run.text
            while said:
                if not wanted or wanted[0].style != run.style:
                    return False
                meant = wanted.popleft()
                both = min(len(said), len(meant.text))
                if said[:both] != meant.text[:both]:
                    return False
                if meant.text[both:]:
                    wanted.appendleft(meant.saying(meant.text[both:]))
                said = said[both:]
    return not wanted


def _signature(runs: Inline) -> Inline:
    return tree.merged(
        replace(run, text="".join(run.text.split()), href="x" if run.href else "") for run in runs
    )


_SPECIAL = re.compile(r"[\\`*_\[\]<>~|&!#@＠﹫\n\v]")
_ATTEMPTS = (("risky", "_"), ("risky", "*"), ("thorough", "_"), ("thorough", "*"))
RAW = re.compile(rf"https?://[^\s<>`|\\]+|{clean.MENTION.pattern}")
_UNSAFE = re.compile(r"[()<>*|`\[\]\\\s]")
_START = re.compile(
    r"^(\s*(?:\d{1,9}(?=[.)](?:\s|$)))?)"
    r"(#{1,6}(?=\s|$)|-#|[-+*](?=\s|$)|[.)](?<=\d[.)])|>|={1,}\s*$|([-_*])(?:\s*\3){2,}\s*$|`{3}|~{3}"
    r"|\[(?=[^\]]*\]:)|\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$|:-+)"
)
