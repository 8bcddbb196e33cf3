"""`python -m tests.chaos`: the last line says what came of it; ends with 1 where anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.nodes import back_within
from tests.chaos.run import Outcome, Run, Size
from tests.support.postgres import server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--workspaces", choices=("share", "snapshots"), default="share")
    parser.add_argument(
        "--keep", action="store_true", help="the nodes' folders, for whoever looks for a cause"
    )
    asked = parser.parse_args()
    size = Size(asked.nodes, asked.messages, asked.sessions, asked.faults, asked.workspaces == "share")
    outcomes = [_one(seed, size, keep=asked.keep) for seed in range(asked.first, asked.first + asked.seeds)]
    answers = sum(one.answers for one in outcomes)
    wrong = sum(len(one.wrong) for one in outcomes)
    latest = max(one.delays[0][0] for one in outcomes if one.delays)
    print(
        f"{answers} of {size.messages * len(outcomes)} answers over {size.nodes} nodes ({asked.workspaces}),"
        f" {size.faults * len(outcomes)} faults, {wrong} wrong,"
        f" back after {latest:.1f} s at most (≤ {back_within():.0f})"
    )
    return int(wrong > 0 or latest > back_within())


def _one(seed: int, size: Size, *, keep: bool) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="dovecote-chaos-", dir="/tmp"))
    try:
        with server() as database:
            outcome = asyncio.run(Run(folder, database, seed, size).outcome())
    finally:
        if keep:
            print(f"seed {seed}: its folders are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"seed {seed}: {outcome.answers} answers in {outcome.seconds:.0f} s, {len(outcome.wrong)} wrong")
    for line in [*outcome.wrong, *(f"{late:.1f} s to {what}" for late, what in outcome.delays[:5])]:
        print(f"  {line}")
    if outcome.wrong or keep:
        print("\n".join(f"  {line}" for line in outcome.faults))
    return outcome


if __name__ == "__main__":
    sys.exit(main())
