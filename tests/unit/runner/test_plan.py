"""The agent's plan: out of a turn that is taken up again, and out of Claude Code's own list."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from runner import doings
from runner.providers import harness
from runner.tools.plan import last
from sessiondb import plan
from sessiondb.records import Step


def call(name: str, arguments: object) -> Step:
    return Step(1, "t", "tool_call", "c1", "started", json.dumps({"name": name, "arguments": arguments}))


def test_a_turn_that_is_taken_up_again_has_its_last_plan() -> None:
    steps = [
        call("update_plan", {"now": "Read", "todo": ["Write"]}),
        call("update_plan", {"done": ["Read"], "now": "Write"}),
        call("bash", {"command": "true"}),
    ]
    assert last(steps) == plan.of(["Read"], "Write", [])


@pytest.mark.parametrize("arguments", [None, [], {"now": 5, "done": "x", "todo": [None]}, {}])
def test_a_call_with_other_arguments_shows_no_more_than_it_says(arguments: object) -> None:
    assert last([call("update_plan", arguments)]) in ((), plan.of([], "5", []))


def test_the_list_of_claude_code_is_a_plan() -> None:
    todos = [
        {"content": "Read", "status": "completed", "activeForm": "Reading"},
        {"content": "Write", "status": "in_progress", "activeForm": "Writing"},
        {"content": "Check", "status": "pending", "activeForm": "Checking"},
        {"content": 7, "status": "pending"},
        {"content": "Odd", "status": "odd"},
        None,
    ]
    blocks = [SimpleNamespace(text="so"), SimpleNamespace(name="TodoWrite", input={"todos": todos})]
    assert harness.plan_of(blocks) == plan.of(["Read"], "Write", ["Check"])
    assert harness.plan_of([SimpleNamespace(name="TodoWrite", input="x"), SimpleNamespace(name="Bash")]) == ()


def test_a_plan_is_nothing_that_was_done() -> None:
    assert doings.stopped([call("update_plan", {"now": "Read"})]) == "Stopped."
    assert doings.before([call("update_plan", {"now": "Read"})]) == ""
