import re

import pytest
import wcwidth

from bots.markup import chunks, clean, discord, tree
from bots.markup.chunks import Holder, Line
from bots.markup.tree import Inline, Run


def line(text: str, *within: Holder, border: int = chunks.BLOCK, opens: int = 0) -> Line:
    return Line((Run(text),), said, within, border=border, opens=opens)


def said(runs: Inline) -> str:
    return tree.said(runs).strip()


def test_a_chunk_ends_at_the_best_border_it_has() -> None:
    lines = [
        line("a" * 30),
        line("b" * 30, border=chunks.LINE),
        line("c" * 30),
        line("d" * 30, border=chunks.LINE),
    ]
    assert [chunk[0] for chunk in chunks.split(lines, 100)] == ["a", "c"]


def test_a_border_is_not_worth_a_nearly_empty_chunk() -> None:
    lines = [line("a" * 10), line("b" * 50), line("c" * 50, border=chunks.LINE)]
    assert [chunk[0] for chunk in chunks.split(lines, 100)] == ["a", "c"]


def test_an_item_that_goes_on_in_the_next_chunk_says_so() -> None:
    outer, inner = Holder("- ", "  "), Holder("1. ", "   ")
    lines = [line("a" * 60, outer, opens=1), line("b" * 60, outer, inner, opens=1), line("c" * 30, outer)]
    assert chunks.split(lines, 80) == ["- " + "a" * 60, "- …\n  1. " + "b" * 60, "- …\n  " + "c" * 30]


def test_a_quote_keeps_its_mark_without_saying_anything_again() -> None:
    quote = Holder("> ", "> ")
    assert chunks.split([line("a" * 30, quote, opens=1), line("b" * 30, quote)], 40) == [
        "> " + "a" * 30,
        "> " + "b" * 30,
    ]


def test_a_line_is_cut_between_words_else_between_graphemes() -> None:
    assert chunks.split([line("one two three four")], 10) == ["one two", "three four"]
    family = "👨‍👩‍👧"
    parts = chunks.split([line(family * 10)], 25)
    assert "".join(parts) == family * 10
    assert all(set(wcwidth.iter_graphemes(part)) == {family} for part in parts)


def test_bold_that_is_cut_is_bold_in_both_chunks() -> None:
    first, second = discord.render("**" + "bold " * 450 + "end**")
    assert first.startswith("**bold")
    assert first.endswith("bold**")
    assert second.startswith("**bold")
    assert second.endswith("end**")


def test_a_heading_goes_with_what_it_introduces() -> None:
    messages = discord.render("x " * 800 + "\n\n# Head\n\n" + "y " * 300)
    assert messages[1].startswith("# Head\n\ny y")


def test_a_mention_or_address_is_not_cut() -> None:
    url = "https://e.org/" + "p" * 100
    messages = discord.render("x" * 1_950 + url, keep=())
    assert messages[1] == url


@pytest.mark.parametrize(
    "text",
    ["x" * 999, "one two " * 99, "line\n" * 99, "😀" * 99, "a😀 " * 99, "&amp;" * 99, "a&lt;" * 99, " \n"],
)
@pytest.mark.parametrize("limit", [7, 20, 50])
def test_pieces_of_a_text_as_it_stands_say_all_of_it_and_fit(text: str, limit: int) -> None:
    found = chunks.pieces(text, limit)
    assert "".join(found).strip() == text.strip()
    assert all(clean.units(piece) <= limit for piece in found)
    assert not any(re.search(r"&\w*$", piece) for piece in found)


def test_a_piece_ends_with_a_line_or_else_with_a_word() -> None:
    assert chunks.pieces("one two\nthree four five", 12) == ["one two\n", "three four ", "five"]
