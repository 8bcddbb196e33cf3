"""`python -m tests.simulation --seeds N --first K`: N runs; ends with 1 when a law was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.simulation.outcome import Outcome
from tests.simulation.pool import outcomes
from tests.simulation.run import run


def _of_several() -> Callable[[int], Outcome]:
    from tests.simulation.nodes.run import run as run_several

    return run_several


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--briefly", action="store_true", help="of a violated seed only what it violated")
    parser.add_argument("--several", action="store_true", help="of several nodes on one database")
    arguments = parser.parse_args()
    begun = time.monotonic()
    failed: list[int] = []
    counted: Counter[str] = Counter()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    for outcome in outcomes(_of_several() if arguments.several else run, seeds, arguments.workers):
        counted += outcome.counted
        if outcome.violations:
            failed.append(outcome.seed)
            told = f"seed {outcome.seed}: {outcome.violations}" if arguments.briefly else outcome.report()
            print(told, flush=True)
    for what, number in sorted(counted.items()):
        print(f"{number:8} {what}")
    if failed:
        failed.sort()
        print(f"violated in seeds {failed}; again: make simulate SEEDS=1 FIRST_SEED={failed[0]}")
    print(f"simulated {len(seeds)} seeds in {time.monotonic() - begun:.0f} s, {len(failed)} with a violation")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
