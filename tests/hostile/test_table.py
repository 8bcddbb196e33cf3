"""The red team's table: what got through is never read as held."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.support.redteam import STANDING, TAKEN_AWAY, Seat, attack
from tests.support.table import Attacks


def noted(*outcomes: tuple[str, str]) -> Attacks:
    attacks = Attacks()
    for case, outcome in outcomes:
        attacks.note(f"tests/hostile/test_x.py::test_a_wall_holds{case}", Seat.CONTAINER, 8, outcome)
    return attacks


@pytest.mark.parametrize(
    ("outcomes", "passed", "said"),
    [
        ([("", "passed")], True, "held"),
        ([("", "failed")], False, "GOT THROUGH"),
        ([("[fifo]", "passed"), ("[folder]", "failed")], False, "GOT THROUGH"),
        ([("[fifo]", "failed"), ("[folder]", "passed")], False, "GOT THROUGH"),
        ([(f"[{STANDING}]", "passed"), (f"[{TAKEN_AWAY}]", "passed")], True, "gets through"),
        ([(f"[{TAKEN_AWAY}]", "passed"), (f"[{STANDING}]", "failed")], False, "GOT THROUGH"),
        ([(f"[{STANDING}]", "passed"), (f"[{TAKEN_AWAY}]", "failed")], False, "NOT SHOWN"),
        ([(f"[fifo-{STANDING}]", "passed"), (f"[fifo-{TAKEN_AWAY}]", "failed")], False, "NOT SHOWN"),
        ([(f"[{TAKEN_AWAY}-a]", "failed"), (f"[{TAKEN_AWAY}-b]", "passed")], False, "NOT SHOWN"),
        ([("", "skipped")], True, "not tried"),
    ],
)
def test_one_form_that_got_through_is_the_attacks_verdict(
    outcomes: list[tuple[str, str]], passed: bool, said: str
) -> None:
    attacks, shown = noted(*outcomes), io.StringIO()
    attacks.print(Console(file=shown, width=200))

    assert attacks.passed is passed
    assert said in shown.getvalue()
    assert "a wall holds" in shown.getvalue()
    assert "8 the container is hostile" in shown.getvalue()


@pytest.mark.parametrize(
    "case", ["[::1]", "http://[fe80::1%eth0]/", "]", "[", "a::b[c]::d", "test_other[x]", "two\nlines", "-"]
)
def test_an_attack_has_its_sentence_however_its_forms_are_called(case: str) -> None:
    attacks = noted((f"[{case}]", "passed"), (f"[plain-{case}]", "passed"), ("[plain]", "failed"))

    [one] = attacks.tried.values()
    assert (one.name, one.forms, one.verdict) == ("a wall holds", 3, "GOT THROUGH")


@pytest.mark.parametrize("case", ["[::1]-{}", "{}-[::1]", "a]b-{}"])
def test_a_form_in_brackets_is_shown_to_get_through_like_any(case: str) -> None:
    shown = noted((f"[{case.format(STANDING)}]", "passed"), (f"[{case.format(TAKEN_AWAY)}]", "failed"))

    [one] = shown.tried.values()
    assert (one.name, one.without) == ("a wall holds", "NOT SHOWN")


def test_a_table_without_an_attack_is_no_success() -> None:
    assert not Attacks().passed


def test_an_attack_names_a_law_that_there_is() -> None:
    with pytest.raises(AssertionError):
        attack(Seat.CONTAINER, 99)
