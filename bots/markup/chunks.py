"""Lines in, chunks under a limit out.

A renderer says what each line shows and what it is inside of (quotes, list items, a fence, a table);
`split` decides where one chunk ends and the next begins. All text arrives, once and in order. What a chunk
says *again* so that it stands by itself is only structure: the fence's opening line, a table's head, a
quote's mark, and for a list item that began in an earlier chunk its marker with an ellipsis.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import wcwidth

from bots.markup import tree
from bots.markup.clean import units

BLOCK, ITEM, LINE, GLUED = range(
    4
)  # what begins with a line, at one depth: the best place for a border first
DEPTH = 4  # added to a border per level of nesting
CUT = 1_000  # the border before the second half of a line that had to be cut
FULL_ENOUGH = 0.4  # of the limit: a chunk may end early at a good border, but not emptier than this
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """A quote or list item: what its first line and what its other lines begin with."""

    first: str
    rest: str


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What goes around the lines of a code block or table, in every chunk that has some of them."""

    opening: tuple[str, ...]
    closing: tuple[str, ...] = ()
    most: int = 1_000_000  # lines in one chunk


@dataclass(frozen=True)
class Line:
    """`write` makes the text of these runs or of any part of them; it must be a single line."""

    runs: tree.Inline
    write: Callable[[tree.Inline], str]
    within: tuple[Holder, ...] = ()
    frame: Frame | None = None
    border: int = BLOCK
    opens: int = 0  # how many of the holders, from the innermost outwards, begin with this line
    gap: bool = False  # an empty line before it, unless it opens a chunk

    @cached_property
    def text(self) -> str:
        return self.write(self.runs)


def split(lines: Iterable[Line], limit: int) -> list[str]:
    """The chunks, each at most `limit` UTF-16 units; a line is cut between words, else between graphemes."""
    result: list[str] = []
    queue = deque(part for line in lines for part in _portions(line, 4 * limit))
    page = _Page(limit)
    while queue:
        line = queue.popleft()
        if page.add(line):
            continue
        kept = page.best_border(line)
        if kept:
            queue.appendleft(line)
            queue.extendleft(reversed(page.lines[kept:]))
            result.append(page.until(kept).text())
            page = _Page(limit)
        else:
            head, rest = _cut(line, page)
            page.add(head)
            queue.appendleft(rest)
            result.append(page.text())
            page = _Page(limit)
    if page.lines:
        result.append(page.text())
    return [chunk for chunk in result if chunk.strip()]


