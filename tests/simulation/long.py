"""The run that takes nights, in blocks: `python -m tests.simulation.long --seeds 20000 --state FILE --report FILE`.

Each block that is over stands in the state file, with the commit that it was run on; who begins again goes on with the next.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.outcome import Outcome
from tests.simulation.pool import outcomes
from tests.simulation.run import run
from tests.support import checkout

BLOCK = 250  # seeds


@dataclass(frozen=True)
class Block:
    """Seeds from `first`, all on one commit. `violated` says of a seed what it violated."""

    first: int
    seeds: int
    commit: str
    seconds: float
    violated: dict[str, list[str]] = field(default_factory=dict)


def recorded(state: Path) -> list[Block]:
    """What is over. The last line is left out where whoever wrote it was killed in the middle of it."""
    blocks = []
    for line in state.read_text().splitlines() if state.exists() else ():
        try:
            blocks.append(Block(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return blocks


def left(first: int, seeds: int, blocks: Iterable[Block]) -> Iterator[range]:
    """The seeds that nobody has run yet, a block at a time."""
    done = {seed for block in blocks for seed in range(block.first, block.first + block.seeds)}
    for start in range(first, first + seeds, BLOCK):
        rest = [seed for seed in range(start, min(start + BLOCK, first + seeds)) if seed not in done]
        if rest:
            yield range(rest[0], rest[-1] + 1)


def report(first: int, seeds: int, blocks: Sequence[Block], today: str) -> str:
    """What came of it, for whoever reads the repository."""
    done = {seed for block in blocks for seed in range(block.first, block.first + block.seeds)}
    done &= set(range(first, first + seeds))
    violated = {seed: what for block in blocks for seed, what in block.violated.items()}
    hours = sum(block.seconds for block in blocks) / 3600
    told = [
        f"{today}: {len(done)} of {seeds} seeds from {first} on, in {hours:.1f} h, {len(violated)} with a violation"
    ]
    for commit in dict.fromkeys(block.commit for block in blocks):
        of_it = [block for block in blocks if block.commit == commit]
        last = max(block.first + block.seeds - 1 for block in of_it)
        told.append(
            f"commit {commit}: {sum(b.seeds for b in of_it)} seeds, {min(b.first for b in of_it)} to {last}"
        )
    told += [f"seed {seed}: {what}" for seed, what in sorted(violated.items(), key=lambda pair: int(pair[0]))]
    return "\n".join(told) + "\n"


def _block(work: Callable[[int], Outcome], seeds: range, commit: str, workers: int) -> Block:
    begun = time.monotonic()
    violated = {
        str(outcome.seed): outcome.violations
        for outcome in outcomes(work, seeds, workers)
        if outcome.violations
    }
    return Block(seeds[0], len(seeds), commit, time.monotonic() - begun, violated)


def main(arguments: Sequence[str] | None = None, work: Callable[[int], Outcome] = run) -> int:
    parser = argparse.ArgumentParser(prog="long")
    parser.add_argument("--seeds", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    asked = parser.parse_args(arguments)
    commit = checkout.commit()  # of the code that is loaded now; what is checked out later is not run
    asked.state.parent.mkdir(parents=True, exist_ok=True)
    for seeds in list(left(asked.first, asked.seeds, recorded(asked.state))):
        block = _block(work, seeds, commit, asked.workers)
        with asked.state.open("a") as state:
            state.write("\n" + json.dumps(asdict(block)) + "\n")
        told = report(asked.first, asked.seeds, recorded(asked.state), datetime.now(UTC).date().isoformat())
        asked.report.write_text(told)
        print(told.splitlines()[0], flush=True)
    return 1 if any(block.violated for block in recorded(asked.state)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
