"""What was tried and what held, from the reports of the tests: pure, but for the printing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pytest
from rich.console import Console
from rich.table import Table as RichTable

from tests.support.redteam import LAWS, STANDING, TAKEN_AWAY


@dataclass
class Tried:
    """One attack, over all the forms in which it was tried."""

    seat: str
    law: int
    name: str
    forms: int = 0
    held: bool = True
    skipped: bool = False
    shown: bool | None = None  # that it gets through without its wall; None where no wall can be taken away

    @property
    def verdict(self) -> str:
        if not self.held:
            return "GOT THROUGH"
        return "not tried" if self.skipped else "held"

    @property
    def without(self) -> str:
        return {None: "", True: "gets through", False: "NOT SHOWN"}[self.shown]

    @property
    def passed(self) -> bool:
        return self.held and self.shown is not False


@dataclass
class Attacks:
    """A plugin of pytest: collects what the reports of attacks say."""

    tried: dict[str, Tried] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if "attack" in told and (report.when == "call" or not report.passed):
            law, _, seat = str(told["attack"]).partition(" ")
            for nodeid in shown_by(report.nodeid, str(told.get("twin", ""))):
                self.note(nodeid, seat, int(law), report.outcome)

    def note(self, nodeid: str, seat: str, law: int, outcome: str) -> None:
        path, name, case = parts_of(nodeid)
        one = self.tried.setdefault(f"{path}::{name}", Tried(seat, law, in_words(name)))
        one.forms += 1
        one.skipped = one.skipped or outcome == "skipped"
        if TAKEN_AWAY in case.split("-"):
            if outcome != "skipped":
                one.shown = one.shown is not False and outcome == "passed"
        else:
            one.held = one.held and outcome != "failed"
            if STANDING in case.split("-") and one.shown is None:
                one.shown = True  # until the same without its wall says otherwise

    @property
    def passed(self) -> bool:
        return bool(self.tried) and all(one.passed for one in self.tried.values())

    def print(self, console: Console) -> None:
        console.print(_drawn(self.tried.values()))
        forms = sum(one.forms for one in self.tried.values())
        shown = sum(one.shown is True for one in self.tried.values())
        idle = sum(one.skipped for one in self.tried.values())
        console.print(
            f"{len(self.tried)} attacks in {forms} forms; {shown} are shown to get through without their wall"
            + (f"; {idle} not tried: they need a container engine" if idle else "")
        )
        for one in self.tried.values():
            if not one.passed:
                what = "got through" if not one.held else "was not shown to get through without its wall"
                console.print(f"[bold red]{one.name} {what}[/]", highlight=False)


def parts_of(nodeid: str) -> tuple[str, str, str]:
    """File, test and form. A form is anything that a parameter is called: an address in brackets, with colons."""
    test, _, rest = nodeid.partition("[")
    path, _, name = test.rpartition("::")
    return path, name, rest.rpartition("]")[0]


def shown_by(nodeid: str, attacks: str) -> list[str]:
    """Itself, or the attacks whose twin it is: to each it is the form without the wall."""
    path = PurePosixPath(parts_of(nodeid)[0])
    named = [
        (attack.rpartition("::")[0] or path.stem, attack.rpartition("::")[2]) for attack in attacks.split()
    ]
    return [f"{path.with_stem(module)}::{attack}[{TAKEN_AWAY}]" for module, attack in named] or [nodeid]


def in_words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _drawn(tried: Iterable[Tried]) -> RichTable:
    table = RichTable(title="Attacks")
    for heading in ("from", "tried", "held", "without its wall", "guards"):
        table.add_column(heading, overflow="fold")
    for one in sorted(tried, key=lambda one: (one.seat, one.law, one.name)):
        what = one.name if one.forms == 1 or one.shown is not None else f"{one.name} ({one.forms} forms)"
        table.add_row(one.seat, what, one.verdict, one.without, f"{one.law} {LAWS[one.law]}")
    return table
