"""Discord: its own dialect of Markdown in messages of 2,000 characters.

What differs: a table is an aligned code block (or a list, where it is wide or has links), headings end at
the third level, quotes do not nest, list items have no quotes, task boxes are drawn, and what only Discord
reads as markup is escaped, but for its emoji and times: an agent that writes one means it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import wcwidth

from bots.markup import clean, tree
from bots.markup.chunks import Frame, Line, pieces
from bots.markup.tree import Inline, Run
from bots.markup.writer import RAW, Within, Writer, headed, is_mark, language, one_line, raw, unlinked

CHUNK = 2_000  # UTF-16 units; the API counts code points, which are never more
WIDE = 100  # columns of text above which a table is no longer read as one
GUTTER = "  "

_SCHEMES = ("http://", "https://")
MASS = re.compile(
    f"[@＠﹫](?!{clean.ZERO})(?=[{clean.IGNORABLE}]*{clean.spaced(('everyone', 'here'))})"
    f"|<(?!{clean.ZERO})(?=[\\s{clean.IGNORABLE}]*@[\\s{clean.IGNORABLE}]*&)",
    re.IGNORECASE,
)

OWN = (
    r"<a?:\w{2,32}:\d{15,20}>|<t:-?\d{1,13}(?::[tTdDfFRsS])?>"  # emoji and times: they show, and call nobody
)

GUIDES = {
    "browse": "Browse Channels",
    "customize": "Channels & Roles",
    "guide": "Server Guide",
    "linked-roles": "Linked Roles",
}


def render(markdown: str, *, keep: Collection[str] = (), limit: int = CHUNK) -> list[str]:
    """The messages of an answer, in `limit` units each; `keep` holds the ids whose mentions stay alive."""
    writer = _Markdown(keep)
    writer.limit = limit
    return writer.chunks(markdown)


def quiet(markdown: str) -> str:
    """For a text that is shown while it grows: as it came, without odd characters and live mentions; no words hide an address."""
    return _LABELLED.sub(rf"\g<0>{clean.ZERO}", clean.quiet(clean.tidy(markdown), MASS, ()))


def as_written(markdown: str, *, limit: int = CHUNK) -> list[str]:
    """Messages with every mark as it came: nothing is parsed, so it takes no longer than it is long."""
    return pieces(quiet(markdown), limit)


def inbound(
    text: str, users: Mapping[str, str], channels: Mapping[str, str], bot_user_id: str
) -> tuple[str, bool]:
    """What a person wrote, as Markdown, and whether it mentions the bot; the mappings give names by id.

    A role is looked up among the users under its id with "&" before it.
    """
    mentioned = False

    def one(match: re.Match[str]) -> str:
        nonlocal mentioned
        kind, target = match["kind"], match["target"]
        if kind in ("@", "@!"):
            mentioned = mentioned or target == bot_user_id
            return "@" + users.get(target, target)
        if kind == "@&":
            return "@" + users.get("&" + target, target)
        if kind == "#":
            return "#" + channels.get(target, target)
        if name := match["emoji"]:
            return f":{name}:"
        if match["command"]:
            return f"/{match['command']}"
        if match["guide"]:
            return GUIDES[match["guide"]]
        return _moment(int(match["time"]))

    return _INBOUND.sub(one, text), mentioned


def unfetched(text: str) -> str:
    """With every address in the brackets that keep Discord from fetching a preview: for where no flag does."""
    found = _ADDRESS.sub(_bracketed, text)
    return found if len(found) <= CHUNK else text.replace("://", f":{clean.ZERO}//")[:CHUNK]


def _bracketed(match: re.Match[str]) -> str:
    """A backslash would take the bracket's meaning away: before one stands what nobody sees."""
    if match["kept"]:
        return match[0]
    apart = clean.ZERO if match.string[: match.start()].endswith("\\") else ""
    return f"{apart}<{match[0]}>"


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"<t:{seconds}>"


