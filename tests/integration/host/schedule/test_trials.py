"""A task's first run, tried alone: by whom may, once at a time, under the rules and on the purse of where the task works."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.app import Host
from host.gateway import limits
from host.ports.bot import Offline
from host.ports.controls import Forbidden, NotNow, TaskOrder
from host.ports.events import Author, Viewer
from host.registry import sessions, trials
from host.registry.port import Statements
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import serving
from tests.support.tasking import BERLIN, ask, call, in_thread, posts, settings, task_id

BOB = Author("U2", "Bob")
HOME = Address("memory", "w", "C1")


class Reaches(MemoryBot):
    """A platform with direct messages, as long as it answers."""

    away = False

    async def direct(self, place: Address, user: str) -> Address:
        if self.away:
            raise Offline("it is away")
        return Address("memory", "w", f"D{user}")


async def test_a_trial_is_its_askers_alone_one_at_a_time_and_counts_as_no_run(tmp_path: Path) -> None:
    async with serving(settings(tmp_path), Reaches()) as (host, bot):
        assert isinstance(bot, Reaches)
        wish = {"title": "News", "prompt": "@@sleep 600", "cron": "0 9 * * *", "destination": "channel"}
        id_ = task_id(await ask(bot, "C1", call("schedule_task", **wish), **in_thread("C1", "t1")))
        ada, bob = (Viewer(who, HOME, "public") for who in (BERLIN, BOB))
        [before] = await host.controls.tasks(ada)
        with pytest.raises(Forbidden, match="Only whoever asked"):
            await host.controls.order(bob, id_, TaskOrder.TRY)
        bot.away = True
        with pytest.raises(NotNow, match="allow direct messages"):
            await host.controls.order(ada, id_, TaskOrder.TRY)
        bot.away = False
        assert "you alone read it" in await host.controls.order(ada, id_, TaskOrder.TRY)
        with pytest.raises(Forbidden, match="being tried already"):
            await host.controls.order(ada, id_, TaskOrder.TRY)
        [after] = await host.controls.tasks(ada)
        assert after == before  # neither a run nor another time
        await bot.say("DU1", "!stop", address=Address("memory", "w", "DU1"), author=BERLIN)
        assert posts(bot, "C1") == []


async def test_the_answer_of_a_trial_says_what_it_is_and_the_second_press_is_a_second_trial(
    tmp_path: Path,
) -> None:
    async with serving(settings(tmp_path), Reaches()) as (host, bot):
        wish = {"title": "News", "prompt": "the news", "cron": "0 9 * * *"}
        id_ = task_id(await ask(bot, "C1", call("schedule_task", **wish), **in_thread("C1", "t1")))
        ada = Viewer(BERLIN, HOME, "public")
        await host.controls.order(ada, id_, TaskOrder.TRY)
        await bot.until(lambda: len(bot.said("DU1")) == 1)
        await again(host, ada, id_)
        await bot.until(lambda: len(bot.said("DU1")) == 2)
        trial = "🧪 *A trial of “News”: you alone read it, and it counts as no run.*\n\nthe news"
        assert bot.said("DU1") == [trial, trial]

        def judged(connection: Statements) -> tuple[Address, Address | None]:
            place = Address("memory", "w", "DU1", trials.thread(id_))
            spends = limits.place_of(connection, sessions.session_id("default", place))
            return trials.judged_at(connection, place), spends

        rules, purse = await host.house.records.db.read(judged)
        assert (rules[:3], purse) == (HOME[:3], HOME)


async def again(host: Host, viewer: Viewer, id_: str) -> None:
    """What was answered is settled a moment after it is read."""
    async with asyncio.timeout(30):
        while True:
            try:
                await host.controls.order(viewer, id_, TaskOrder.TRY)
            except Forbidden:
                continue
            return


async def test_a_script_that_lets_the_agent_rest_is_told_to_whoever_tries_it(tmp_path: Path) -> None:
    async with serving(settings(tmp_path, options={"tools": ["bash", "schedule_task"]}), Reaches()) as (
        host,
        bot,
    ):
        wish = {"title": "News", "prompt": "p", "cron": "0 9 * * *", "script": "echo '{\"wake\": false}'"}
        said = await ask(bot, "C1", call("schedule_task", **wish), **in_thread("C1", "t1"))
        await host.controls.order(Viewer(BERLIN, HOME, "public"), task_id(said), TaskOrder.TRY)
        await bot.until(lambda: len(bot.said("DU1")) == 1)
        assert "found nothing to do" in bot.said("DU1")[0]
