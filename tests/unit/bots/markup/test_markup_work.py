"""The work of rendering grows as the answer does. Calls are counted: a clock would measure the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from bots.markup import discord, slack

SIZE = 12_000  # characters
MOST = 250  # calls for each; what is quadratic takes thousands for a text of this size


def work(render: Callable[[str], object], markdown: str) -> int:
    count = 0

    def called(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        render(markdown)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("render", [slack.render, discord.render], ids=["slack", "discord"])
@pytest.mark.parametrize(
    "unit",
    ["**<b>**", "*a **b ~~c ", "<div>", "注**意**", "[", "`a", "| **a** | b |\n", "```md\n"],
)
def test_no_text_takes_more_work_than_its_length_allows(render: Callable[[str], object], unit: str) -> None:
    head = "| h | k |\n|---|---|\n" if unit.startswith("|") else ""
    assert work(render, head + unit * (SIZE // len(unit)) + "end") < MOST * SIZE


@pytest.mark.parametrize("platform", [slack, discord])
@pytest.mark.parametrize("unit", ["*a_b*c_", "[a](b", "<@1", "](", "😀", "a\n", "&"])
def test_a_text_as_it_was_written_takes_no_work_but_where_it_is_cut(platform: Any, unit: str) -> None:
    """What is too slow with its marks is shown so: it has to be quick whatever is in it."""
    assert work(platform.as_written, unit * (SIZE // len(unit))) < 4 * SIZE


def test_emphasis_that_is_opened_many_times_and_closed_late_is_no_more_work() -> None:
    nested = "*a **b " * (SIZE // 7) + " c** d*" * (SIZE // 7)
    assert work(slack.render, nested) < MOST * len(nested)
