"""By what time nodes that share a database go, whatever their own clocks say."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.registry import ahead, elsewhere
from host.registry.ahead import OneClock
from host.registry.port import Registry
from runner import __main__ as runner_main
from runner.settings import Settings, SettingsError
from tests.support.hosting import ended, now_ms
from tests.support.postgres import Server

HOUR = 3_600_000  # ms
NEAR = ahead.STEP  # ms that a measured time may be off, and a slow test takes


@pytest.fixture
async def shared(tmp_path: Path, disk: ThreadDisk, postgres: Server) -> AsyncIterator[Registry]:
    made = await elsewhere.opened(tmp_path, postgres.database(), disk, ended)
    yield made
    await made.close()


def off_by(ms: int) -> Callable[[], int]:
    return lambda: now_ms() + ms


async def test_a_machine_that_is_alone_goes_by_its_own_clock(tmp_path: Path, disk: ThreadDisk) -> None:
    alone = await elsewhere.opened(tmp_path, "", disk, ended)
    assert await ahead.measured(alone, off_by(HOUR)) == 0
    set_to = [0]
    clock = OneClock(lambda: now_ms() + set_to[0])
    await clock.begin(alone)
    set_to[0] = HOUR  # somebody sets it
    assert abs(clock() - now_ms() - HOUR) < NEAR
    assert alone.ahead is None
    await alone.close()


async def test_a_clock_that_is_set_right_or_wrong_while_its_node_serves_moves_its_time_by_nothing(
    shared: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runners go by the same."""
    set_to = [3 * HOUR]
    clock = OneClock(lambda: now_ms() + set_to[0])
    await clock.begin(shared)
    assert shared.ahead is not None
    for now in (3 * HOUR, 0, -5 * HOUR):
        set_to[0] = now
        assert abs(clock() - now_ms()) < NEAR
        assert shared.ahead() == -now
    monkeypatch.setattr(ahead, "EVERY", 0.01)
    clock._base -= HOUR  # as a machine's that was asleep
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await clock.keep(shared)
    assert abs(clock() - now_ms()) < NEAR


def test_a_runner_that_is_told_a_time_goes_on_from_there_by_a_clock_that_nobody_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = now_ms()
    clock = runner_main._clock(HOUR)
    monkeypatch.setattr(runner_main, "now_ms", lambda: 0)  # somebody sets the machine's
    assert abs(clock() - began - HOUR) < NEAR
    assert runner_main._clock(None)() == 0


@pytest.mark.parametrize(
    ("off", "measured"),
    [
        (0, 0),
        (1_500, 0),
        (-1_500, 0),
        (HOUR, -HOUR),
        (-HOUR, HOUR),
        (24 * HOUR + 10_000, -24 * HOUR - 10_000),
    ],
)
async def test_a_clock_that_is_off_is_set_right_in_whole_steps_and_one_that_is_not_is_let_be(
    shared: Registry, off: int, measured: int
) -> None:
    assert await ahead.measured(shared, off_by(off)) == measured


@pytest.mark.parametrize(
    ("off", "told"), [(HOUR, "3600 s ahead of the database's"), (-HOUR, "3600 s behind the database's")]
)
async def test_a_node_whose_clock_is_off_says_so_with_what_to_do(
    shared: Registry, caplog: pytest.LogCaptureFixture, off: int, told: str
) -> None:
    with caplog.at_level(logging.WARNING):
        await ahead.measured(shared, off_by(off))
    [record] = [one for one in caplog.records if one.name == ahead.__name__]
    assert told in record.getMessage()
    assert "set it (NTP)" in record.getMessage()


def test_a_runner_is_told_the_difference_and_has_none_where_it_is_not(tmp_path: Path) -> None:
    told = {"DOVECOTE_SESSION_DIR": str(tmp_path), "DOVECOTE_INCARNATION": "i1"}
    told["DOVECOTE_AGENT"] = '{"name": "default", "provider": "mock"}'
    assert Settings.from_environment(told).ahead is None
    assert Settings.from_environment({**told, "DOVECOTE_AHEAD": "-3600000"}).ahead == -HOUR
    with pytest.raises(SettingsError):
        Settings.from_environment({**told, "DOVECOTE_AHEAD": "an hour"})
