"""A conversation that has no money left, from the model's request to the owner's yes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from host.app import Host
from host.ports.events import Author, Ingested, Viewer
from sessiondb import Address
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving

HALF_PAST = 1_795_901_400_000  # ms UTC, in the middle of an hour


async def test_one_line_says_what_is_used_up_and_an_owners_yes_lets_it_go_on(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script("At last.")
    agent = {"provider": "claude", "options": {"retries": 1}, "budget_usd_per_day": 0.01}
    settings = config(
        tmp_path,
        agents={"default": agent},
        model={"base_url": api.base_url},
        access={"owners": ["memory:U9"]},
    )
    async with serving(settings) as (host, bot):
        await bot.say("c", "Hello")
        await bot.until(lambda: any(delivery.decision for delivery in bot.sent) and bool(bot.said("c")))
        [refused] = bot.said("c")
        assert "the budget of agent default for today ($0.01) does not allow another request" in refused
        assert "an owner has been asked for more" in refused
        assert api.requests == []
        [decision] = [delivery.decision for delivery in bot.sent if delivery.decision]
        owner = Viewer(Author("U9", "Olga"), Address("memory", "w", ""), "dm")
        await host.controls.decide(owner, decision.request, "allow")
        await bot.until(lambda: len(bot.said("c")) == 2)
        await bot.say("c", "Hello again")
        await bot.until(lambda: len(bot.said("c")) == 3)
    assert bot.said("c")[2] == "At last."


async def test_a_person_hears_of_a_spent_budget_once_an_hour_however_often_they_ask(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    clock = [HALF_PAST]
    agent = {"provider": "claude", "options": {"retries": 1}, "budget_usd_per_day": 0.01}
    settings = config(tmp_path, agents={"default": agent}, model={"base_url": api.base_url})
    for life in range(2):
        async with serving(settings, now=lambda: clock[-1]) as (host, bot):
            for number in range(3):
                said = await bot.say("c", "Hello", natural_id=f"{life}-{number}")
                assert await settled(host, said) == "failed"
            if life == 0:
                [told] = bot.said("c")
                assert told.startswith("⚠️ I cannot go on: the budget of agent default for today ($0.01)")
                elsewhere = await bot.say("d", "Hello")
                assert await settled(host, elsewhere) == "failed"
                assert bot.said("d") == []
                bob = await bot.say("e", "Hello", author=Author("U2", "Bob"))
                assert await settled(host, bob) == "failed"
                await heard(bot, "e")
            else:  # a restart is no new hour
                assert bot.said("c") == []
                clock.append(HALF_PAST + 3_600_000)
                said = await bot.say("c", "Hello")
                assert await settled(host, said) == "failed"
                await heard(bot, "c")
    assert api.requests == []


async def heard(bot: MemoryBot, channel: str) -> None:
    await bot.until(lambda: len(bot.said(channel)) == 1)


async def settled(host: Host, said: Ingested) -> str:
    async with asyncio.timeout(TIMEOUT):
        return await host.settled(said.message_id)
