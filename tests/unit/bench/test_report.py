"""What the page says of a run comes from its results, and is not written by hand."""

from __future__ import annotations

import json
from pathlib import Path

from bench import report
from bench.figure import Figure, Timings

ROOT = Path(__file__).resolve().parents[3]
TRIP = Figure(Timings("a trip", [3.0]), Timings("its commits", [2.0]), aim=1.35)
RATE = Figure(Timings("starts", [9.0], "/s"), Timings("peak", [10.0], "/s"), aim=0.8, at_least=True)
SLOW = Figure(Timings("slow starts", [7.0], "/s"), Timings("peak", [10.0], "/s"), aim=0.8, at_least=True)


def test_the_page_in_the_tree_says_what_the_results_in_the_tree_say() -> None:
    results = json.loads((ROOT / "bench" / "results.json").read_text("utf-8"))
    assert report.table(results) in (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_what_missed_its_aim_comes_first_and_an_aim_says_on_which_side_it_holds() -> None:
    lines = report.table([one.result() for one in (RATE, TRIP, SLOW)]).splitlines()[2:]
    assert lines == [
        "| a trip | 1.5 | ≤ 1.35 | **missed** |",
        "| slow starts | 0.7 | ≥ 0.8 | **missed** |",
        "| starts | 0.9 | ≥ 0.8 | holds |",
    ]


def test_a_run_takes_the_place_of_the_one_before_and_of_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{report.BEGIN}an older run\n{report.END}\nAfter\n", "utf-8")
    for one in (TRIP, RATE):
        report.write([one.result()], page)
    assert page.read_text("utf-8") == (
        f"# Before\n\n{report.BEGIN}{report.table([RATE.result()])}{report.END}\nAfter\n"
    )
