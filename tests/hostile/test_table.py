"""The red team's table: what got through is never read as held."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tests.support.redteam import STANDING, TAKEN_AWAY, Seat, attack
from tests.support.table import Attacks, shown_by


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
        ([(f"[{STANDING}]", "skipped"), (f"[{TAKEN_AWAY}]", "skipped")], True, "not tried"),
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


def test_what_a_twin_shows_counts_for_each_attack_that_it_names() -> None:
    attacks = noted(("", "passed"))
    for nodeid in shown_by(
        "tests/hostile/test_x.py::test_it_gets_through[a]", "test_a_wall_holds test_y::test_other"
    ):
        attacks.note(nodeid, Seat.CONTAINER, 8, "passed")

    assert {name: (one.verdict, one.without) for name, one in attacks.tried.items()} == {
        "tests/hostile/test_x.py::test_a_wall_holds": ("held", "gets through"),
        "tests/hostile/test_y.py::test_other": ("held", "gets through"),
    }


# Attacks that cannot be shown to get through without their wall, and why.
NO_TWIN: dict[str, str] = {}  # there is none at present


def marks(module: ModuleType, test: object) -> list[pytest.Mark]:
    of_module = getattr(module, "pytestmark", [])
    decorators = of_module if isinstance(of_module, list) else [of_module]
    return [*(decorator.mark for decorator in decorators), *getattr(test, "pytestmark", [])]


def attacks_of(module: ModuleType) -> tuple[set[str], set[str]]:
    """Its attacks, and those (`module::test`) that are shown to get through without their wall."""
    here = module.__name__.rpartition(".")[2]
    attacks, shown = set(), set()
    for name, test in vars(module).items():
        found = marks(module, test) if name.startswith("test_") else []
        kinds = {mark.name for mark in found}
        if "attack" not in kinds or "honest" in kinds:
            continue
        twins = [of for mark in found if mark.name == "twin" for of in mark.kwargs["of"]]
        shown |= {of if "::" in of else f"{here}::{of}" for of in twins}
        if not twins:
            attacks.add(f"{here}::{name}")
        ids = [mark.kwargs.get("ids") for mark in found if mark.name == "parametrize"]
        if any(isinstance(named, list) and TAKEN_AWAY in named for named in ids):
            shown.add(f"{here}::{name}")
    return attacks, shown


def test_each_attack_is_shown_to_get_through_without_its_wall() -> None:
    attacks: set[str] = set()
    shown: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        found = attacks_of(importlib.import_module(f"tests.hostile.{path.stem}"))
        attacks, shown = attacks | found[0], shown | found[1]

    assert len(attacks) >= 100
    assert attacks - shown == set(NO_TWIN)
    assert shown <= attacks, "what a twin names is there"
    assert all(len(reason) > 40 for reason in NO_TWIN.values())
