"""Whatever an agent writes becomes messages within every limit that carry all of it and call nobody."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bots.markup import clean, discord, slack, tree

CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.md"))
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)

_HIDDEN = r"[ \t\u200c-\u200f\u2060]*"
SLACK_LIVE = re.compile(
    rf"<{_HIDDEN}!{_HIDDEN}(here|channel|everyone|subteam)|@{_HIDDEN}(here|channel|everyone)|<[@#]",
    re.IGNORECASE,
)
DISCORD_LIVE = re.compile(rf"@{_HIDDEN}(here|everyone)|<{_HIDDEN}[@#]", re.IGNORECASE)
_WORDS = """
    word **b** *i* _i_ ~~s~~ `c|d` [l](https://e.org/(x)) https://e.org/a_b a_b * _ ` | || ~~ \\ 1. # > - ! ](
    <!here> @everyone <@&1> <@U1> &lt; &amp;lt; <b> <br> 👩‍🚀 日本語 שלום é
"""
_INLINE = st.sampled_from([*_WORDS.split(), "[ ]", "\u200b", "word " * 50, "x" * 300])
_TEXT = st.lists(_INLINE, min_size=1, max_size=8).flatmap(
    lambda words: st.sampled_from([" ", "", "\n"]).map(lambda between: between.join(words))
)
_CODE = st.tuples(st.sampled_from(["```", "```py", "~~~", "````"]), _TEXT).map(
    lambda pair: f"{pair[0]}\n{pair[1]}\n{pair[0].rstrip('py')}"
)
_TABLE = st.lists(st.tuples(_INLINE, _INLINE), min_size=1, max_size=5).map(
    lambda rows: "\n".join(["| h | k |", "|:-|-:|", *(f"| {a} | {b} |" for a, b in rows)])
)


def _indented(text: str, first: str) -> str:
    return first + text.replace("\n", "\n" + (first if first.startswith(">") else " " * len(first)))


_SIMPLE = st.one_of(_TEXT, _TEXT.map(lambda text: "## " + text), _CODE, st.just("---"))


def _nested(simple: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    first = st.sampled_from(["- ", "1. ", "> ", "- [ ] "])
    return st.recursive(
        simple,
        lambda inner: st.tuples(st.lists(inner, min_size=1, max_size=3), first).map(
            lambda pair: "\n".join(_indented(text, pair[1]) for text in pair[0])
        ),
        max_leaves=6,
    )


DOCUMENTS = st.lists(_nested(_SIMPLE | _TABLE), max_size=6).map("\n\n".join)
UNLIFTED = st.lists(_nested(_SIMPLE) | _TABLE, max_size=6).map(
    "\n\n".join
)  # a table leaves its list on Slack
ANYTHING = st.one_of(DOCUMENTS, st.text(max_size=400), st.text("`*_~[]()<>|!#->&\\@:. \nab1", max_size=300))


def arrives(blocks: Sequence[tree.Block], text: str) -> bool:
    """Every leaf is in the text, in order; a table may have become "head: cell" for each cell."""
    place = 0

    def read(block: tree.Block) -> bool:
        nonlocal place
        match block:
            case tree.Quote():
                return all(map(read, block.blocks))
            case tree.List():
                return all(read(inner) for item in block.items for inner in item.blocks)
            case tree.Table():
                ends = [
                    _past("".join(tree.leaves([block])), text, place),
                    _past(_record_words(block), text, place),
                ]
            case _:
                ends = [_past("".join(tree.leaves([block])), text, place)]
        place = min((end for end in ends if end is not None), default=-1)
        return place >= 0

    return all(map(read, blocks))


def _past(words: str, text: str, place: int) -> int | None:
    for char in clean.shown(words):
        place = text.find(char, place) + 1
        if not place:
            return None
    return place


def _record_words(table: tree.Table) -> str:
    rows = table.rows or ((((),) * len(table.head)),)
    return "".join(
        tree.said(head) + tree.said(cell)
        for index, row in enumerate(rows)
        for head, cell in zip(table.head, row, strict=True)
        if cell or index == 0
    )


def fences_balance(message: str) -> bool:
    """Every fence of a Discord message is closed in it."""
    return len(re.findall(r"^[> \-\d.]*```", message, re.MULTILINE)) % 2 == 0


def said(elements: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What a message says, whichever kind of block says it."""
    for element in elements:
        if "text" in element:
            yield str(element["text"])
        yield from said(element.get("elements", ()))


def check_slack(markdown: str) -> None:
    chunks = slack.render(markdown)
    written = ["".join(said(chunk.blocks)) for chunk in chunks]
    read = (tree.visible if chunk.blocks[0]["type"] == "markdown" else clean.shown for chunk in chunks)
    assert arrives(tree.parse(markdown), "".join(one(text) for one, text in zip(read, written, strict=True)))
    for chunk, text in zip(chunks, written, strict=True):
        assert len(chunk.blocks) <= 50
        assert 0 < clean.units(text) <= 11_000
        assert 0 < clean.units(chunk.text) <= 4_000
        assert not SLACK_LIVE.search(text) or chunk.blocks[0]["type"] == "rich_text"
        assert not re.search(r"@(here|channel|everyone)|<!(here|channel|everyone|subteam)", text)
        assert not SLACK_LIVE.search(chunk.text)
        text.encode()
    check_plain(markdown)


def check_plain(markdown: str) -> None:
    chunks = slack.plain(markdown)
    shown = "".join(clean.shown(slack.unescaped(chunk.text)) for chunk in chunks)
    assert arrives(tree.parse(markdown), shown)
    for chunk in chunks:
        assert not chunk.blocks
        assert 0 < clean.units(chunk.text) <= 4_000
        assert not SLACK_LIVE.search(chunk.text)


def check_discord(markdown: str) -> None:
    messages = discord.render(markdown)
    assert arrives(tree.parse(markdown), clean.shown("".join(messages)))
    for message in messages:
        assert 0 < clean.units(message) <= 2_000
        assert fences_balance(message)
        assert not DISCORD_LIVE.search(message)
        message.encode()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_nasty_case_arrives_whole_on_slack(path: Path) -> None:
    check_slack(path.read_text())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_nasty_case_arrives_whole_on_discord(path: Path) -> None:
    check_discord(path.read_text())


@QUICK
@given(ANYTHING)
@example("\ud800 lone")
def test_anything_arrives_whole_on_slack(markdown: str) -> None:
    check_slack(markdown)


@QUICK
@given(ANYTHING)
@example("\ud800 lone")
def test_anything_arrives_whole_on_discord(markdown: str) -> None:
    check_discord(markdown)


@QUICK
@given(UNLIFTED)
def test_what_slack_was_given_reads_the_same_when_rendered_again(markdown: str) -> None:
    blocks = [chunk.blocks[0] for chunk in slack.render(markdown)]
    once = [block["text"] for block in blocks if block["type"] == "markdown"]
    assert [chunk.blocks[0]["text"] for text in once for chunk in slack.render(text)] == once


@QUICK
@given(st.text(max_size=200))
def test_tidying_and_quieting_twice_is_doing_it_once(text: str) -> None:
    tidied = clean.tidy(text)
    assert clean.tidy(tidied) == tidied
    quieted = clean.quiet(tidied, slack.MASS, ())
    assert clean.quiet(quieted, slack.MASS, ()) == quieted
