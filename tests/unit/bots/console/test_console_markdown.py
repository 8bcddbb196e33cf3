"""Answers in the terminal lose nothing, however narrow it is."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bots.console.markdown import Markdown

LONG = "abcdefghijklmnopqrstuvwxyz0123456789" * 3


def shown(markdown: str, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(Markdown(markdown))
    assert all(len(line) <= width for line in out.getvalue().split("\n"))
    return out.getvalue()


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_word_wider_than_its_column_folds_and_keeps_its_end(width: int) -> None:
    text = shown(f"| k |\n|---|\n| {LONG} |", width)
    assert "…" not in text
    assert LONG in letters(text)


@pytest.mark.parametrize("width", [12, 40, 80])
@pytest.mark.parametrize(
    "markdown", [f"- a\n  1. {LONG}", f"> {LONG}", f"```\n{LONG}\n```", LONG, f"# {LONG}", f"`{LONG}`"]
)
def test_what_is_too_long_for_its_line_folds_everywhere(markdown: str, width: int) -> None:
    assert LONG in letters(shown(markdown, width).replace("▌", ""))


def test_breaks_and_harmless_html_are_what_they_mean() -> None:
    assert shown("one<br>two <b>three</b>\n\n<div>four</div>", 40).split() == ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<https://ja.wikipedia.org/wiki/東京>", "https://ja.wikipedia.org/wiki/東京"),
        ("[https://e.org/é](https://e.org/é)", "https://e.org/é"),
        ("<mailto:x@y.z>", "mailto:x@y.z"),
    ],
)
def test_an_address_beyond_ascii_that_is_its_own_words_is_said_once(written: str, read: str) -> None:
    assert shown(written, 80).strip() == read


def test_a_links_address_is_said_once() -> None:
    assert shown("[here](https://e.org/a) <https://e.org/b>", 80).split() == [
        "here",
        "(https://e.org/a)",
        "https://e.org/b",
    ]


def test_a_table_of_many_columns_in_a_narrow_terminal_is_a_list() -> None:
    text = shown("|a|b|c|d|\n|-|-|-|-|\n|1|2|3|4|", 24)
    assert text.split() == ["a:", "1", "b:", "2", "c:", "3", "d:", "4"]


def test_text_that_looks_like_rich_markup_or_escape_codes_is_text() -> None:
    assert shown("[red]not red[/red] \x1b[31mplain", 60).strip() == "[red]not red[/red] [31mplain"
