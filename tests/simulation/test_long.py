"""A run that takes nights may be stopped at any time, and says of what it is the result."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tests.simulation import long
from tests.simulation.long import BLOCK, Block
from tests.simulation.outcome import Outcome


def test_what_is_over_is_not_run_again_and_what_is_left_comes_in_blocks() -> None:
    blocks = [Block(1, BLOCK, "a", 1.0), Block(2 * BLOCK + 1, 10, "a", 1.0)]
    assert list(long.left(1, 3 * BLOCK, blocks)) == [
        range(BLOCK + 1, 2 * BLOCK + 1),
        range(2 * BLOCK + 11, 3 * BLOCK + 1),
    ]
    assert list(long.left(1, 30, blocks)) == []


def test_a_last_block_is_as_long_as_there_are_seeds() -> None:
    assert list(long.left(5, BLOCK + 3, [])) == [range(5, BLOCK + 5), range(BLOCK + 5, BLOCK + 8)]


def test_a_line_that_was_cut_off_is_no_block_and_spoils_none(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert long.recorded(state) == []
    whole = Block(1, 250, "abc", 2.5, {"7": ["said twice"]})
    text = json.dumps(asdict(whole))
    state.write_text(f"{text}\n{text[:20]}\n{text}\n")
    assert long.recorded(state) == [whole, whole]


def test_the_report_names_each_commit_its_seeds_and_what_was_violated() -> None:
    blocks = [
        Block(1, 250, "abc", 3600.0),
        Block(251, 250, "abc", 1800.0, {"300": ["lost"], "260": ["twice"]}),
        Block(501, 100, "def", 0.0),
    ]
    assert long.report(1, 1000, blocks, "2026-11-28").splitlines() == [
        "2026-11-28: 600 of 1000 seeds from 1 on, in 1.5 h, 2 with a violation",
        "commit abc: 500 seeds, 1 to 500",
        "commit def: 100 seeds, 501 to 600",
        "seed 260: ['twice']",
        "seed 300: ['lost']",
    ]


def broken_at_two(seed: int) -> Outcome:
    outcome = Outcome(seed)
    if seed == 2:
        outcome.violations.append("it is two")
    return outcome


def test_a_run_that_is_called_again_goes_on_where_it_was_and_remembers_what_it_found(tmp_path: Path) -> None:
    """The work is one that costs nothing; it is done by the workers that the real one has."""
    state, told = tmp_path / "nights" / "state", tmp_path / "report"
    where = ["--state", str(state), "--report", str(told), "--workers", "1"]
    assert long.main(["--seeds", "1", *where], broken_at_two) == 0
    assert long.main(["--seeds", "3", *where], broken_at_two) == 1
    assert [(block.first, block.seeds) for block in long.recorded(state)] == [(1, 1), (2, 2)]
    assert "3 of 3 seeds" in told.read_text()
    assert "it is two" in told.read_text()
    written = state.read_text()
    assert long.main(["--seeds", "3", *where], broken_at_two) == 1, (
        "a violation of an earlier night is one still"
    )
    assert state.read_text() == written
