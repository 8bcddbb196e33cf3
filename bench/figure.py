"""A figure: how often, how long, against what."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations in seconds."""

    name: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * 0.99))]


@dataclass(frozen=True, slots=True)
class Figure:
    """`measured` as a multiple of `floor`; `aim` is what is worth defending."""

    measured: Timings
    floor: Timings
    aim: float

    @property
    def ratio(self) -> float:
        return self.measured.median / self.floor.median
