"""Runs of several nodes, each from its seed."""

from __future__ import annotations

from tests.simulation import run as running
from tests.simulation.nodes import laws
from tests.simulation.nodes.world import Nodes, owner
from tests.simulation.outcome import Outcome
from tests.simulation.run import Kind, Mutant

SEVERAL = Kind(Nodes, owner, laws.check)


def run(seed: int, mutant: Mutant | None = None) -> Outcome:
    """The same seed gives the same run."""
    outcome = running.run(seed, mutant, SEVERAL)
    outcome.several = True
    return outcome
