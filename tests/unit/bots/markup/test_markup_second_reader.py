"""A second reader, CommonMark's own rules and none of ours: each text, label and address arrives once, in order, everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from bots.console.markdown import Markdown
from bots.markup import discord, slack

WORD = re.compile(r"w\d+q")
WIDTHS = (44, 200)
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SETTINGS = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)

# Each % becomes a word of its own.
_SPANS = [
    *("%", "**%**", "*%*", "_%_", "~~%~~", "***%***", "**% *%* %**", "*% **%***", "`%`", "``% ` %``"),
    *("[%](https://e.org/%)", "[**%** %](https://e.org/%)", "<https://e.org/%>", "https://e.org/%"),
    *("![%](https://e.org/%.png)", "[`%`](https://e.org/%(%))", '[%](https://e.org/% "title")', "<b>%</b>"),
    *("% \\* %", "%&amp;%", "%<br>%", "**重点%：**%", "%**（%）**%", "**%**%", "% | %", "(%)", "%'%", "# %"),
    *("<!here> %", "@everyone %", "<@U123> %", "%_%_%", "2 * % * %", "$%$", ":%:", "[%]", "[%][%]", "%  \n%"),
]
_INLINE = st.lists(st.sampled_from(_SPANS), min_size=1, max_size=7).map(" ".join)
_BLOCKS = st.one_of(
    _INLINE,
    _INLINE.map(lambda text: "## " + text.replace("\n", " ")),
    st.just("```py\n% = %\n  %\n```"),
    st.just("~~~\n```\n%\n```\n~~~"),
    st.just("---"),
    st.lists(st.sampled_from(["%", "**%**", "`%`", "[%](https://e.org/%)"]), min_size=2, max_size=6).map(
        lambda cells: f"| % | % |\n|---|--:|\n| {cells[0]} | {cells[1]} |\n| {cells[-1]} | % |"
    ),
)


def _inside(text: str, first: str) -> str:
    return first + text.replace("\n", "\n" + (first if first.startswith(">") else " " * len(first)))


_NESTED = st.recursive(
    _BLOCKS,
    lambda inner: st.tuples(
        st.lists(inner, min_size=1, max_size=3), st.sampled_from(["- ", "7. ", "> ", "- [x] "])
    ).map(lambda pair: "\n".join(_inside(text, pair[1]) for text in pair[0])),
    max_leaves=5,
)
DOCUMENTS = st.lists(_NESTED, min_size=1, max_size=6).map("\n\n".join)


def numbered(template: str) -> str:
    count = iter(range(1, 10_000))
    return re.sub("%", lambda _: f"w{next(count)}q", template)


def expected(markdown: str) -> list[str]:
    """The words of every text, label and address, as CommonMark has them."""
    return [word for text in _texts(READER.parse(markdown)) for word in WORD.findall(text)]


def _texts(tokens: list[Token]) -> Iterator[str]:
    addresses: list[tuple[str, list[str]]] = []
    for token in tokens:
        found = ""
        match token.type:
            case "inline":
                yield from _texts(token.children or [])
            case (
                "text"
                | "code_inline"
                | "fence"
                | "code_block"
                | "html_block"
                | "html_inline"
                | "text_special"
            ):
                found = token.content
            case "image":
                found = f"{token.content} {token.attrs['src']}"
            case "link_open":
                addresses.append((str(token.attrs["href"]), []))
            case "link_close":
                address, label = addresses.pop()
                yield "" if "".join(label) == address else address
        if found:
            yield found
            for _, label in addresses:
                label.append(found)


def on_slack(markdown: str) -> list[str]:
    found: list[str] = []
    for chunk in slack.render(markdown):
        for block in chunk.blocks:
            if block["type"] == "markdown":
                found += expected(block["text"])
            else:
                found += [word for text in _said(block) for word in WORD.findall(text)]
    return found


def _said(element: dict[str, Any]) -> Iterator[str]:
    """A label in several styles is as many links there to one address."""
    yield str(element.get("text", ""))
    for url, group in groupby(element.get("elements", ()), key=lambda one: str(one.get("url", ""))):
        members = list(group)
        for one in members:
            yield from _said(one)
        yield "" if "".join(str(one.get("text", "")) for one in members) == url else url


def on_discord(markdown: str) -> list[str]:
    return WORD.findall("\n".join(discord.render(markdown)))


def in_the_terminal(markdown: str, width: int) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(Markdown(markdown))
    return WORD.findall(out.getvalue())


def told(found: list[str], markdown: str) -> list[str]:
    """Where a table is written as a list, each row says again what its columns are called."""
    first = [word for number, word in enumerate(found) if word not in found[:number]]
    return sorted(first, key=lambda word: int(word[1:-1])) if "|---" in markdown else found


@SETTINGS
@given(DOCUMENTS.map(numbered))
def test_every_text_label_and_address_arrives_once_and_in_order(markdown: str) -> None:
    words = expected(markdown)
    assert told(on_slack(markdown), markdown) == words
    assert told(on_discord(markdown), markdown) == words
    assert in_the_terminal(markdown, WIDTHS[1]) == words
    if "|" not in markdown:  # a word that is wider than its column is folded
        assert in_the_terminal(markdown, WIDTHS[0]) == words


@pytest.mark.parametrize("span", _SPANS)
@pytest.mark.parametrize("frame", ["{}", "# {}", "- {}", "> {}", "a {} b", "1. a\n\n   > {}"])
def test_each_kind_of_text_arrives_in_each_kind_of_block(span: str, frame: str) -> None:
    markdown = numbered(frame.format(span if not frame.startswith("#") else span.replace("\n", " ")))
    words = expected(markdown)
    assert on_slack(markdown) == on_discord(markdown) == in_the_terminal(markdown, 200) == words
