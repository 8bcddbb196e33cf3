"""Tasks of the same minute are spread, and each is promised to begin within its window."""

from __future__ import annotations

import pytest

from host.config.recurrence import Schedule
from host.mailbox import missed, promise

MINUTE = 60_000
MONDAY = 1_764_547_200_000  # 2025-12-01 00:00 UTC
NINE = Schedule("UTC", "0 9 * * *")


@pytest.mark.parametrize(
    ("cron", "most", "window"),
    [
        ("0 9 * * *", 300_000, 300_000),
        ("0 9 * * *", 0, 0),
        ("0 0 29 2 *", 300_000, 300_000),
        ("*/5 * * * *", 300_000, 60_000),  # a quarter of five minutes, in whole ones
        ("* * * * *", 300_000, 15_000),
        ("0,2 9 * * *", 300_000, 30_000),  # its two nearest count
    ],
)
def test_a_window_is_the_hosts_and_never_more_than_a_quarter_of_the_shortest_interval(
    cron: str, most: int, window: int
) -> None:
    assert promise.window_of(Schedule("Europe/Berlin", cron), most, MONDAY) == window


def test_a_single_time_is_kept() -> None:
    assert promise.window_of(Schedule("UTC", at=MONDAY), 300_000, MONDAY - 1) == 0


def test_200_tasks_are_spread_over_all_but_the_end_of_their_window_each_always_the_same() -> None:
    names = [f"t{number:09x}" for number in range(200)]
    found = [promise.put_off(name, 300_000) for name in names]
    assert found == [promise.put_off(name, 300_000) for name in names]
    assert all(0 <= one < 240_000 for one in found)
    for tenth in range(10):  # none of them is crowded: twenty are to be expected
        assert 5 <= sum(tenth * 24_000 <= one < (tenth + 1) * 24_000 for one in found) <= 40


def test_who_runs_within_the_window_has_missed_nothing_and_who_runs_after_it_says_so() -> None:
    due = NINE.next_after(MONDAY)
    for policy in ("run_once", "run_all", "skip"):
        on_time = missed.decide(NINE, policy, due, due + 4 * MINUTE, 5 * MINUTE)  # the host began at 09:03
        assert (on_time.occurrence, on_time.stands_for) == (due, ())
    late = missed.decide(NINE, "run_once", due, due + 7 * MINUTE, 5 * MINUTE)
    assert late.stands_for
    assert missed.decide(NINE, "skip", due, due + 7 * MINUTE, 5 * MINUTE).occurrence == 0


def test_the_promise_is_said_by_the_clock_of_its_zone_also_where_the_clocks_change() -> None:
    assert promise.between(MONDAY, 300_000, "Asia/Kathmandu") == "between 05:45 and 05:50"
    gap = 1_774_745_880_000  # 2026-03-29 01:58 in Berlin, two minutes before the clocks change
    assert promise.between(gap, 300_000, "Europe/Berlin") == "between 01:58 and 03:03"
    assert promise.clock(MONDAY, "Mars/Olympus") == "00:00 UTC"


@pytest.mark.parametrize(
    ("begun", "window", "said"),
    [
        (299_000, 300_000, ""),
        (300_000, 300_000, ""),
        (300_001, 300_000, "begun 1 minute later than promised"),
        (900_000, 300_000, "begun 10 minutes later than promised"),
        (900_000, 0, ""),  # nothing was promised
    ],
)
def test_a_broken_promise_is_told_in_minutes(begun: int, window: int, said: str) -> None:
    assert promise.later(MONDAY, MONDAY + begun, window) == said
