"""What both platforms share: pacing, live states, typed commands, and bots that talk to each other."""

from __future__ import annotations

import asyncio

import pytest

from bots.common.latest import Latest
from bots.common.pacing import LONGEST_WAIT, Pace
from host.ports.bot import Unsent


class Clock:
    at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_a_burst_goes_out_at_once_and_the_rest_at_the_channels_pace() -> None:
    pace = Pace(1.0, 3, now=Clock())
    assert [pace.reserve("C1") for _ in range(5)] == [0, 0, 0, 1, 2]
    assert pace.reserve("C2") == 0


def test_a_pause_fills_the_bucket_again() -> None:
    clock = Clock()
    pace = Pace(1.0, 2, now=clock)
    for _ in range(4):
        pace.reserve("C1")
    clock.at += 60
    assert [pace.reserve("C1") for _ in range(3)] == [0, 0, 1]


def test_what_would_wait_too_long_goes_back_and_takes_no_place() -> None:
    clock = Clock()
    pace = Pace(1.0, 1, now=clock)
    pace.hold("C1", LONGEST_WAIT + 1)
    with pytest.raises(Unsent) as refused:
        pace.reserve("C1")
    assert refused.value.retry_after == LONGEST_WAIT + 1
    clock.at += LONGEST_WAIT + 1
    assert pace.reserve("C1") == 0


async def test_of_a_state_that_changes_faster_than_it_is_shown_only_the_newest_is_shown() -> None:
    shown: list[str] = []
    first, go_on, second = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def show(state: str) -> None:
        shown.append(state)
        (second if first.is_set() else first).set()
        await go_on.wait()

    latest = Latest(show, 0.0)
    latest.offer("a", "1")
    async with asyncio.timeout(10):
        await first.wait()
        latest.offer("a", "2")
        latest.offer("a", "3")
        go_on.set()
        await second.wait()
        await latest.end("a")
    assert shown == ["1", "3"]


async def test_a_state_that_is_refused_is_dropped_and_the_next_one_shown() -> None:
    shown: list[str] = []
    done = asyncio.Event()

    async def show(state: str) -> None:
        if state == "1":
            latest.offer("a", "2")
            raise Unsent("too many")
        shown.append(state)
        done.set()

    latest = Latest(show, 0.0)
    latest.offer("a", "1")
    async with asyncio.timeout(10):
        await done.wait()
        await latest.close()
    assert shown == ["2"]


async def test_a_platform_that_asks_to_wait_is_asked_again_later_and_for_the_newest_only() -> None:
    asked: list[str] = []
    refused = asyncio.Event()

    async def show(state: str) -> None:
        asked.append(state)
        refused.set()
        raise Unsent("too many", 3_600.0)

    latest = Latest(show, 0.0)
    latest.offer("a", "1")
    async with asyncio.timeout(10):
        await refused.wait()
        latest.offer("a", "2")
        await asyncio.sleep(0)
        await latest.close()
    assert asked == ["1"]
