"""What a live message says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.common import live
from bots.discord.live.message import said
from host.ports.bot import Live
from sessiondb import Address

NOWHERE = Address("discord", "1", "2", "3")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("searching the web", "is working: searching the web"),
        ("", "is working…"),
        ("cat /etc/passwd", "is working…"),
        ("token=abc", "is working…"),
        ("a" * 30, "is working…"),
    ],
)
def test_a_status_is_verbs_and_never_an_argument(status: str, shown: str) -> None:
    assert live.status_line(status, writing=False) == shown


def test_a_long_text_shows_its_end_from_the_beginning_of_a_line() -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    shown = live.tail(text, 60)
    assert shown.startswith("… line ")
    assert shown.endswith("line 99")
    assert len(shown) <= 62


def test_a_code_block_that_is_cut_is_opened_again() -> None:
    text = "~~~sh\nold\n~~~\n```py\n" + "x = 1\n" * 100
    assert live.tail(text, 60).startswith("…\n```py\nx = 1\n")
    assert not live.tail(text + "```\n" + "word " * 100, 60).startswith("…\n```")


@given(st.text(max_size=4_000), st.text(max_size=60))
def test_what_is_shown_always_fits(text: str, status: str) -> None:
    shown = said(Live("k", NOWHERE, "1", "2", status, text))
    assert len(shown.encode("utf-16-le", "replace")) // 2 <= 2_000
    assert shown.startswith("-# ⏳ is ")
