"""What notifications say, and who cannot see blocks reads: everything that stands in the blocks, whoever built them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bots.slack.commands import commands
from bots.slack.sending import rendering, spoken
from host.ports.bot import Decision
from host.ports.controls import Running, TaskList, TaskOrder, TaskView
from host.words import told
from sessiondb import Address, content

Json = dict[str, Any]
PLACE = Address("slack", "T1", "C1")
TABLE = "| Name | Cost |\n|---|---|\n| Ada | 1 |\n| Bob | 22 |"
QUESTIONS = {
    "a question": content.Question("Which <one> & why?", ("red", "green")),
    "a question with a menu": content.Question("Which?", tuple(f"choice{n}" for n in range(8))),
    "a question with long options": content.Question("Which?", ("word " * 20, "short")),
    "a question without options": content.Question("What then?"),
    "a call that needs a yes": content.Question("Run it?", ("allow", "deny"), approval="bash", call="ls"),
}
TASK = TaskView(
    "t1", "Report *now*", "default", PLACE, "every day", 1, "tomorrow", False, (TaskOrder.RUN,), "it broke"
)


def asked(question: content.Question) -> Json:
    """As the outbox posts it."""
    last = told(rendering.operation(question, plain=False)[-1], "en")
    blocks = rendering.addressed(last["blocks"], "q1", ("U1",))
    return {"text": spoken.with_choices(last["text"], blocks), "blocks": blocks}


def built() -> Iterator[tuple[str, Json]]:
    for what, text in {
        "words": "Some *words*.",
        "a table": TABLE,
        "a list": "1. one\n2. two\n- three",
    }.items():
        yield what, dict(rendering.operation(content.Text(text), plain=False)[0])
    card = content.Card("Title", "words", (content.Field("Key", "value"),), "https://a.example")
    yield "a card", dict(rendering.operation(card, plain=False)[0])
    for what, question in QUESTIONS.items():
        found = asked(question)
        yield what, found
        over = rendering.answered(found["blocks"], "\u2705 *red* \u2014 <@U1>")
        yield f"{what}, answered", {"text": spoken.of(over), "blocks": over}
        votes = rendering.counted(found["blocks"], "1 of 2: <@U1>")
        yield f"{what}, voted for", {"text": spoken.of(votes), "blocks": votes}
    asks = {"do": "post", "text": "May Ada ask?"}
    decided = rendering.deciding(asks, Decision("r1", (("yes", "Let her"), ("no", "Never"))))
    yield "a decision", {"text": spoken.with_choices(asks["text"], decided), "blocks": decided}
    running = Running("s1", "default", PLACE, 1_700_000_000_000, "is working: reading")
    for what, shown in {
        "tasks": commands.tasks_panel(TaskList((TASK,)), "Paused: Report"),
        "no tasks": commands.tasks_panel(TaskList()),
        "what runs": commands.running_panel([running], "Stopping."),
        "an answer": commands.markdown("**$1.50** today\n\n- a: 1"),
    }.items():
        yield what, spoken.panel(told(shown, "en"))


def words(value: Any, *, panel: bool) -> Iterator[str]:
    """Whatever is read in blocks; what one presses in a panel orders something, and says nothing."""
    if isinstance(value, list):
        for one in value:
            yield from words(one, panel=panel)
    elif isinstance(value, dict):
        if panel and value.get("type") in ("actions", "button"):
            return
        for name, one in value.items():
            if isinstance(one, str) and name in ("text", "alt_text"):
                yield from re.findall(r"[^\W_]+", one)
            elif not isinstance(one, str) and name not in ("placeholder", "confirm"):
                yield from words(one, panel=panel)


BUILT = dict(built())


@pytest.mark.parametrize("what", BUILT)
def test_the_words_beside_blocks_are_all_that_stands_in_them(what: str) -> None:
    shown = BUILT[what]
    said = set(re.findall(r"[^\W_]+", shown["text"]))
    panel = what in ("tasks", "what runs")
    assert [word for word in words(shown.get("blocks", []), panel=panel) if word not in said] == []


def test_a_list_keeps_its_numbers_and_a_table_says_what_each_cell_is() -> None:
    assert BUILT["a list"]["text"].startswith("1. one\n2. two")
    assert re.search(r"Name: Ada.*Cost: 1", BUILT["a table"]["text"], re.DOTALL)


def test_what_is_answered_offers_no_choice_any_more_and_says_who_chose_what() -> None:
    text = BUILT["a question, answered"]["text"]
    assert "green" not in text
    assert text.endswith("\u2705 *red* \u2014 <@U1>")


def test_the_words_have_room_for_the_choices_however_long_the_question_is() -> None:
    text = spoken.with_choices("long " * 5_000, asked(QUESTIONS["a question"])["blocks"])
    assert len(text) <= spoken.MOST
    assert text.endswith("\u2022 red\n\u2022 green")


def test_words_beside_blocks_end_with_no_half_of_a_sign_or_mention() -> None:
    for length in range(3_880, 3_900):
        for sign in ("&amp;", "<@U12345678>"):
            text = spoken.with_choices("a" * length + sign * 9, ())
            rest = text.replace(sign, "").rstrip("…")
            assert set(rest) == {"a"}
            assert len(text) <= spoken.MOST
