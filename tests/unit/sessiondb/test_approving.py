"""The one spelling of a call that people allow."""

from __future__ import annotations

import json

import pytest

from sessiondb import approving


def test_the_same_call_is_spelled_the_same_and_another_one_is_not() -> None:
    call = approving.spelled("bash", {"command": "ls ä", "timeout": 5})
    assert call == approving.spelled("bash", json.loads(json.dumps({"timeout": 5, "command": "ls ä"})))
    assert approving.digest(call) != approving.digest(
        approving.spelled("bash", {"command": "ls", "timeout": 5})
    )
    assert approving.digest(call) != approving.digest(
        approving.spelled("view_file", {"command": "ls ä", "timeout": 5})
    )


@pytest.mark.parametrize(
    "call",
    [
        "",
        "[]",
        "{",
        json.dumps({"tool": "view_file", "arguments": {}}),
        json.dumps({"tool": "bash"}),
        json.dumps({"tool": "bash", "arguments": {}, "note": "harmless"}),
        approving.spelled("bash", {"command": "x" * approving.LONGEST}),
        "[" * approving.LONGEST,
    ],
)
def test_what_is_no_call_of_the_tool_or_nobody_would_read_is_none(call: str) -> None:
    assert not approving.is_of("bash", call)


def test_arguments_are_shown_one_below_the_other_unless_that_grows_without_an_end() -> None:
    assert approving.shown(approving.spelled("bash", {"b": 1, "a": "x"})) == '{\n "a": "x",\n "b": 1\n}'
    nested: object = 1
    for _ in range(300):
        nested = [nested] * 3 if len(json.dumps(nested)) < 100 else [nested]
    wide = [nested] * 40  # hardly longer than what may be asked for, and much longer one below the other
    spread = approving.spelled("bash", {"command": wide[:20]})
    assert len(spread) <= approving.LONGEST
    assert approving.shown(spread) == spread
