"""What is to be done about a live message, case by case."""

from __future__ import annotations

import pytest

from host.live.policy import OPEN_AFTER, Fate, Step, View, decide

CASES = [
    ("nothing is under way", View("", Fate.OVER, working=False), Step.DONE),
    ("a turn is young", View("", Fate.OVER, working=True, lasted=OPEN_AFTER / 2), Step.WAIT),
    ("a turn has lasted", View("", Fate.OVER, working=True, lasted=OPEN_AFTER), Step.OPEN),
    (
        "the platform takes none for it",
        View("", Fate.OVER, working=True, lasted=OPEN_AFTER, refused=True),
        Step.WAIT,
    ),
    ("the host stops", View("", Fate.OVER, working=True, lasted=OPEN_AFTER, closing=True), Step.DONE),
    ("nobody knows whether it is there", View("intended", Fate.CLAIMED, working=True), Step.FIND),
    ("nobody knows, and it is over", View("intended", Fate.OVER, working=False), Step.FIND),
    ("its turn goes on", View("shown", Fate.CLAIMED, working=True), Step.WAIT),
    ("another attempt began", View("shown", Fate.ANOTHER_ATTEMPT, working=True), Step.TAKE_OVER),
    ("another attempt comes soon", View("shown", Fate.SOON, working=False), Step.WAIT),
    ("another message is worked on alone", View("shown", Fate.SOON, working=True), Step.TAKE_OVER),
    ("it was postponed", View("shown", Fate.WAITING, working=False), Step.REMOVE),
    ("postponed, and another is worked on", View("shown", Fate.WAITING, working=True), Step.TAKE_OVER),
    ("its answer is on the way", View("shown", Fate.ANSWERING, working=False), Step.WAIT),
    ("its answer is on the way, the next turn runs", View("shown", Fate.ANSWERING, working=True), Step.WAIT),
    ("its answer stands", View("shown", Fate.OVER, working=False), Step.REMOVE),
    ("its answer stands, the next turn runs", View("shown", Fate.OVER, working=True), Step.REMOVE),
    ("the host stops in mid-turn", View("shown", Fate.CLAIMED, working=True, closing=True), Step.REMOVE),
]


@pytest.mark.parametrize(("view", "step"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_case_has_its_step(view: View, step: Step) -> None:
    assert decide(view) is step
