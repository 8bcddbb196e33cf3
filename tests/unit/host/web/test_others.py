"""What a page makes of another node's answers: also of one that is of another version, garbled, or not there."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from pydantic import TypeAdapter

from host.controls.conversations import Row
from host.registry.nodes import SILENT, Seen, state_of
from host.web.others import answer_of, read, row_with
from host.web.search import Found, Here, Result
from host.web.timeline import Line, Told
from sessiondb.records import Address

STORY = Told([Line(3, 1_700_000_000_000, "Ada", False, "hello", 0, ("answered", "posted"))], 3, "")
FINDS = Here(Result([Found(7, "s1", 3, 1, "#general", "default", [("a ", False), ("b", True)])], 7), True)


def node(*, serves: bool = False, drained: bool = False, silent: int = 0) -> Seen:
    return Seen("ada", "a", serves, drained, 0, silent, "1")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (node(serves=True), "serves"),
        (node(serves=True, silent=SILENT * 2), "serves"),  # its lease is not over: it counts until then
        (node(serves=True, drained=True), "draining"),
        (node(drained=True), "drained"),
        (node(drained=True, silent=SILENT * 2), "drained"),
        (node(), "stands by"),
        (node(silent=SILENT - 1), "stands by"),
        (node(silent=SILENT), "silent"),
    ],
)
def test_how_a_node_is_is_one_word(seen: Seen, said: str) -> None:
    assert state_of(seen) == said


@pytest.mark.parametrize("told", [STORY, Told(), Told(problem="its file is damaged")])
def test_a_story_is_read_as_it_was_told(told: Told) -> None:
    found = read(TypeAdapter(Told), answer_of(asdict(told)))
    assert found == told


@pytest.mark.parametrize("found", [FINDS, Here(Result([]), False), Here()])
def test_finds_are_read_as_they_were_told(found: Here) -> None:
    assert read(TypeAdapter(Here), answer_of(asdict(found))) == found


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "null",
        "{",
        "[]",
        '"text"',
        '{"lines": 7}',
        '{"lines": [7]}',
        '{"lines": [{"seq": "x"}]}',
        '{"lines": [], "older": null}',
        "\x00",
    ],
)
def test_what_is_not_understood_is_as_good_as_no_answer(answer: str | None) -> None:
    assert read(TypeAdapter(Told), answer) is None


def test_what_a_later_version_says_besides_is_left_out_and_what_an_earlier_one_did_not_say_is_as_ever() -> (
    None
):
    line = {"seq": 3, "at": 1, "who": "Ada", "by_agent": False, "said": "hello", "mood": "good"}
    found = read(TypeAdapter(Told), json.dumps({"lines": [line], "later": 1}))
    assert found == Told([Line(3, 1, "Ada", False, "hello")])


@pytest.mark.parametrize("said", ["half \ud800 a pair", "\udfff", "whole 😀", "a\x00b", "‮kestrel"])
def test_whatever_was_said_comes_through_and_half_a_pair_as_a_question_mark(said: str) -> None:
    found = read(TypeAdapter(str), answer_of(said))
    assert found == said.encode("utf-8", "replace").decode()


def row(problem: str = "") -> Row:
    return Row("s1", "default", Address("slack", "T1", "C1"), "public", 1, "elsewhere", problem, "", "b")


def test_a_conversations_row_has_what_its_node_says_of_its_files() -> None:
    told = row_with(row(), ("working", "", "Deploy"))
    assert (told.state, told.problem, told.title) == ("working", "", "Deploy")
    told = row_with(row(), ("broken", "its file is damaged", ""))
    assert (told.state, told.problem) == ("broken", "its file is damaged")


def test_what_a_start_failed_of_is_not_overwritten_by_what_its_files_say() -> None:
    told = row_with(row("cannot start"), ("idle", "", "Deploy"))
    assert (told.state, told.problem, told.title) == ("elsewhere", "cannot start", "Deploy")


def test_a_row_of_a_node_that_does_not_answer_stays_as_the_registry_has_it() -> None:
    assert row_with(row(), None) == row()
