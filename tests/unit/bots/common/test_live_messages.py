"""What a live message says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.common import live
from bots.discord.live.message import said
from bots.slack.live.message import shown_so_far
from host.ports.bot import Live
from sessiondb import Address, plan

NOWHERE = Address("discord", "1", "2", "3")


def test_a_status_stands_behind_what_it_is() -> None:
    assert live.status_line("searching the web", writing=False) == "is working: searching the web"
    assert live.status_line("", writing=False) == "is working…"
    assert live.status_line("searching the web", writing=True) == "is writing…"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(0, ""), (1, " · 1 min"), (59, " · 59 min"), (60, " · 1 h"), (61, " · 1 h 1 min"), (1500, " · 25 h")],
)
def test_long_work_says_how_long_it_has_gone_on(minutes: int, told: str) -> None:
    assert live.lasting(minutes) == told
    shown = Live("k", NOWHERE, "1", "2", "searching the web", "", minutes=minutes)
    assert said(shown) == f"-# ⏳ is working: searching the web{told}"
    assert shown_so_far(shown)[0] == f"_Working: searching the web{told}_"


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
    assert len(said(Live("k", NOWHERE, "1", "2", status, text), "🦉 Scribe" * 6).encode("utf-16-le")) <= 4_000
    shown = said(Live("k", NOWHERE, "1", "2", status, text))
    assert len(shown.encode("utf-16-le", "replace")) // 2 <= 2_000
    assert shown.startswith("-# ⏳ is ")


def test_a_plan_is_a_list_of_the_steps_around_the_one_under_way() -> None:
    made = plan.of([f"done {n}" for n in range(6)], "now", [f"next {n}" for n in range(9)])
    assert live.checklist(made, str.upper) == [
        "✓ 4 done before",
        "✓ DONE 4",
        "✓ DONE 5",
        "▸ NOW",
        "○ NEXT 0",
        "○ NEXT 1",
        "○ NEXT 2",
        "○ NEXT 3",
        "○ NEXT 4",
        "○ and 4 more",
    ]
    assert live.done_of(made) == "6 of 16 done"
    assert (live.checklist((), str), live.done_of(())) == ([], "")


def test_a_plan_stands_under_the_status_on_discord_and_above_it_on_slack() -> None:
    state = Live("k", NOWHERE, "1", "2", "", "", plan=plan.of(["Read"], "Ask @everyone *now*", ["Write"]))
    assert said(state) == (
        "-# ⏳ is working… (1 of 3 done)\n✓ Read\n▸ Ask @\u200beveryone \\*now\\*\n○ Write"
    )
    notification, [block] = shown_so_far(replace(state, plan=plan.of(["Read"], "Ask <!here>", [])))
    assert block["text"] == "- ✓ Read\n- ▸ Ask <\u200b!here>\n\n_Working…_ (1 of 2 done)"
    assert notification.startswith("- ✓ Read")


@given(st.text(max_size=4_000), st.lists(st.text(max_size=300), max_size=40))
def test_what_is_shown_of_a_plan_always_fits(text: str, steps: list[str]) -> None:
    state = Live("k", NOWHERE, "1", "2", "", text, plan=plan.of(steps, "now", steps))
    assert len(said(state).encode("utf-16-le", "replace")) // 2 <= 2_000
    _, [block] = shown_so_far(state)
    assert len(block["text"].encode("utf-16-le", "replace")) // 2 <= 12_000
