"""`python -m tests.chaos`: the last line says what came of it; ends with 1 where anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.nodes import back_within
from tests.chaos.run import Outcome, Run, Size
from tests.support import checkout
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
        "--keep", action="store_true", help="the nodes' folders and tables, for whoever looks for a cause"
    )
    parser.add_argument("--record", type=Path, help="a file that gets a line of each seed")
    asked = parser.parse_args()
    commit = checkout.commit()  # of the code that is loaded now; what is checked out later is not run
    size = Size(asked.nodes, asked.messages, asked.sessions, asked.faults, asked.workspaces == "share")
    outcomes = []
    for seed in range(asked.first, asked.first + asked.seeds):
        outcomes.append(_one(seed, size, keep=asked.keep))
        if asked.record is not None:
            with asked.record.open("a") as record:
                record.write(_recorded(commit, seed, size, outcomes[-1]))
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
            if keep:
                (folder / "tables.sql").write_text(database.dump())
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


def _recorded(commit: str, seed: int, size: Size, outcome: Outcome) -> str:
    late = outcome.delays[0][0] if outcome.delays else 0.0
    load = os.getloadavg()[2]  # of 15 minutes, which is about what a full run takes
    return (
        f"{datetime.now(UTC).date().isoformat()} commit {commit}: seed {seed},"
        f" {'share' if size.share else 'snapshots'}, {size.nodes} nodes, {size.faults} faults:"
        f" {outcome.answers} of {size.messages} answers, {len(outcome.wrong)} wrong, back after {late:.1f} s at most"
        f" (≤ {back_within():.0f}), in {outcome.seconds:.0f} s; load {load:.1f} on {os.cpu_count()} processors\n"
        + "".join(f"  {line}\n" for line in outcome.wrong)
    )


if __name__ == "__main__":
    sys.exit(main())
