"""What sessions write is read as fast as it is written, but for those who write without an end: they share a part."""

from __future__ import annotations

import asyncio

import pytest

from host.delivery import pace
from host.delivery.pace import Pace
from host.mailbox.outbound import Accepted, Refused
from sessiondb import content
from sessiondb.records import Kind, MessageOut


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def after(seconds: float, clock: Clock, of: Pace, session: str) -> float:
    clock.now += seconds
    return of.wait(session)


@pytest.mark.parametrize("work", [0, 1, 100_000, pace.AT_ONCE])
def test_a_session_that_talks_is_never_waited_with(work: int) -> None:
    of = Pace(Clock())
    of.read("a", work)
    assert of.wait("a") == 0.0
    assert of.wait("never read") == 0.0


def test_what_is_beyond_a_page_is_read_at_the_pace_of_all() -> None:
    clock = Clock()
    of = Pace(clock)
    of.read("a", pace.AT_ONCE + 2 * pace.OF_ALL)
    assert of.wait("a") == pytest.approx(2.0)
    assert after(1.5, clock, of, "a") == pytest.approx(0.5)
    assert after(0.5, clock, of, "a") == pytest.approx(0.0)


def test_those_who_write_without_an_end_share_and_whoever_talks_beside_them_does_not() -> None:
    clock = Clock()
    of = Pace(clock)
    for number in range(10):
        of.read(f"hostile-{number}", pace.AT_ONCE + pace.OF_ALL // 10)
    of.read("honest", 50_000)
    assert of.wait("honest") == 0.0
    assert [of.wait(f"hostile-{number}") for number in range(10)] == [pytest.approx(1.0)] * 10


def test_all_of_them_together_are_read_no_faster_than_one() -> None:
    clock = Clock()
    of = Pace(clock)
    read = 0
    while clock.now < 160.0:
        for number in range(10):
            if not of.wait(f"s{number}"):
                of.read(f"s{number}", 1_000_000)
                read += 1_000_000
        clock.now += 0.05
    assert read <= 10 * (pace.AT_ONCE + 1_000_000) + 60 * pace.OF_ALL


def test_nobody_is_waited_with_for_longer_than_a_moment_nor_remembered_for_ever() -> None:
    clock = Clock()
    of = Pace(clock)
    of.read("a", 10**12)
    assert of.wait("a") == pace.LONGEST
    for number in range(2 * pace.MOST_KNOWN):
        of.read(f"s{number}", 1)
    assert of.wait("a") == 0.0


def test_a_clock_that_stands_still_costs_nobody_anything() -> None:
    of = Pace(Clock())
    for _ in range(100):
        of.read("a", 10)
    assert of.wait("a") == 0.0


def test_rows_that_cost_their_session_nothing_weigh_more_than_they_have_bytes() -> None:
    said = Accepted(MessageOut(1, "a", "m", "", Kind.CHAT, 0, 0, "{}"), content.Text("hello"))
    acts = Accepted(MessageOut(3, "b", "m", "", Kind.SYSTEM, 0, 0, "{}"), content.Action("evil", {}))
    refused = Refused(5, "c", "no JSON")
    assert pace.weight(100, [said]) == 100
    assert pace.weight(100, [said, acts, refused]) == 100 + 2 * pace.A_ROW


async def test_its_turn_comes_at_once_where_nothing_is_owed() -> None:
    of = Pace(asyncio.get_running_loop().time)
    async with asyncio.timeout(5):
        await of.turn("a")


async def test_a_host_that_stops_reads_on_for_a_moment_and_waits_with_nobody() -> None:
    clock = Clock()
    of = Pace(clock)
    of.read("a", 10**12)
    of.end(10.0)
    async with asyncio.timeout(3):
        await of.turn("a")
    assert [of.over, after(10.0, clock, of, "a") > 0 and of.over] == [False, True]


async def test_what_takes_long_is_given_up_where_the_host_stops_and_not_before() -> None:
    ended = asyncio.Event()

    async def endless() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    async def short() -> str:
        return "here"

    of = Pace(asyncio.get_running_loop().time)
    async with asyncio.timeout(5):
        assert await of.in_time(short()) == "here"
        waiting = asyncio.create_task(of.in_time(endless()))
        await asyncio.sleep(0)
        of.end(0.01)
        assert await waiting is None
        await ended.wait()


async def test_a_wait_under_way_ends_when_the_host_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LONGEST", 10_000.0)
    of = Pace(Clock())
    of.read("a", 10**12)
    async with asyncio.timeout(5):
        waiting = asyncio.create_task(of.turn("a"))
        await asyncio.sleep(0)
        of.end(10.0)
        await waiting


def test_a_visit_as_usual_costs_nobody_anything_and_a_long_one_what_it_took() -> None:
    assert pace.of_a_visit(pace.USUAL) == 0
    assert pace.of_a_visit(1.0 + pace.USUAL) == pytest.approx(pace.A_SECOND)


def test_nothing_is_over_while_the_host_serves() -> None:
    assert not Pace(Clock()).over
