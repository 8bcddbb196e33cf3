"""`make bench`: every figure from one run, as a ratio to its floor."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import delivery, drain, hostile, round_trip, schedule
from bench.figure import Figure


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dovecote-bench-") as scratch:
        scratched = Path(scratch)
        figures = [round_trip.measure(scratched), drain.measure(scratched), *delivery.measure(scratched)]
    with tempfile.TemporaryDirectory(prefix="dovecote-bench-") as scratch:
        idle, took, woken, figure = asyncio.run(schedule.measure(Path(scratch)))
    with tempfile.TemporaryDirectory(prefix="db-") as scratch:
        beside, grown = hostile.measure(Path(scratch))
    Console().print(_table([*figures, figure, beside]))
    print(*schedule.in_words(idle, took, woken), sep="\n")
    print(f"under attack the host grew by {grown:.0f} MiB, beside its two readers")


def _table(figures: list[Figure]) -> Table:
    table = Table(title="Dovecote bench", caption="ratio = median ÷ median of the floor, both of this run")
    for heading in ("figure", "median", "p99", "floor", "floor median", "ratio", "aim"):
        table.add_column(heading, justify="left" if heading in ("figure", "floor") else "right")
    for figure in figures:
        table.add_row(
            figure.measured.name,
            f"{figure.measured.median * 1000:.2f} ms",
            f"{figure.measured.p99 * 1000:.2f} ms",
            figure.floor.name,
            f"{figure.floor.median * 1000:.2f} ms",
            f"{figure.ratio:.2f} ×",
            f"{figure.aim:.3g} ×",
        )
    return table


if __name__ == "__main__":
    main()
