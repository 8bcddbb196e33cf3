"""A figure: what was measured, against what, and what is worth defending."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Timings:
    """Measured values of one kind: durations in seconds unless `unit` says otherwise."""

    name: str
    values: Sequence[float]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        return sorted(self.values)[min(len(self.values) - 1, int(len(self.values) * 0.99))]


@dataclass(frozen=True, slots=True)
class Figure:
    """`measured` as a multiple of `floor`, which `aim` bounds from above, or from below for `at_least`."""

    measured: Timings
    floor: Timings
    aim: float
    at_least: bool = False
    of_p99: bool = False  # the slowest of a hundred against those of the floor, instead of the medians

    @property
    def name(self) -> str:
        return self.measured.name

    @property
    def figure(self) -> float:
        return self.measured.p99 if self.of_p99 else self.measured.median

    @property
    def ground(self) -> float:
        return self.floor.p99 if self.of_p99 else self.floor.median

    @property
    def ratio(self) -> float:
        return self.figure / self.ground

    @property
    def holds(self) -> bool:
        return self.ratio >= self.aim if self.at_least else self.ratio <= self.aim

    def result(self) -> dict[str, Any]:
        """As it stands in results.json: `figure` and `floor` in the unit that is measured, `aim` of the ratio."""
        return {
            "name": self.name,
            "figure": self.figure,
            "floor": self.ground,
            "ratio": self.ratio,
            "aim": self.aim,
            "holds": self.holds,
        }

    def encode(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def decode(cls, found: dict[str, Any]) -> Figure:
        return cls(**{**found, "measured": Timings(**found["measured"]), "floor": Timings(**found["floor"])})


def one(unit: str) -> Timings:
    """The floor of a figure that is held against nothing but its own unit."""
    return Timings(f"1 {unit}", [0.001], "s") if unit == "ms" else Timings(f"1 {unit}", [1.0], unit)


def rates(name: str, seconds: Iterable[float]) -> Timings:
    """So many a second."""
    return Timings(name, [1 / each for each in seconds], "/s")


def together(rounds: Iterable[Sequence[Figure]]) -> list[Figure]:
    """One figure of each name, of what all rounds measured."""
    found: dict[str, Figure] = {}
    for figure in (figure for figures in rounds for figure in figures):
        known = found.get(figure.name)
        found[figure.name] = figure if known is None else _joined(known, figure)
    return list(found.values())


def _joined(one: Figure, other: Figure) -> Figure:
    return replace(
        one,
        measured=replace(one.measured, values=[*one.measured.values, *other.measured.values]),
        floor=replace(one.floor, values=[*one.floor.values, *other.floor.values]),
    )
