"""What happens to nodes, wires and the database, by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

What = Literal["kill", "stop", "cut", "silent", "slow", "restart", "drain"]
# Of all of them; the database is one, and whoever serves is hit more often than who stands by.
SHARES: tuple[tuple[What, int], ...] = (
    ("kill", 4),
    ("stop", 4),
    ("cut", 3),
    ("silent", 3),
    ("slow", 1),
    ("restart", 2),
    ("drain", 2),
)
SERVING = 0.75  # of faults hit the node that serves
SHORT, LONG = (
    (0.5, 3.0),
    (10.0, 16.0),
)  # s: within a lease; beyond it, its grace, and the next node's beginning


@dataclass(frozen=True)
class Fault:
    what: What  # to be drained is to end in order
    serving: bool  # whom it hits; one that stands by, if any does, where false
    lasts: float  # s
    which: float  # of those, from 0 to 1


def faults(seed: int, count: int) -> Sequence[Fault]:
    """Of each kind at least one where there are as many."""
    chance = random.Random(seed + 1_000)
    kinds, weights = zip(*SHARES, strict=True)
    chosen: list[What] = list(kinds[:count])
    chosen += chance.choices(kinds, weights, k=count - len(chosen))
    chance.shuffle(chosen)
    return [
        Fault(what, chance.random() < SERVING, chance.uniform(*chance.choice((SHORT, LONG))), chance.random())
        for what in chosen
    ]
