"""What people are told of a turn that they stopped."""

from __future__ import annotations

import json

import pytest

from runner.doings import stopped
from sessiondb import Step


def turn(*calls: tuple[str, str]) -> list[Step]:
    """Each with what became of it: done, failed or cut."""
    steps = []
    for number, (name, became) in enumerate(calls):
        told = json.dumps({"name": name, "arguments": {}})
        steps.append(Step(2 * number, "t", "tool_call", f"c{number}", "complete", told))
        if became != "cut":
            result = json.dumps({"text": "", "is_error": became == "failed"})
            steps.append(Step(2 * number + 1, "t", "tool_result", f"c{number}", "complete", result))
    return steps


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([], "Stopped."),
        ([("bash", "failed")], "Stopped."),
        ([("send_message", "done")], "Stopped. I had sent a message."),
        (
            [("bash", "done"), ("bash", "done"), ("edit_file", "done"), ("mcp__wiki__find", "done")],
            "Stopped. I had run a command (2 times), edited a file and used `wiki/find`.",
        ),
        (
            [("send_file", "done"), ("bash", "cut")],
            "Stopped. I had sent a file. A command was still running; how far it got is not known.",
        ),
        ([("`x`\n@all", "cut")], "Stopped. `xall` was still running; how far it got is not known."),
    ],
)
def test_stop_says_what_was_done_and_what_was_cut_off(calls: list[tuple[str, str]], words: str) -> None:
    assert stopped(turn(*calls)) == words
