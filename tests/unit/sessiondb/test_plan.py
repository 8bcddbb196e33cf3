"""A plan as it passes in the progress file, whoever wrote that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sessiondb import plan
from sessiondb.signals import Progress

PLAN = plan.of(["Read  the\nlists"], "Compare them", ["Write it up", " "])


def test_a_plan_comes_out_of_the_file_as_it_went_in(tmp_path: Path) -> None:
    written = Progress("i", "m", "reading", "", PLAN)
    written.write(tmp_path / "progress.json")
    assert Progress.read(tmp_path / "progress.json") == written
    assert [(item.text, item.state.value) for item in PLAN] == [
        ("Read the lists", "done"),
        ("Compare them", "now"),
        ("Write it up", "next"),
    ]


def test_a_file_of_a_runner_that_knows_no_plans_is_read(tmp_path: Path) -> None:
    words = {"incarnation": "i", "message_id": "m", "status": "s", "text": "t"}
    (tmp_path / "progress.json").write_text(json.dumps(words))
    assert Progress.read(tmp_path / "progress.json") == Progress("i", "m", "s", "t")


@pytest.mark.parametrize(
    "found",
    [
        None,
        "done",
        {"text": "a", "state": "done"},
        [None, 1, "a", [], {}],
        [{"text": 1, "state": "done"}, {"text": "a", "state": ["done"]}, {"text": "a", "state": "gone"}],
        [{"text": " \n", "state": "done"}, {"state": "done"}, {"text": "a"}],
    ],
)
def test_what_is_no_step_is_left_out(found: object) -> None:
    assert plan.read(found) == ()


def test_a_plan_has_bounds_whoever_writes_it() -> None:
    many = [{"text": "a " * 100_000, "state": "next"}] * 10_000
    read = plan.read(many)
    assert len(read) == plan.MOST
    assert {len(item.text) for item in read} <= set(range(plan.LONGEST - 5, plan.LONGEST + 1))
    assert plan.item("word " + "a" * plan.LONGEST, plan.State.NOW).text == "…"  # half a secret is not shown
    assert len(plan.of(["a"] * 10_000, "b", ["c"] * 10_000)) == plan.MOST