def pieces(text: str, limit: int) -> list[str]:
    """A text as it stands in chunks of at most `limit` UTF-16 units: cut after a line, else between words, else anywhere but
    within an entity. Nothing in it is read, so that it takes as long as it is, whoever wrote it."""
    result, at = [], 0
    while at < len(text):
        end = min(len(text), at + limit)
        if (over := units(text[at:end]) - limit) > 0:
            end = max(end - over, at + limit // 2)
        if end < len(text):
            end = _break(text, at, end)
        result.append(text[at:end])
        at = end
    return [piece for piece in result if piece.strip()]


def _break(text: str, start: int, end: int) -> int:
    half = (start + end) // 2
    for mark in ("\n", " "):
        if (place := text.rfind(mark, half, end)) >= 0:
            return place + 1
    entity = text.rfind("&", end - _LONGEST_ENTITY, end)
    return entity if entity > half and ";" not in text[entity:end] else end


class _Page:
    """A chunk in the making."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lines: list[Line] = []
        self._out: list[str] = []
        self._sizes: list[int] = []
        self._size = 0
        self._opened: set[Holder] = set()
        self._framed = 0

    def add(self, line: Line) -> bool:
        """False where it does not fit."""
        if sum(len(run.text) for run in line.runs) > self.limit:
            return False
        opened: set[Holder] = set()
        new = self._composed(line, opened)
        if self._continues(line) and line.frame is not None and self._framed >= line.frame.most:
            return False
        if self._size + _length(new) + _length(self._closing(line)) - 1 > self.limit:
            return False
        self._framed = self._framed + 1 if self._continues(line) else 1
        self._sizes.append(self._size)
        self._out += new
        self._size += _length(new)
        self._opened = (self._opened | opened).intersection(line.within)  # what was left has to be begun anew
        self.lines.append(line)
        return True

    def excess(self, line: Line) -> int:
        """How many units too many there would be with this line."""
        new = self._composed(line, set())
        return self._size + _length(new) + _length(self._closing(line)) - 1 - self.limit

    def best_border(self, line: Line) -> int:
        """How many lines to keep when this one does not fit; 0: cut it and fill the page with its head."""
        if not self.lines:
            return 0
        least = self.limit * FULL_ENOUGH
        places = [
            (candidate.border, -size, index)
            for index, (candidate, size) in enumerate(zip(self.lines, self._sizes, strict=True))
            if size >= least
        ]
        if self._size >= least:
            places.append((line.border, -self._size, len(self.lines)))
        if places:
            return min(places)[2]
        return 0 if not _Page(self.limit).add(line) else len(self.lines)

    def until(self, count: int) -> "_Page":
        page = _Page(self.limit)
        for line in self.lines[:count]:
            page.add(line)
        return page

    def text(self) -> str:
        return "\n".join([*self._out, *self._closing(self.lines[-1])])

    def _continues(self, line: Line) -> bool:
        return bool(self.lines) and line.frame is not None and line.frame is self.lines[-1].frame

    def _composed(self, line: Line, opened: set[Holder]) -> list[str]:
        new: list[str] = []
        same = self._continues(line)
        if self.lines and not same:
            new += self._closing(self.lines[-1])
        if self.lines and line.gap:
            new.append(_prefix(_shared(self.lines[-1], line)).rstrip())
        prefix = ""
        begins = len(line.within) - line.opens
        for index, holder in enumerate(line.within):
            if holder in self._opened or holder.first == holder.rest:
                prefix += holder.rest
                continue
            opened.add(holder)
            if index >= begins:
                prefix += holder.first
            else:
                new.append(prefix + holder.first + ELLIPSIS)
                prefix += holder.rest
        if line.frame is not None and not same:
            for opening in line.frame.opening:
                new.append(prefix + opening)
                prefix = _prefix(line.within)
        new.append((prefix + line.text) if line.text else prefix.rstrip())
        return new

    def _closing(self, line: Line) -> list[str]:
        prefix = _prefix(line.within)
        return [prefix + closing for closing in line.frame.closing] if line.frame else []


def _prefix(within: Sequence[Holder]) -> str:
    return "".join(holder.rest for holder in within)


def _shared(one: Line, other: Line) -> list[Holder]:
    return [a for a, b in zip(one.within, other.within, strict=False) if a is b]


def _length(lines: Sequence[str]) -> int:
    return sum(units(line) + 1 for line in lines)


def _portions(line: Line, size: int) -> Iterator[Line]:
    """A line that fills many chunks, in parts: to cut chunk after chunk off the whole would be quadratic."""
    text = "".join(run.text for run in line.runs)
    start = 0
    for start in range(0, len(text) - size, size):
        yield _rest(line, start, start + size)
    yield _rest(line, start + size, len(text)) if len(text) > size else line


def _cut(line: Line, page: _Page) -> tuple[Line, Line]:
    """The line in two, the first as long as the page has room for."""
    text = "".join(run.text for run in line.runs)
    size = min(len(text) - 1, page.limit)
    while True:
        place = max(1, _place(text, size))
        runs = taken(line.runs, 0, place)
        head = replace(line, runs=runs)
        excess = page.excess(head)
        if excess <= 0 or place == 1:
            return head, _rest(line, place, len(text))
        size = max(1, min(place - 1, int(place * 0.98 * (1 - excess / (units(head.text) + 1)))))


def _rest(line: Line, start: int, end: int) -> Line:
    part = replace(line, runs=taken(line.runs, start, end))
    return replace(part, opens=0, gap=False, border=CUT) if start else part


def taken(runs: tree.Inline, start: int, end: int) -> tree.Inline:
    """The runs that say the characters from start to end."""
    result, at = [], 0
    for run in runs:
        first, last = max(start - at, 0), min(end - at, len(run.text))
        if first < last:
            result.append(run.saying(run.text[first:last]))
        at += len(run.text)
        if at >= end:
            break
    return tuple(result)


def _place(text: str, most: int) -> int:
    """Where to cut so that at most so many characters come before: after a space, else between graphemes."""
    space = max(text.rfind(mark, most // 2, most) for mark in " \t")
    if space >= 0:
        return space + 1
    for atom in _ATOM.finditer(text, max(0, most - _LONGEST_ATOM), most + _LONGEST_ATOM):
        if 0 < atom.start() < most < atom.end():
            return atom.start()
    if most >= len(text):
        return most
    return wcwidth.grapheme_boundary_before(text, most + 1) or most


_LONGEST_ATOM = 300
_LONGEST_ENTITY = len("&quot;")
_ATOM = re.compile(rf"<(?:[@#]|a?:|t:)[^>\s]{{1,80}}>|https?://[^\s<>]{{1,{_LONGEST_ATOM}}}")
