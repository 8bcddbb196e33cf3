"""`make bench`: every figure from one run, as a ratio to its floor; BASE=<commit> measures that build beside this one."""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench import plots, report, rounds, table
from bench.rounds import Build

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
PICTURES = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "performance.md"


def main() -> None:
    asked = _asked()
    console = Console()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dovecote-bench-")))
        builds = [Build("this build", ROOT, ROOT / ".venv" / "bin" / "python")]
        if asked.base:
            builds.append(stack.enter_context(rounds.of_commit(asked.base, ROOT, scratch)))
        rounds.run(builds, asked.only or rounds.MODULES, asked.rounds, lambda line: console.log(line))
    console.print(table.of(builds))
    for line in table.not_measured(builds):
        console.print(line)
    if not asked.only:
        results = [figure.result() for figure in builds[0].figures]
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
        plots.draw(builds, PICTURES)
        report.write(results, PAGE)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--base", default="", help="a commit to measure beside this build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=rounds.MODULES, help="measured, and nothing written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
