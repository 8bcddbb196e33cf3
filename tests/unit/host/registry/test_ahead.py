"""By what time nodes that share a database go, whatever their own clocks say."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.registry import ahead, elsewhere
from host.registry.port import Registry
from runner.settings import Settings, SettingsError
from tests.support.hosting import ended, now_ms
from tests.support.postgres import Server

HOUR = 3_600_000  # ms


@pytest.fixture
async def shared(tmp_path: Path, disk: ThreadDisk, postgres: Server) -> AsyncIterator[Registry]:
    made = await elsewhere.opened(tmp_path, postgres.database(), disk, ended)
    yield made
    await made.close()


def off_by(ms: int) -> Callable[[], int]:
    return lambda: now_ms() + ms


async def test_a_machine_that_is_alone_goes_by_its_own_clock(tmp_path: Path, disk: ThreadDisk) -> None:
    alone = await elsewhere.opened(tmp_path, "", disk, ended)
    assert alone.ahead == 0
    assert await ahead.measured(alone, off_by(HOUR)) == 0
    await alone.close()


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
    assert Settings.from_environment(told).ahead == 0
    assert Settings.from_environment({**told, "DOVECOTE_AHEAD": "-3600000"}).ahead == -HOUR
    with pytest.raises(SettingsError):
        Settings.from_environment({**told, "DOVECOTE_AHEAD": "an hour"})
