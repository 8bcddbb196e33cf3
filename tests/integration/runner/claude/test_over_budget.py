"""A conversation that has no money left, from the model's request to the owner's yes."""

from __future__ import annotations

from pathlib import Path

from host.ports.events import Author, Viewer
from sessiondb import Address
from tests.fakes.model_api import FakeModelAPI
from tests.support.hosting import config, serving


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
        assert "the budget of agent 'default' for today ($0.01) does not allow another request" in refused
        assert "an owner has been asked for more" in refused
        assert api.requests == []
        [decision] = [delivery.decision for delivery in bot.sent if delivery.decision]
        owner = Viewer(Author("U9", "Olga"), Address("memory", "w", ""), "dm")
        await host.controls.decide(owner, decision.request, "allow")
        await bot.until(lambda: len(bot.said("c")) == 2)
        await bot.say("c", "Hello again")
        await bot.until(lambda: len(bot.said("c")) == 3)
    assert bot.said("c")[2] == "At last."
