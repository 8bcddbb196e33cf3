"""What the sweep decides, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from host.runners import sweep
from host.runners.sweep import Verdict, View

NOW = 1_700_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
FRESH = View(
    now=NOW,
    started_at=NOW - 2 * HOUR,
    heartbeat_at=NOW - 1_000,
    claims=0,
    activity_at=0,
    tool_deadline=0,
    busy_at=NOW,
)
WORKING = replace(FRESH, claims=1, activity_at=NOW - 1_000)


@pytest.mark.parametrize(
    ("view", "verdict"),
    [
        pytest.param(FRESH, Verdict.KEEP, id="idle and beating"),
        pytest.param(WORKING, Verdict.KEEP, id="working and beating"),
        pytest.param(
            replace(FRESH, started_at=NOW, heartbeat_at=0), Verdict.KEEP, id="just started, no beat yet"
        ),
        pytest.param(
            replace(FRESH, started_at=NOW - 59_000, heartbeat_at=0),
            Verdict.KEEP,
            id="slow start within patience",
        ),
        pytest.param(
            replace(FRESH, started_at=NOW - 61_000, heartbeat_at=0),
            Verdict.STOP_HUNG,
            id="never showed any life",
        ),
        pytest.param(replace(FRESH, heartbeat_at=NOW - 61_000), Verdict.STOP_HUNG, id="heartbeat stopped"),
        pytest.param(
            replace(WORKING, heartbeat_at=NOW - 61_000), Verdict.STOP_HUNG, id="paused in the middle of work"
        ),
        pytest.param(
            replace(FRESH, heartbeat_at=NOW + 1_000), Verdict.KEEP, id="heartbeat of a clock slightly ahead"
        ),
        pytest.param(
            replace(FRESH, heartbeat_at=NOW + HOUR), Verdict.STOP_HUNG, id="heartbeat forged into the future"
        ),
        pytest.param(
            replace(FRESH, started_at=NOW + HOUR, heartbeat_at=NOW + HOUR),
            Verdict.KEEP,
            id="the clock jumped back an hour under a healthy runner",
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 9 * MINUTE), Verdict.KEEP, id="a slow model is not a stuck one"
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 11 * MINUTE), Verdict.STOP_STUCK, id="a claim without activity"
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 30 * MINUTE, tool_deadline=NOW + MINUTE),
            Verdict.KEEP,
            id="a long tool within its declared deadline",
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 30 * MINUTE, tool_deadline=NOW - 20_000),
            Verdict.KEEP,
            id="a tool within the grace of its deadline",
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 30 * MINUTE, tool_deadline=NOW - MINUTE),
            Verdict.STOP_STUCK,
            id="a tool past its deadline",
        ),
        pytest.param(
            replace(WORKING, activity_at=NOW - 2 * HOUR, tool_deadline=2**62),
            Verdict.STOP_STUCK,
            id="a deadline nobody can believe",
        ),
        pytest.param(
            replace(WORKING, activity_at=2**62), Verdict.STOP_STUCK, id="activity forged into the future"
        ),
        pytest.param(
            replace(WORKING, started_at=NOW - 5 * MINUTE, activity_at=0),
            Verdict.KEEP,
            id="claimed right at the start",
        ),
        pytest.param(
            replace(FRESH, idle_exit=5 * MINUTE, busy_at=NOW - 5 * MINUTE),
            Verdict.KEEP,
            id="about to end by itself",
        ),
        pytest.param(
            replace(FRESH, idle_exit=5 * MINUTE, busy_at=NOW - 7 * MINUTE),
            Verdict.STOP_IDLE,
            id="idle for longer than it may",
        ),
        pytest.param(
            replace(WORKING, idle_exit=5 * MINUTE, busy_at=NOW - 7 * MINUTE),
            Verdict.KEEP,
            id="busy is not idle",
        ),
    ],
)
def test_the_verdict_on_a_runner(view: View, verdict: Verdict) -> None:
    assert sweep.decide(view) is verdict


def test_starts_that_die_are_spaced_out_up_to_five_minutes() -> None:
    pauses = [sweep.start_pause(failures) for failures in range(12)]
    assert pauses[:4] == [0, 2_000, 4_000, 8_000]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300_000
    assert sweep.start_pause(10_000) == 300_000


@pytest.mark.parametrize(
    ("since", "verdict"), [(0, False), (NOW - 9_000, False), (NOW - 11_000, True), (NOW + HOUR, False)]
)
def test_a_reader_that_keeps_the_host_out_is_given_ten_seconds(since: int, verdict: bool) -> None:
    assert sweep.blocks(since, NOW) is verdict
