"""Orders from another process: carried out by the host that runs, whatever is wrong with one of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from host.app import Host
from host.registry import orders
from host.registry.sessions import session_id
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address
from tests.support.hosting import config, now_ms, serving
from tests.support.waiting import eventually


async def outcome(host: Host, number: int) -> str:
    return await host.house.records.db.read(lambda connection: orders.outcome(connection, number))


async def test_an_order_to_stop_ends_the_runner_and_says_whether_there_was_one(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 1000}), launcher=launcher) as (host, bot):
        await bot.say("c", "work")
        await eventually(lambda: bool(launcher.started))
        id_ = session_id("default", Address("memory", "w", "c"))
        stop = orders.give(tmp_path / "host.db", "stop", id_, now_ms())
        nobody = orders.give(tmp_path / "host.db", "stop", "s-unknown", now_ms())
        await host.house.sweep.round()
        assert await outcome(host, stop) == "stopped"
        assert await outcome(host, nobody) == "no runner was running"
        assert launcher.started[0].ended.done()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"order": "dance", "task": "t1"}',
        '{"order": "add", "task": "t1"}',
        '{"order": "pause", "task": "t000000000"}',
        json.dumps({"order": "add", "task": {"agent": "default", "to": ["memory", "w"], "wish": {}}}),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_and_holds_up_none_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    caplog.set_level(logging.WARNING)
    async with serving(config(tmp_path, host={"sweep_every": 1000})) as (host, _):
        odd = orders.give(tmp_path / "host.db", "task", "", now_ms(), body)
        behind = orders.give(tmp_path / "host.db", "stop", "s-unknown", now_ms())
        await host.house.sweep.round()
        assert (await outcome(host, odd)).startswith("refused: ")
        assert await outcome(host, behind) == "no runner was running"
    assert "order_refused" in {getattr(record, "action", "") for record in caplog.records}


async def test_an_order_is_carried_out_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path, host={"sweep_every": 1000})) as (host, _):
        wish = {"title": "T", "prompt": "p", "cron": "0 9 * * *"}
        task = {"agent": "default", "to": ["memory", "w", "c", ""], "wish": wish}
        body = json.dumps({"order": "add", "task": task})
        number = orders.give(tmp_path / "host.db", "task", "", now_ms(), body)
        for _ in range(2):
            await host.house.sweep.round()
        assert "Scheduled" in await outcome(host, number)
        due = await host.house.records.db.read(lambda c: c.execute("SELECT count(*) FROM due").fetchall())
        assert due == [(1,)]
