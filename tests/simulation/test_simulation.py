"""Nothing lost, nothing twice, whatever goes wrong; and each law, once broken, is missed."""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice

import pytest

from tests.simulation.catch import MOST, WANTED, catching, recorded
from tests.simulation.mutants import MUTANTS
from tests.simulation.nodes import SEEDS as SEVERAL
from tests.simulation.nodes import THERE
from tests.simulation.patches import Patch
from tests.simulation.run import run
from tests.simulation.world import World
from tests.support.tracing import untraced

SEEDS = 12  # of the 500 that `.ci/run` simulates
PROVEN = {name: seeds for name, seeds in recorded().items() if THERE or name in MUTANTS}


@pytest.mark.parametrize("first", range(1, SEEDS + 1, 6))
def test_every_law_holds_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + 6):
        outcome = run(seed)
        assert not outcome.violations, outcome.report()


def disks_fill_and_fail(world: World) -> list[Patch]:
    world.faults.kinds = ["full", "errors", "errors", "host", "weather"]
    return []


def test_every_law_holds_on_a_disk_that_fills_and_fails() -> None:
    """In 5 and 9 the registry's disk failed within a job, which took its savepoint along."""
    for seed in range(1, 13):
        outcome = run(seed, disks_fill_and_fail)
        assert not outcome.violations, outcome.report()


def test_every_law_holds_where_files_are_lost_or_damaged() -> None:
    """In 102 a runner met an emptied inbound.db as a bug of its own; in 126 the loss of one answer was told for each of its
    parts; in 54 and 78 tasks went with a file, and in 110 both files of two sessions; in 1190 a part that waited behind another
    was said, and once more when its row had been read again into the new file."""
    counted: Counter[str] = Counter()
    for seed in (6, 54, 78, 102, 110, 126, 1190):
        outcome = run(seed)
        counted += outcome.counted
        assert not outcome.violations, outcome.report()
    assert counted["inbound.db ruined and told"] > 1
    assert counted["outbound.db ruined and told"] > 1


def test_what_is_told_once_a_day_is_told_again_where_the_clock_was_set_to_another_day() -> None:
    """In 2476 the engine is away on two days, for the clock is set back by one between them."""
    outcome = run(2476)
    assert not outcome.violations, outcome.report()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PROVEN)
def test_a_broken_law_is_noticed_as_that_law(name: str) -> None:
    """By a seed that finds nothing without it, which of the first ones is said above: one of those that did so last time, or
    else another; by as many as are recorded where MUTANTS=all. What a mutant asks of SQLite nobody has to look at."""
    wanted = len(PROVEN[name]) if os.environ.get("MUTANTS") == "all" else 1
    with untraced():
        seeds = SEVERAL if MUTANTS[name].several else SEEDS
        found = list(islice(catching(name, PROVEN[name], range(1, seeds + 1)), wanted))
    assert len(found) == wanted, f"“{MUTANTS[name].law}” is missed in {found} alone"


def test_every_mutant_is_noticed_by_three_seeds_as_the_law_that_it_breaks() -> None:
    assert {name: len(seeds) for name, seeds in PROVEN.items()} == dict.fromkeys(MUTANTS, WANTED)
    assert all(seed < MOST for seeds in PROVEN.values() for seed in seeds)


def test_the_same_seed_gives_the_same_run() -> None:
    assert run(11).trace == run(11).trace


def an_engine_that_takes_long(world: World) -> list[Patch]:
    world.engine.takes = 6.0
    return []


def test_nobody_waits_longer_than_a_slow_engine_takes_for_its_start() -> None:
    """In 33 the host had listened so rarely, by the time the runner was there, that its answer was heard seconds later."""
    for seed in (33, 36):
        outcome = run(seed, an_engine_that_takes_long)
        assert not outcome.violations, outcome.report()
