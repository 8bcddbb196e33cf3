"""A long turn is shown by one message, which is gone once the answer stands (law 6)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from host.config import Config
from host.delivery import policy as delivery
from host.live import policy
from host.ports.bot import Live as LiveView
from host.ports.bot import Offline, Receipt, Unknown
from host.registry.db import open_registry
from host.upkeep.pruning import DAY
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, now_ms, serving


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "OPEN_AFTER", 0.05)
    monkeypatch.setattr(delivery, "GRACE", 50)


class GatedBot(MemoryBot):
    """Answers land when the test lets them; every look at the platform is noted at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.gates["c"] = asyncio.Event()
        self.live_as_answer_landed: list[int] = []
        self.on_send = lambda _: self.live_as_answer_landed.append(len(self.live))


async def test_a_long_turn_is_shown_until_its_answer_stands(tmp_path: Path) -> None:
    async with serving(config(tmp_path), GatedBot()) as (_, bot):
        await bot.say("c", "@@stream 0.3\none two three four five six")
        await bot.until(lambda: "updated" in bot.live_log)
        (shown,) = bot.live.values()
        assert shown.asked_by == "U1"
        assert shown.text.startswith("one")
        bot.gates["c"].set()
        await bot.until(lambda: not bot.live)
        assert bot.said("c") == ["one two three four five six"]
        assert bot.live_log[0] == "opened"
        assert bot.live_log.count("opened") == bot.live_log.count("removed") == 1
        assert isinstance(bot, GatedBot)
        assert bot.live_as_answer_landed == [1]


async def test_of_a_turn_that_says_nothing_more_it_is_shown_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "SIGN_EVERY", 0.2)
    async with serving(config(tmp_path), GatedBot()) as (_, bot):
        await bot.say("c", "@@sleep 600\nnever said")
        await bot.until(lambda: [shown.minutes for shown in bot.live.values()] == [3])
        assert bot.live_log.count("updated") >= 2


async def test_a_new_attempt_takes_over_what_the_last_one_showed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.delivery.attempts.RETRY_BACKOFF", 10)
    async with serving(config(tmp_path)) as (_, bot):
        await bot.say("c", "@@sleep 2\n@@crash\n@@sleep 1\ndone")
        await bot.until(lambda: bool(bot.said("c")) and not bot.live)
        assert bot.live_log.count("opened") == 1


class LosesTheAnswer(MemoryBot):
    """The first live message lands, and nobody hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False

    async def open_live(self, live: LiveView) -> Receipt:
        receipt = await super().open_live(live)
        if not self.lost:
            self.lost = True
            raise Unknown("connection reset")
        return receipt


async def test_one_whose_opening_nobody_heard_of_is_found_and_not_opened_again(tmp_path: Path) -> None:
    async with serving(config(tmp_path), LosesTheAnswer()) as (_, bot):
        await bot.say("c", "@@stream 0.4\none two three four five")
        await bot.until(lambda: bool(bot.said("c")) and not bot.live)
        assert bot.live_log.count("opened") == 1


async def test_a_host_that_stops_leaves_nothing_that_says_it_works(tmp_path: Path) -> None:
    bot = MemoryBot()
    settings = config(tmp_path, runner={"stop_grace": 0.1})
    async with serving(settings, bot):
        await bot.say("c", "@@sleep 3600")
        await bot.until(lambda: bool(bot.live))
    assert not bot.live


class Unreachable(MemoryBot):
    offline = True

    async def remove_live(self, live: LiveView, platform_message_id: str) -> None:
        if self.offline:
            raise Offline("no connection")
        await super().remove_live(live, platform_message_id)


async def left(monkeypatch: pytest.MonkeyPatch, settings: Config, *said: str) -> Unreachable:
    """A platform on which a host that has stopped has left a live message: nobody could take it down."""
    monkeypatch.setattr("host.live.service.CLOSE_WITHIN", 0.1)
    bot = Unreachable()
    async with serving(settings, bot):
        await bot.say("c", said[0])
        await bot.until(lambda: bool(bot.live))
        for more in said[1:]:
            await bot.say("c", more)
    assert bot.live
    return bot


async def test_what_could_not_be_taken_down_is_found_though_its_records_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """inbound.db is what knew of it: host.db has a copy, until it is gone, whatever is pruned meanwhile."""
    settings = config(tmp_path, runner={"stop_grace": 0.1})
    bot = await left(monkeypatch, settings, "@@sleep 3600", "!stop")
    async with serving(settings, bot, now=lambda: now_ms() + 100 * DAY) as (host, _):
        await host.house.upkeep.pruner.round()  # what still shows a turn is not over, however old
    [lost] = (tmp_path / "sessions").glob("*/inbound/inbound.db")
    lost.unlink()
    bot.offline = False
    async with serving(settings, bot):
        await bot.until(lambda: not bot.live)
    registry = open_registry(tmp_path)
    assert registry.execute("SELECT count(*) FROM live_copies").fetchall() == [(0,)]
    registry.close()


async def test_what_could_not_be_taken_down_is_taken_over_by_the_next_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await left(monkeypatch, config(tmp_path, runner={"stop_grace": 0.1}), "@@sleep 2\nanswer")
    bot.offline = False
    async with serving(config(tmp_path), bot):
        await bot.until(lambda: bool(bot.said("c")) and not bot.live)
    assert bot.live_log.count("opened") == 1


class IsBehind(LosesTheAnswer):
    """Its history shows nothing yet of what has landed."""

    def __init__(self) -> None:
        super().__init__()
        self.behind = True
        self.looks = 0

    async def find_live(self, live: LiveView) -> Receipt | None:
        self.looks += 1
        if self.behind:
            delivery.GRACE = 60_000  # the host stops before it looks again
        found = await super().find_live(live)
        return None if self.behind else found


async def test_a_host_that_stops_leaves_to_the_next_what_a_look_does_not_find_yet(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path, runner={"stop_grace": 0.1})
    bot = IsBehind()
    bot.capabilities = replace(bot.capabilities, flight=0.0)
    async with serving(settings, bot):
        await bot.say("c", "@@sleep 2\nanswer")
        await bot.until(lambda: bot.looks == 1)
    assert len(bot.live) == 1
    bot.behind = False
    delivery.GRACE = 50
    async with serving(settings, bot):
        await bot.until(lambda: bool(bot.said("c")) and not bot.live)
    assert bot.live_log.count("opened") == 1
