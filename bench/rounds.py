"""Rounds: each figure of each build by turns, in a process of its own, so that a machine that changes its mind does so to all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figure import Figure, together

# Every module has `measure(scratch) -> list[Figure]`: one round, whose own parts stand by turns too.
MODULES = (
    "round_trip",
    "history",
    "delivery",
    "ingest",
    "flooded",
    "backing_up",
    "closed_loop",
    "kept",
    "drain",
    "hostile",
    "writing",
    "foreign",
    "idle",
    "warm",
    "starts",
    "reindex",
    "schedule",
    "page",
    "million",
    "nodes",
    "database",
)
ONCE = (
    "idle",
    "warm",
    "starts",
    "reindex",
    "schedule",
    "page",
    "million",
    "nodes",
    "database",
)  # they have rounds of their own, or fill ten thousand sessions first
LONGEST = 900  # s of one round of one module


class NotMeasured(Exception):
    """A module did not come to its end. The text is its last line."""


@dataclass
class Build:
    """A tree that is measured, by its name in the table."""

    name: str
    root: Path
    python: Path
    rounds: list[list[Figure]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # by module: why

    @property
    def figures(self) -> list[Figure]:
        return together(self.rounds)


def run(builds: Sequence[Build], modules: Sequence[str], rounds: int, say: Callable[[str], None]) -> None:
    """Fills the builds. One that cannot measure something says so, and the others go on."""
    for number in range(rounds):
        for module in modules:
            if number and module in ONCE:
                continue
            for build in builds:
                if module in build.failed:
                    continue
                say(f"round {number + 1} of {rounds}: {module}, {build.name}")
                try:
                    build.rounds.append(_round(build, module))
                except NotMeasured as error:
                    build.failed[module] = str(error)
                    say(f"{module}, {build.name}: not measured: {error}")


def _round(build: Build, module: str) -> list[Figure]:
    call = [str(build.python), "-m", "bench.rounds", module]
    try:
        ended = subprocess.run(call, cwd=build.root, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"not over after {LONGEST} s") from None
    if ended.returncode:
        raise NotMeasured((ended.stderr.strip().splitlines() or ["no word"])[-1])
    return [Figure.decode(found) for found in json.loads(ended.stdout.splitlines()[-1])]


@contextmanager
def of_commit(commit: str, root: Path, scratch: Path) -> Iterator[Build]:
    """Another commit's tree, measured by this one's bench with this one's libraries."""
    tree = scratch / "base"
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(tree), commit], check=True)
    try:
        subprocess.run(["rm", "-rf", str(tree / "bench")], check=True)
        subprocess.run(["cp", "-r", str(root / "bench"), str(tree / "bench")], check=True)
        yield Build(commit, tree, _environment(tree))
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


def _environment(tree: Path) -> Path:
    """Runners are processes that import by their environment: this one has the other tree before our libraries."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tree / ".venv")], check=True)
    [packages] = (tree / ".venv" / "lib").glob("python3*/site-packages")
    [ours] = [path for path in sys.path if path.endswith("site-packages")][:1]
    (packages / "base.pth").write_text(f"{tree}\n{ours}\n")
    return tree / ".venv" / "bin" / "python"


def main() -> None:
    """One round of one module, for `_round`."""
    import importlib
    import tempfile

    with tempfile.TemporaryDirectory(prefix="db-") as scratch:
        figures = importlib.import_module(f"bench.{sys.argv[1]}").measure(Path(scratch))
    print(json.dumps([figure.encode() for figure in figures]))


if __name__ == "__main__":
    main()