class _Markdown(Writer):
    limit = CHUNK
    mass = MASS
    raw = re.compile(f"{OWN}|{RAW.pattern}")
    unwritten = re.compile(f"{OWN}|{clean.MENTION.pattern}")
    angled = True  # and so shows no preview
    risky = re.compile(
        r"`|~(?=~)|(?<=~)~|\|(?=\|)|(?<=\|)\||_(?=_)|(?<=_)_|<(?=[@#:/A-Za-z])|\](?=[(\[])|(?<!\s)\*|\*(?!\s)|(?<![^\W_])_|_(?![^\W_])|\\(?=[^\w\s])|!(?=\[)"
    )
    thorough = re.compile(r"[\\`*_\[\]<>~|!#]|&(?=#?\w+;)")

    def heading(self, block: tree.Heading, within: Within) -> Iterator[Line]:
        if block.level <= 3 and not any(map(is_mark, within)):
            yield headed("#" * block.level + " ", self.inline, block.inline, within)
        else:
            yield from self.paragraph(tuple(replace(run, bold=True) for run in block.inline), within)

    def rule(self) -> str:
        return "─" * 20

    def box(self, checked: bool) -> str:
        return "☑ " if checked else "☐ "

    def quote(self, block: tree.Quote, within: Within) -> Iterator[Line]:
        yield from self.lines(block.blocks, within) if within else super().quote(block, within)

    def code(self, block: tree.Code, within: Within) -> Iterator[Line]:
        frame = Frame(("```" + language(block.info),), ("```",))
        for line in clean.quiet(block.text, self.mass, ()).split("\n"):
            yield raw(line.replace("``", f"`{clean.ZERO}`"), within, frame)

    def table(self, block: tree.Table, within: Within) -> Iterator[Line]:
        rows = [[_cell(cell) for cell in row] for row in (block.head, *block.rows)]
        widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
        links = any(run.href for row in (block.head, *block.rows) for run in chain.from_iterable(row))
        if links or sum(widths) + len(GUTTER) * (len(widths) - 1) > WIDE:
            yield from self.records(block, within)
            return
        rule = GUTTER.join("─" * width for width in widths)
        head, *body = (GUTTER.join(map(_padded, row, widths, block.aligns)).rstrip() for row in rows)
        frame = Frame(("```", head, rule), ("```",))
        for row in body or [""]:
            yield raw(row, within, frame)

    def adapted(self, run: Run) -> Run:
        return unlinked(super().adapted(run), _SCHEMES)

    def undisguised(self, members: Sequence[Run]) -> Sequence[Run]:
        """Discord shows no link whose words are another address."""
        return [replace(run, href="") for run in super().undisguised(members)]


def _cell(cell: Inline) -> str:
    text = " ".join(tree.said(one_line(cell)).split())
    return clean.quiet(text, MASS, ()).replace("``", f"`{clean.ZERO}`")


def _width(text: str) -> int:
    return max(0, wcwidth.wcswidth(text.replace(clean.ZERO, "")))


def _padded(text: str, width: int, align: str) -> str:
    space = width - _width(text)
    left = {"right": space, "center": space // 2}.get(align, 0)
    return " " * left + text + " " * (space - left)


_LABELLED = re.compile(r"\](?=\()")
_ADDRESS = re.compile(r"(?P<kept>(?<!\\)<https?://[^\s<>]+>)|https?://[^\s<>()\[\]]+", re.IGNORECASE)
_INBOUND = re.compile(
    r"<(?:(?P<kind>@[!&]?|#)(?P<target>\d{1,20})|a?:(?P<emoji>\w{1,32}):\d{1,20}|t:(?P<time>-?\d{1,14})(?::[A-Za-z])?"
    r"|/(?P<command>[^<>:]{1,100}):\d{1,20}|id:(?P<guide>browse|customize|guide|linked-roles)(?::\d{1,20})?)>"
)
