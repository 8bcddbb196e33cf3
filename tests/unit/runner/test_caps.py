"""What one turn may do at most, by its steps and by what it does."""

from __future__ import annotations

import json

import pytest

from runner.outbound import Emitted
from runner.tools.caps import PATIENCE, Caps
from sessiondb import content
from sessiondb.options import Options, OptionsError
from sessiondb.records import Step


def caps(calls: int = 3, messages: int = 2, recorded: list[Step] | None = None) -> Caps:
    return Caps.of(Options(max_tool_calls=calls, max_messages=messages), recorded or [])


def posts(*what: content.Outbound) -> list[Emitted]:
    return [Emitted(f"t:{number}", one, "m") for number, one in enumerate(what)]


TEXT = content.Text("hello")


def test_calls_beyond_the_most_are_refused_in_words_for_the_model_and_told_to_people_once() -> None:
    turn = caps()
    assert [turn.call() for _ in range(3)] == ["", "", ""]
    assert turn.note == ""
    assert "made its 3 tool calls" in turn.call()
    assert "made its 3 tool calls" in turn.call()
    assert turn.note.count("3 tool calls") == 1
    assert "go on" in turn.note


def test_none_at_all_is_a_limit_too() -> None:
    turn = caps(calls=0, messages=0)
    assert "0 tool calls" in turn.call()
    assert "0 messages" in turn.post(posts(TEXT))
    assert "the most for one turn, 0 tool calls and 0 messages." in turn.note


def test_messages_files_and_cards_count_and_edits_reactions_and_orders_do_not() -> None:
    turn = caps()
    assert turn.post(posts(TEXT)) == ""
    for free in (content.Edit("m1", "x"), content.Reaction("m1", "eyes"), content.Action("run_task_now", {})):
        assert turn.post(posts(free)) == ""
    assert turn.post(posts(content.File("a.txt", "a.txt"))) == ""
    assert "sent its 2 messages" in turn.post(posts(content.Card("title")))
    assert turn.post(posts(content.Edit("m1", "x"))) == ""
    assert turn.messages == 2


def test_a_call_that_would_post_more_than_is_left_posts_nothing_of_it() -> None:
    turn = caps()
    assert turn.post(posts(TEXT)) == ""
    assert "not sent" in turn.post(posts(TEXT, TEXT))
    assert turn.post(posts(TEXT)) == ""  # one is left still


def step(kind: str, call: str, **said: object) -> Step:
    return Step(0, "t", kind, call, "", json.dumps(said))


def test_what_a_crash_or_a_wait_for_a_person_interrupted_counts_on() -> None:
    recorded = [
        step("tool_call", "c1", name="send_message", arguments={}),
        step("tool_result", "c1", text="sent", is_error=False),
        step("tool_call", "c2", name="send_card", arguments={}),
        step("tool_result", "c2", text="no such place", is_error=True),
        step("tool_call", "c3", name="bash", arguments={}),
    ]
    turn = caps(recorded=recorded)
    assert (turn.calls, turn.messages) == (3, 1)
    assert turn.call()


def test_a_model_may_answer_after_it_was_told_and_is_deaf_only_when_it_never_does() -> None:
    turn = caps(calls=1)
    for _ in range(30):  # calls of one answer
        turn.call()
    assert not turn.is_deaf_to
    for _ in range(PATIENCE):
        turn.answered()
        assert not turn.is_deaf_to
        turn.call()
    turn.answered()
    assert turn.is_deaf_to


def test_an_answer_that_asks_for_nothing_more_gives_new_patience() -> None:
    turn = caps(calls=0)
    for _ in range(PATIENCE):
        turn.call()
        turn.answered()
    turn.answered()
    turn.call()
    turn.answered()
    assert not turn.is_deaf_to


@pytest.mark.parametrize("wrong", [-1, "many", True, 1.5, 10_000_000])
def test_a_limit_is_a_whole_number(wrong: object) -> None:
    for option in ("max_tool_calls", "max_messages"):
        with pytest.raises(OptionsError, match=option):
            Options.of({option: wrong})
    assert Options.of({"max_messages": 0}).max_messages == 0
