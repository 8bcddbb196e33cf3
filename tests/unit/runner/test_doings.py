"""What people are told of a turn that they stopped."""

from __future__ import annotations

import json

import pytest

from host.live import plans
from runner import doings
from runner.doings import SOME_TOOL, stopped, under_way
from runner.providers import harness
from sessiondb import Step
from sessiondb.options import TOOLS


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bash", "running a command"),
        ("mcp__github__get_me", "using github"),
        ("mcp__our-wiki_2__find", "using our wiki 2"),
        ("mcp__a/../../b\n`c`__x", "using a b c"),
        ("mcp__" + "x" * 100 + "__y", SOME_TOOL),
        ("mcp____y", SOME_TOOL),
        ("get_secrets", SOME_TOOL),
        ("", SOME_TOOL),
    ],
)
def test_whoever_waits_is_told_in_verbs_what_a_call_is(name: str, words: str) -> None:
    assert under_way(name) == words


def test_every_tool_that_there_is_has_words_of_its_own() -> None:
    built_in = [name for names in harness.BUILT_IN.values() for name in names]
    every = [*TOOLS, "mcp_status", *harness.ALWAYS, *harness.WEB, *harness.WEB.values(), *built_in]
    assert [name for name in every if under_way(name) == SOME_TOOL] == []
    assert {under_way(name) for name in every} | {SOME_TOOL} <= set(
        plans.VERBS
    )  # in which languages have them
    assert all(stopped(turn((name, "done"))).count("`") == 0 for name in doings._WORDS)
