"""A row that asks to be said later is said then: its intent is written when it is due, not when it is read."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from host.delivery.policy import LONGEST_HOLD, held_until
from host.runners.launch.fake import FakeLauncher
from sessiondb import Kind, MessageOut, content
from sessiondb.connection import open_reader
from tests.support.attacked import neighbour_is_served, two_sessions
from tests.support.attacks import Target, answer, database, insert
from tests.support.hosting import config, serving

HOUR = 3_600_000  # ms


def _now() -> int:
    return time.time_ns() // 1_000_000


def _say(target: Target, seq: int, text: str, due: int) -> None:
    with database(target) as connection:
        body = content.encode(content.Text(text))
        insert(connection, target, seq, f"row-{seq}", deliver_after=due, content=body)


def _states(target: Target) -> dict[str, str]:
    connection = open_reader(target.folder.inbound_db)
    try:
        rows = connection.execute("SELECT message_out_id, state FROM delivered").fetchall()
        return {str(id_): str(state) for id_, state in rows}
    finally:
        connection.close()


async def test_a_row_that_is_held_back_has_no_intent_before_its_time(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        _say(target, 9_001, "in an hour", _now() + HOUR)
        answer(target, "behind it", seq=9_003)
        await neighbour_is_served(bot, target)
        await host.house.sweep.round()
        assert bot.said("bad") == []
        assert _states(target) == {"row-9001": "pending", "honest-9003": "pending"}


async def test_a_row_that_was_held_back_is_said_at_its_time_and_in_its_order(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        due = _now() + 1_500
        _say(target, 9_001, "soon", due)
        answer(target, "behind it", seq=9_003)
        await bot.until(lambda: bot.said("bad") == ["soon", "behind it"])
        assert _now() >= due


def test_a_row_is_held_back_no_longer_than_it_asked_for_by_a_clock_that_was_set_since() -> None:
    written = 1_700_000_000_000
    row = MessageOut(1, "o", "m", "", Kind.CHAT, written, written + HOUR, "{}")
    assert held_until(row, written + 5) == written + HOUR
    assert held_until(row, written + 2 * HOUR) == written + HOUR
    assert held_until(row, written - 24 * HOUR) == written - 23 * HOUR
    assert held_until(replace(row, deliver_after=0), written) == 0
    assert held_until(replace(row, created_at=0), written) == written + HOUR
    assert held_until(replace(row, deliver_after=2**62), written) == written + LONGEST_HOLD


async def test_a_time_that_is_past_holds_nothing_back(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        _say(target, 9_001, "at once", 1)
        await bot.until(lambda: bot.said("bad") == ["at once"])
