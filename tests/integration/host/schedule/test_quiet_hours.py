"""Quiet hours on a real host: what a schedule says waits for their end, once, and nobody who asks waits with it."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from host.cli import tasks_seen
from host.controls import plainly, why
from host.ports.controls import TaskOrder
from host.ports.events import Viewer
from host.registry.db import open_host_db
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.awaiting import reacted, waiting
from tests.support.hosting import config, now_ms, serving
from tests.support.reading import rows
from tests.support.tasking import BERLIN, ask, call, posts, soon, task_id

HOUR = 3_600_000  # ms


class Night:
    """It began an hour ago and lasts for eight more; `ahead` is how far the host's clock is ahead of the runners'."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=8)
        self.hours = f"{now - timedelta(hours=1):%H:%M}-{self.end:%H:%M}"
        self.ahead = 0

    def now(self) -> int:
        return now_ms() + self.ahead


def tickets(bot: MemoryBot) -> list[str]:
    return [text for text in posts(bot, "C1") if "the ticket" in text]


async def test_a_scheduled_post_waits_for_the_morning_and_an_answer_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Night()
    settings = config(tmp_path, quiet_hours={"everywhere": night.hours}, host={"sweep_every": 0.2})
    here = {"privacy": "dm"}
    async with serving(settings, now=night.now) as (host, bot):
        assert (
            await ask(bot, "d", "hello", **here) == "hello"
        )  # its runner is up, whatever this machine has to do
        wish = {"title": "Report", "prompt": "@@sleep 5\nthe report", "at": soon(4), "zone": "UTC"}
        id_ = task_id(await ask(bot, "d", call("schedule_task", **wish), **here))
        database = open_host_db(tmp_path / "host.db")

        def entries() -> list[tuple[Any, ...]]:
            sql = "SELECT in_reply_to, state, error, next_attempt_at FROM delivered WHERE error LIKE 'quiet%'"
            return [one for path in tmp_path.glob("sessions/*/inbound/inbound.db") for one in rows(path, sql)]

        async def held(count: int) -> None:
            async with asyncio.timeout(60):
                while len(entries()) < count:  # noqa: ASYNC110 - a runner in another process is at it
                    await asyncio.sleep(0.05)

        await held(1)
        [(run, state, reason, at)] = entries()
        assert (state, reason) == (
            "pending",
            f"quiet hours until {night.end:%A} {night.end.day} {night.end:%B %Y, %H:%M} UTC",
        )
        assert at == night.end.timestamp() * 1000
        assert {shown.status for shown in bot.shown} <= {
            "sending a message",
            "scheduling a task",
        }  # nor is anybody shown that it works

        host.house.deliveries.bot_online("memory")  # a connection that comes back is no morning
        assert await ask(bot, "d", "are you there?", **here) == "are you there?"
        assert "the report" not in posts(bot, "d")

        seen = io.StringIO()
        monkeypatch.setattr(tasks_seen, "_out", Console(file=seen, width=300))
        tasks_seen.show(settings, id_, as_json=False)
        assert f"pending: {reason}" in seen.getvalue()
        [found] = why.find(database, tmp_path, str(run))
        story = why.story(database, tmp_path, found)
        assert reason in plainly.outcome(story)

        # What a reaction begins is no answer to anybody, and waits as well; ordered by hand it is one.
        watch = await waiting(host, bot, reaction="ticket", prompt="the ticket", zone="UTC")
        await bot.ingested(reacted("🎫"))
        await held(2)
        assert {(state, at) for _, state, _, at in entries()} == {("pending", night.end.timestamp() * 1000)}
        home = Viewer(BERLIN, Address("memory", "w", "C1"), "public")
        await host.controls.order(home, watch, TaskOrder.RUN)
        await bot.until(lambda: len(tickets(bot)) == 1)
        assert "reacted with" not in tickets(bot)[0]

        # A run that somebody orders by hand is for them, now.
        await ask(
            bot,
            "d",
            call("schedule_task", **{**wish, "title": "Late", "prompt": "by hand", "at": "2030-01-01"}),
            **here,
        )
        late = task_id(bot.said("d")[-1])
        await ask(bot, "d", call("run_task_now", task_id=late), **here)
        await bot.until(lambda: "by hand" in posts(bot, "d"))
        database.close()

    night.ahead = 6 * HOUR
    async with serving(settings, bot, FakeLauncher(), night.now) as (host, bot):  # it is still night
        await host.house.sweep.round()
        assert "the report" not in posts(bot, "d")
    night.ahead = 9 * HOUR
    async with serving(settings, bot, FakeLauncher(), night.now) as (host, bot):
        await bot.until(lambda: "the report" in posts(bot, "d") and len(tickets(bot)) == 2)
        await host.house.sweep.round()
    assert posts(bot, "d").count("the report") == 1
    assert [("reacted with" in text) for text in tickets(bot)] == [False, True]
