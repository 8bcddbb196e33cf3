"""Which seeds notice which mutant. `python -m tests.simulation.catch [NAME…]` looks anew and records them in caught.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Container, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from tests.simulation import holes, spoiled
from tests.simulation.mutants import MUTANTS, Make
from tests.simulation.nodes import THERE
from tests.simulation.outcome import Outcome
from tests.simulation.pool import outcomes
from tests.simulation.run import run

for module in (holes, spoiled):
    assert module, "its mutants register themselves"
if THERE:
    importlib.import_module("tests.simulation.nodes.mutants")

RECORD = Path(__file__).with_name("caught.json")
WANTED = 3  # seeds that notice a mutant
MOST = 300  # all of them below this one
LONGEST = 3600.0  # s for one mutant


@cache
def clean(seed: int, conditions_of: str = "", *, several: bool = False) -> bool:
    """Whether nothing is broken without a mutant, under the same conditions."""
    made = MUTANTS[conditions_of].unharmed if conditions_of else None
    return not _run(seed, made, several=several).violations


def _run(seed: int, make: Make | None, *, several: bool) -> Outcome:
    if several:
        from tests.simulation.nodes.run import run as run_several

        return run_several(seed, make)
    return run(seed, make)


def notices(name: str, seed: int, held: Container[int] = ()) -> Outcome | None:
    """The outcome, if the seed notices the mutant by the law that it breaks and is clean without it, as those of `held` are
    known to be."""
    mutant = MUTANTS[name]
    outcome = _run(seed, mutant.make, several=mutant.several)
    if mutant.law not in outcome.laws:
        return None
    under = name if mutant.conditions is not None else ""
    return outcome if (not under and seed in held) or clean(seed, under, several=mutant.several) else None


def catching(name: str, first: Iterable[int] = (), held: Container[int] = ()) -> Iterator[int]:
    """Seeds that notice it: those that did so last time, then all others. Those of `held` are known to be clean without it."""
    recorded = list(first)
    others = (seed for seed in range(1, MOST) if seed not in recorded)
    yield from (seed for seeds in (recorded, others) for seed in seeds if notices(name, seed, held))


def recorded() -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(RECORD.read_text())
    return found


def look(number: int) -> Outcome:
    """For the pool: the mutant of this number, as an outcome that names the seeds."""
    name = list(MUTANTS)[number]
    known = recorded().get(name, ()) if RECORD.exists() else ()
    found = list(islice(catching(name, known), WANTED))
    return Outcome(number, trace=[str(seed) for seed in found])


def main() -> None:
    parser = argparse.ArgumentParser(prog="catch")
    parser.add_argument("names", nargs="*", default=list(MUTANTS))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    numbers = [list(MUTANTS).index(name) for name in arguments.names]
    for outcome in outcomes(look, numbers, arguments.workers, limit=LONGEST):
        name = list(MUTANTS)[outcome.seed]
        print(f"{name}: {outcome.trace} by “{MUTANTS[name].law}” {outcome.violations}", flush=True)
        found = [int(seed) for seed in outcome.trace if seed.isdigit()]  # else it says where it was ended
        if not found:
            continue
        caught = {**(recorded() if RECORD.exists() else {}), name: found}
        lines = ",\n".join(f'  "{key}": {value}' for key, value in sorted(caught.items()))
        RECORD.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
