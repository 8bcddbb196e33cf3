"""Slack: the native `markdown` block shows GitHub-flavoured Markdown, tables included.

So an answer is written back nearly as it came. What differs: no mass mention survives, `<` and `&` are
escaped as Slack wants them, a table is never inside a list item nor larger than Slack's own tables.
"""

import html
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Any

from bots.markup import chunks, clean, grammar, richtext, tree
from bots.markup.chunks import Frame, Line
from bots.markup.tree import Inline, Run
from bots.markup.writer import RAW, Within, Writer, fence, headed, is_mark, language, one_line, raw, unlinked

CHUNK = (
    9_900  # UTF-16 units; 12,000 per message is the limit for markdown, 10,000 for the cells of its tables
)
TEXT = 4_000  # UTF-16 units of `text` that Slack recommends at most
PAGE = 300_000  # UTF-16 units of a canvas, of which Slack takes 1 MiB: three bytes each at most
LONGEST_TEXT = 39_000  # of which it takes 40,000
ROWS = 99  # below a table's head; Slack shows 100 rows
COLUMNS = 20

_SCHEMES = ("http://", "https://", "mailto:")
_CALLS = ("here", "channel", "everyone")
_NAMES = clean.spaced(_CALLS)
_COMMANDS = clean.spaced(("here", "channel", "everyone", "group", "subteam", "date"))
_IGNORED = f"[\\s{clean.IGNORABLE}]*"
MASS = re.compile(
    f"[@＠﹫](?!{clean.ZERO})(?=[{clean.IGNORABLE}]*{_NAMES})"
    f"|(?:<|&lt;)(?!{clean.ZERO})(?={_IGNORED}!{_IGNORED}{_COMMANDS})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SlackChunk:
    """One message: `text` is what notifications show, and the whole message where there are no blocks."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()
    plain: str = (
        ""  # the same without blocks, for when Slack refuses them; '' where that is too long for one message
    )


def render(markdown: str, *, keep: Collection[str] = ()) -> list[SlackChunk]:
    """The messages of an answer; `keep` holds the ids of people and channels whose mentions stay alive."""
    return [
        SlackChunk(_notice(chunk), (_block(chunk, keep),), _in_one(chunk, keep))
        for chunk in _Markdown(keep).chunks(markdown)
    ]


def _in_one(chunk: str, keep: Collection[str]) -> str:
    whole = _PlainInOne(keep).chunks(chunk)
    return whole[0] if len(whole) == 1 else ""


def _block(chunk: str, keep: Collection[str]) -> dict[str, Any]:
    """Slack reads the Markdown itself, where it is documented how; else the styles are stated."""
    if not grammar.beyond_commonmark(chunk):
        return {"type": "markdown", "text": chunk}
    return richtext.block(tree.parse(chunk), keep, lambda text: clean.quiet(text, MASS, ()))


def plain(markdown: str, *, keep: Collection[str] = ()) -> list[SlackChunk]:
    """The same without blocks: what a file's comment is."""
    return [SlackChunk(chunk) for chunk in _Plain(keep).chunks(markdown)]


def page(markdown: str) -> str:
    """The same as a canvas, whole; '' where it is too long for one. Nothing in it is fetched, and nobody is mentioned."""
    pages = _Page().chunks(markdown)
    return pages[0] if len(pages) == 1 else ""


def as_written(markdown: str) -> list[str]:
    """Messages without blocks, with every mark as it came: nothing is parsed, so it takes no longer than it is long."""
    return chunks.pieces(_escaped(clean.tidy(markdown), ()), TEXT)


def quiet(markdown: str) -> str:
    """For a text that is shown while it grows: as it came, without odd characters and live mentions."""
    return clean.quiet(clean.tidy(markdown), MASS, ())


def inbound(
    text: str, users: Mapping[str, str], channels: Mapping[str, str], bot_user_id: str
) -> tuple[str, bool]:
    """What a person wrote, as Markdown, and whether it mentions the bot; the mappings give names by id."""
    mentioned = False

    def one(match: re.Match[str]) -> str:
        nonlocal mentioned
        kind, target, label = match["kind"], match["target"], match["label"] or ""
        if kind == "@":
            mentioned = mentioned or target == bot_user_id
            return "@" + (users.get(target) or label.removeprefix("@") or target)
        if kind == "#":
            return "#" + (channels.get(target) or label.removeprefix("#") or target)
        if kind == "!":
            called = target in _CALLS
            return "@" + target if called else label or "@" + target.partition("^")[0]
        return _linked(target, label)

    return unescaped(_INBOUND.sub(one, text)), mentioned


def unescaped(text: str) -> str:
    """Slack escapes these three and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _linked(target: str, label: str) -> str:
    if not label or target in (label, f"mailto:{label}", f"http://{label}", f"https://{label}"):
        return label if target == f"mailto:{label}" else target
    label = label.replace("[", "\\[").replace("]", "\\]")
    return f"[{label}]({target})"


class _Markdown(Writer):
    limit = CHUNK
    mass = MASS
    raw = RAW
    risky = re.compile(r"`|~~|<|&(?=#?\w+;)|\](?=[(\[])|(?<!\s)\*|\*(?!\s)|(?<![^\W_])_|_(?![^\W_])|!(?=\[)")
    thorough = re.compile(r"[\\`*_\[\]<>~&!#]")

    def heading(self, block: tree.Heading, within: Within) -> Iterator[Line]:
        yield headed("#" * block.level + " ", self.inline, block.inline, within)

    def rule(self) -> str:
        return "***"

    def box(self, checked: bool) -> str:
        return "[x] " if checked else "[ ] "

    def code(self, block: tree.Code, within: Within) -> Iterator[Line]:
        ticks = fence(block.text)
        frame = Frame((ticks + language(block.info),), (ticks,))
        for line in clean.quiet(block.text, self.mass, ()).split("\n"):
            yield raw(line, within, frame)

    def table(self, block: tree.Table, within: Within) -> Iterator[Line]:
        within = tuple(takewhile(lambda holder: not is_mark(holder), within))
        head, *rows = (self.row(cells) for cells in (block.head, *block.rows))
        rule = "| " + " | ".join(_RULES[align] for align in block.aligns) + " |"
        if len(block.head) > COLUMNS or clean.units(head) + max(map(clean.units, [rule, *rows])) > CHUNK // 2:
            yield from self.records(block, within)
            return
        frame = Frame((head, rule), most=ROWS)
        if not rows:
            yield raw(head, within)
            yield raw(rule, within)
        for row in rows:
            yield raw(row, within, frame)

    def row(self, cells: tuple[Inline, ...]) -> str:
        texts = (self.inline(one_line(cell)).replace("|", "\\|") for cell in cells)
        return "| " + " | ".join(texts) + " |"

    def adapted(self, run: Run) -> Run:
        return unlinked(super().adapted(run), _SCHEMES)

    def escaped(self, match: re.Match[str]) -> str:
        return html.escape(match[0], quote=False) if match[0] in "<>&" else super().escaped(match)


class _Page(_Markdown):
    """A canvas has three sizes of headings."""

    limit = PAGE

    def heading(self, block: tree.Heading, within: Within) -> Iterator[Line]:
        return super().heading(replace(block, level=min(block.level, 3)), within)


class _Plain(_Markdown):
    """No markup at all: the words, list markers, and each link's address behind its words."""

    limit = TEXT

    def heading(self, block: tree.Heading, within: Within) -> Iterator[Line]:
        yield from self.paragraph(block.inline, within)

    def rule(self) -> str:
        return "———"

    def marker(self, item: tree.Item) -> str:
        return "• " if item.number is None else super().marker(item)

    def quote(self, block: tree.Quote, within: Within) -> Iterator[Line]:
        yield from self.lines(block.blocks, within)

    def code(self, block: tree.Code, within: Within) -> Iterator[Line]:
        for line in block.text.split("\n"):
            yield Line((Run(line),), self.inline, within, Frame((), ()))

    def table(self, block: tree.Table, within: Within) -> Iterator[Line]:
        yield from self.records(block, within)

    def text(self, runs: Inline) -> str:
        return self.inline(runs)

    def inline(self, runs: Inline) -> str:
        return _escaped(
            "".join(_with_address(href, group) for href, group in groupby(runs, _href)), self.keep
        )


class _PlainInOne(_Plain):
    limit = LONGEST_TEXT


def _href(run: Run) -> str:
    return run.href


def _with_address(href: str, runs: Iterable[Run]) -> str:
    """Words of a link that do not say where it leads, with that behind them."""
    words = tree.said(tuple(runs))
    if (
        not href
        or not words.strip()
        or tree.is_address(words, href)
        or href in (f"http://{words}", f"https://{words}")
    ):
        return words
    return f"{words} ({href})"


def _notice(chunk: str) -> str:
    """Its beginning as words: lists with their numbers, tables with what each cell is."""
    return next(iter(_Plain(()).chunks(chunk)), "…")


def _escaped(text: str, keep: Collection[str]) -> str:
    """Plain words as Slack wants them."""
    text = clean.quiet(text, MASS, keep)
    spared = {
        html.escape(match[0]): match[0] for match in clean.MENTION.finditer(text) if match["id"] in keep
    }
    text = html.escape(text, quote=False)
    for escaped, mention in spared.items():
        text = text.replace(escaped, mention)
    return text


_RULES = {"": "---", "left": ":--", "center": ":-:", "right": "--:"}
_INBOUND = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>")
