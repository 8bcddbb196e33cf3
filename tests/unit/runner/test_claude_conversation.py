"""Messages of a request from recorded steps: whole, in order, the same every time."""

from __future__ import annotations

import json
from typing import Any

from runner.formatter import PromptMessage, prompt
from runner.providers.conversation import (
    GO_ON,
    LEFT_OUT,
    MOST_HISTORY,
    MOST_KEPT,
    NO_RESULT,
    SUMMARISE,
    SUMMARY,
    UNREADABLE,
    Answer,
    Conversation,
    Summary,
)
from runner.tools.box import ToolResult
from sessiondb import Step, content


class Steps:
    """Steps in the order they are written."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def add(self, turn: str, kind: str, text: str, call: str = "") -> None:
        self.all.append(Step(len(self.all) + 1, turn, kind, call, "complete", text))

    def user(self, turn: str, text: str) -> None:
        self.add(turn, "user", json.dumps({"ids": [text], "prompt": text}))

    def says(self, turn: str, text: str, stop: str = "end_turn") -> None:
        self.add(turn, "assistant", Answer([{"type": "text", "text": text}], stop).encode())

    def calls(self, turn: str, *ids: str) -> None:
        blocks: list[dict[str, Any]] = [{"type": "tool_use", "id": i, "name": "t", "input": {}} for i in ids]
        self.add(turn, "assistant", Answer(blocks, "tool_use").encode())

    def result(self, turn: str, call: str, text: str) -> None:
        self.add(turn, "tool_result", ToolResult(text).encode(), call)

    def final(self, turn: str, *texts: str) -> None:
        self.add(turn, "final", json.dumps(texts))

    def rendered(self) -> list[tuple[str, list[str]]]:
        """Role and blocks in short."""
        messages = Conversation.of(self.all, (), lambda _: []).messages()
        return [(message["role"], [_short(block) for block in message["content"]]) for message in messages]


def _short(block: dict[str, Any]) -> str:
    return str(block.get("text") or block.get("content") or block.get("id"))


def test_results_come_first_and_in_the_order_of_their_calls() -> None:
    steps = Steps()
    steps.user("t", "go")
    steps.calls("t", "a", "b")
    steps.result("t", "b", "second")
    steps.user("t", "a follow-up")
    steps.result("t", "a", "first")
    assert steps.rendered() == [
        ("user", ["go"]),
        ("assistant", ["a", "b"]),
        ("user", ["first", "second", "a follow-up"]),
    ]


def test_a_turn_that_was_stopped_in_a_call_ends_with_what_people_were_told() -> None:
    steps = Steps()
    steps.user("t", "go")
    steps.calls("t", "a")
    steps.final("t", "Stopped.")
    assert steps.rendered() == [
        ("user", ["go"]),
        ("assistant", ["a"]),
        ("user", [NO_RESULT]),
        ("assistant", ["Stopped."]),
    ]


def test_a_turn_that_waited_for_a_person_stays_whole_behind_the_one_that_came_between() -> None:
    steps = Steps()
    steps.user("parked", "paint it")
    steps.calls("parked", "ask")
    steps.user("between", "hello")
    steps.says("between", "hi")
    steps.final("between", "hi")
    steps.result("parked", "ask", "blue")
    steps.says("parked", "done")
    steps.final("parked", "done")
    assert steps.rendered() == [
        ("user", ["hello"]),
        ("assistant", ["hi"]),
        ("user", ["paint it"]),
        ("assistant", ["ask"]),
        ("user", ["blue"]),
        ("assistant", ["done"]),
    ]


def test_a_try_that_said_nothing_is_left_out() -> None:
    steps = Steps()
    steps.user("t-1", "go")
    steps.user("t-2", "go")
    steps.says("t-2", "gone")
    assert steps.rendered() == [("user", ["go"]), ("assistant", ["gone"])]


def test_an_answer_that_was_cut_is_asked_to_go_on_between_its_parts_only() -> None:
    steps = Steps()
    steps.user("t", "count")
    steps.says("t", "one", "max_tokens")
    steps.says("t", "two", "max_tokens")
    steps.final("t", "onetwo")
    steps.user("u", "thanks")
    assert steps.rendered() == [
        ("user", ["count"]),
        ("assistant", ["one"]),
        ("user", [GO_ON]),
        ("assistant", ["two"]),
    ]


def test_a_history_that_is_too_long_loses_its_oldest_turns_in_large_steps_with_a_note() -> None:
    steps, fronts = Steps(), set()
    for number in range(60):
        steps.user(f"t{number}", f"{number} " + "x" * 50_000)
        steps.says(f"t{number}", "ok")
        shown = steps.rendered()
        assert len(shown) <= 2 * MOST_HISTORY / 50_000
        fronts.add(shown[0][1][0][:20])
    assert shown[0][1][0] == LEFT_OUT
    assert shown[-2][1][0].startswith("59 ")
    assert len(fronts) == 2  # "0 xxx…", then the note


def test_what_a_summary_stands_for_is_not_counted() -> None:
    steps = Steps()
    steps.user("t0", "x" * MOST_HISTORY)
    blocks: list[dict[str, Any]] = [
        {"type": "compaction", "content": "Long ago."},
        {"type": "text", "text": "Yes."},
    ]
    steps.add("t0", "assistant", Answer(blocks, "end_turn").encode())
    steps.user("t1", "and?")
    steps.says("t1", "No.")
    assert [role for role, _ in steps.rendered()] == ["assistant", "user", "assistant"]


def test_our_own_summary_stands_for_all_but_the_last_messages_of_its_turn_live_and_replayed() -> None:
    steps = Steps()
    steps.user("t0", "long ago")
    steps.says("t0", "yes")
    steps.final("t0", "yes")
    steps.user("t1", "x" * MOST_KEPT)
    steps.calls("t1", "a")
    steps.result("t1", "a", "first")
    steps.calls("t1", "b")
    steps.result("t1", "b", "second")
    live = Conversation.of(steps.all[:3], steps.all[3:], lambda _: [])
    asked, kept = live.to_summarise()
    assert [message["role"] for message in asked] == ["user", "assistant", "user"]
    assert (asked[-1]["content"][-1]["text"], kept) == (SUMMARISE, 3)
    summary = Summary("They talked.", kept)
    live.summarised(summary)
    steps.add("t1", "summary", summary.encode())
    resumed = Conversation.of(steps.all[:3], steps.all[3:], lambda _: [])
    assert resumed.messages() == live.messages()
    assert resumed.last is None
    told = SUMMARY.format(text="They talked.")
    assert steps.rendered() == [
        ("user", [told]),
        ("assistant", ["a"]),
        ("user", ["first"]),
        ("assistant", ["b"]),
        ("user", ["second"]),
    ]


def test_nothing_is_summarised_where_there_is_only_what_is_asked_now() -> None:
    steps = Steps()
    steps.user("t", "x" * MOST_HISTORY)
    assert Conversation.of((), steps.all, lambda _: []).to_summarise() == ([], 0)


def test_a_summary_of_the_api_is_shown_as_text_where_the_api_takes_none_back() -> None:
    steps = Steps()
    blocks: list[dict[str, Any]] = [
        {"type": "compaction", "content": "Long ago."},
        {"type": "text", "text": "Yes."},
    ]
    steps.add("t", "assistant", Answer(blocks, "end_turn").encode())
    steps.user("t", "and?")
    shown = Conversation.of((), steps.all, lambda _: []).messages(plain=True)
    assert [(m["role"], [_short(b) for b in m["content"]]) for m in shown] == [
        ("user", [SUMMARY.format(text="Long ago.")]),
        ("assistant", ["Yes."]),
        ("user", ["and?"]),
    ]


def test_damaged_history_is_a_fresh_start_with_a_note() -> None:
    steps = Steps()
    steps.add("t", "assistant", "{broken")
    steps.user("u", "hello")
    steps.says("u", "hi")
    assert steps.rendered() == [("user", [UNREADABLE])]


def test_who_speaks_when_and_where_is_on_the_message() -> None:
    chat = content.Chat("hi", author_name="Ada", zone="Europe/Berlin")
    text = prompt([PromptMessage("m1", "chat", True, 1_700_000_000_000, "U1", chat)])
    assert 'at="2023-11-14T22:13:20+00:00"' in text
    assert 'local_time="Tuesday 2023-11-14 23:13 Europe/Berlin"' in text
    assert 'from="Ada" user_id="U1" trusted="no"' in text
