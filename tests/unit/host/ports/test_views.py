"""What a panel says of a task is the same on every surface: only what joins the parts differs."""

from __future__ import annotations

from dataclasses import replace

from host.ports.controls import TaskView
from sessiondb.records import Address

TASK = TaskView(
    id="t1",
    title="Morning",
    agent="default",
    address=Address("slack", "T1", "C1", ""),
    when="every weekday at 09:00 (Europe/Berlin)",
    next_at=1,
    next_words="tomorrow at 09:00",
    paused=False,
    orders=(),
)


def test_a_task_says_when_it_runs_and_when_next() -> None:
    assert TASK.details == ("every weekday at 09:00 (Europe/Berlin)", "next tomorrow at 09:00")


def test_after_the_next_time_stand_those_that_follow() -> None:
    shown = replace(TASK, then_at=(2, 3), then_words="Tuesday; Wednesday", problem="the model was away")
    assert shown.details[1:3] == ("next tomorrow at 09:00", "then Tuesday; Wednesday")
    assert replace(shown, paused=True).details[1] == "paused"
    assert "then" not in " ".join(replace(shown, paused=True).details)


def test_a_paused_task_names_no_next_time() -> None:
    assert replace(TASK, paused=True).details == (TASK.when, "paused")


def test_a_task_that_has_run_for_the_last_time_has_no_next() -> None:
    assert replace(TASK, next_at=0, next_words="").details == (TASK.when,)


def test_the_problem_of_the_last_run_comes_last() -> None:
    failed = replace(TASK, problem="the model was away")
    assert failed.details[-1] == "last run failed: the model was away"
    assert replace(failed, paused=True).details[1:] == ("paused", "last run failed: the model was away")


def test_a_task_without_words_for_its_times_leaves_no_gap() -> None:
    assert replace(TASK, when="", next_words="").details == ()
