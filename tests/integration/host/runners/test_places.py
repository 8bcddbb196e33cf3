"""More conversations than places: each gets its turn, in order, and is told while it waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from host.live.progress import WAITING
from host.runners.launch.base import RunnerSpec
from host.runners.launch.fake import FakeLauncher, FakeRunner
from host.runners.places import Places
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving
from tests.support.waiting import eventually


async def test_a_place_goes_to_whoever_waits_longest() -> None:
    places = Places(1)
    await places.take("a")
    order: list[str] = []

    async def wait(name: str) -> None:
        await places.take(name)
        order.append(name)
        places.free(name)

    waiting = [asyncio.create_task(wait(name)) for name in ("b", "c", "d")]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(waiting[1], return_exceptions=True)
    places.free("a")
    await asyncio.gather(waiting[0], waiting[2])

    assert order == ["b", "d"]
    assert places.is_free("e")


async def test_scheduled_work_waits_behind_people_and_never_takes_the_last_place() -> None:
    places = Places(2)
    order: list[str] = []

    async def wait(name: str, *, background: bool) -> None:
        await places.take(name, background=background)
        order.append(name)

    tasks = [asyncio.create_task(wait(f"task-{number}", background=True)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == ["task-0"]
    assert places.is_free("person")
    people = [asyncio.create_task(wait(name, background=False)) for name in ("ann", "bob")]
    await asyncio.sleep(0)
    assert order == ["task-0", "ann"]
    places.promote("task-2")  # somebody wrote there
    for name in ("task-0", "ann", "bob", "task-2"):
        places.free(name)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, *people)
    assert order == ["task-0", "ann", "bob", "task-2", "task-1"]


async def test_an_idle_runner_gives_its_place_to_a_conversation_that_waits(tmp_path: Path) -> None:
    runner = {"concurrent": 1, "idle_exit": 3600}
    async with serving(config(tmp_path, runner=runner, host={"sweep_every": 0.2})) as (_, bot):
        for number in range(3):
            await bot.say(f"c{number}", f"message {number}")
        await bot.until(lambda: sum(len(bot.said(f"c{number}")) for number in range(3)) == 3)
        await bot.say("c0", "again")  # the one that had to make room waits like everyone
        await bot.until(lambda: len(bot.said("c0")) == 2)
    assert [bot.said(f"c{number}")[0] for number in range(3)] == [f"message {number}" for number in range(3)]
    # Which of them comes first is theirs to settle; the other two are told.
    assert len({shown.address.platform_id for shown in bot.shown if shown.status == WAITING}) >= 2


async def test_a_host_stops_while_conversations_wait_and_answers_them_in_its_next_life(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path, runner={"concurrent": 1, "stop_grace": 0.5})
    async with serving(settings) as (_, bot):
        await bot.say("busy", "first\n@@sleep 600")
        await bot.until(lambda: any(shown.status != WAITING for shown in bot.shown))
        await bot.say("waits", "second")
        await bot.until(lambda: any(shown.status == WAITING for shown in bot.shown))
    assert bot.sent == []

    async with serving(config(tmp_path), bot):
        await bot.until(lambda: bot.said("waits") == ["second"])


class _SlowLauncher(FakeLauncher):
    """Every start waits until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def start(self, spec: RunnerSpec) -> FakeRunner:
        self.asked.set()
        await self.gate.wait()
        return await super().start(spec)


async def test_a_runner_that_was_being_started_when_the_host_stops_is_stopped_too(tmp_path: Path) -> None:
    launcher = _SlowLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (host, bot):
        await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await launcher.asked.wait()
        host.stop()
        await eventually(lambda: host.house.supervisor._closing)
        launcher.gate.set()
    assert [runner.ended.done() for runner in launcher.started] == [True]
