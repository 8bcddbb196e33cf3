"""Events as the inbox keeps them: what is taken out of one, and whom it quotes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from host.registry import events

ROUTED = {"answer": ["memory", "w", "c", ""], "trusted": False}


def kept(**event: Any) -> str:
    return json.dumps({"event": event, **ROUTED})


def test_a_value_is_put_where_it_stands_and_nothing_else_changes() -> None:
    event = kept(text="hello", author={"id": "U1", "name": "Ada"}, at=7)
    found = json.loads(events.put(event, {"text": "", "author.name": ""}))
    assert found == {"event": {"text": "", "author": {"id": "U1", "name": ""}, "at": 7}, **ROUTED}


def test_what_an_event_of_an_earlier_version_does_not_have_is_no_obstacle() -> None:
    assert json.loads(events.put(kept(at=7), {"author.name": ""})) == json.loads(kept(at=7))
    assert events.put("{}", events.EMPTY) == "{}"


def test_an_emptied_event_has_no_word_and_no_name_and_says_from_whom_it_came_and_when() -> None:
    event = kept(
        text="one",
        value="two",
        files=[{"name": "three"}],
        parts=[{"text": "four"}],
        thread_so_far=[{"text": "five"}],
        author={"id": "U1", "name": "six"},
        at=7,
    )
    found = events.put(event, events.EMPTY)
    assert not [word for word in ("one", "two", "three", "four", "five", "six") if word in found]
    assert json.loads(found)["event"]["author"]["id"] == "U1"
    assert events.put(found, events.EMPTY) == found


@pytest.mark.parametrize(
    ("event", "whether"),
    [
        ({"author_id": "U1"}, True),
        ({"parts": [{"kind": "quote", "author_id": "U1"}]}, True),
        ({"thread_so_far": [{"parts": [{"author_id": "U1"}]}]}, True),
        ({"parts": [{"author_id": "U12"}]}, False),
        ({"text": "author_id: U1"}, False),
        ({"author": {"id": "U1"}}, False),
    ],
)
def test_somebody_is_quoted_where_words_are_theirs_however_deep_it_lies(
    event: dict[str, Any], whether: bool
) -> None:
    assert events.quotes(kept(**event), "U1") is whether


def test_whom_the_answer_goes_to_is_nobodys_words() -> None:
    assert not events.quotes(json.dumps({"event": {}, "author_id": "U1"}), "U1")
    assert not events.quotes("{}", "U1")
