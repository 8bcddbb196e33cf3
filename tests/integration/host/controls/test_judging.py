"""What people think of answers, on a real host: who may say it, of what, and who sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.ports.bot import Delivery
from host.ports.controls import Forbidden, Judged, Opinions
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import ADA, BOB, OWNER, OWNERS, answered, spend, viewer

MOCK = {"default": {"provider": "mock"}}


async def answer(bot: MemoryBot, channel: str, text: str = "hello") -> Delivery:
    privacy = "dm" if channel.startswith("dm-") else "public"
    await answered(bot, channel, text, author=ADA, privacy=privacy, mentioned=True)
    return [sent for sent in bot.sent if sent.address.platform_id == channel][-1]


async def test_an_answer_is_judged_where_it_stands_and_counted_for_who_may_see_it(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS, agents=MOCK)) as (host, bot):
        open_, closed = await answer(bot, "general"), await answer(bot, "dm-ada")
        assert (open_.judged, closed.judged) == (True, True)
        judge = host.controls.judge
        assert "👍" in await judge(viewer(BOB, "general"), Judged(open_.key, "good", 10))
        assert "👎" in await judge(viewer(ADA, "dm-ada", "dm"), Judged(closed.key, "bad", 10))
        assert "reason" in await judge(viewer(ADA, "dm-ada", "dm"), Judged(closed.key, "bad", 10, "wrong"))

        for elsewhere in (viewer(ADA, "general"), viewer(OWNER, "random"), viewer(BOB, "dm-bob", "dm")):
            with pytest.raises(Forbidden, match="do not know this answer"):
                await judge(elsewhere, Judged(closed.key, "good", 20))
        with pytest.raises(Forbidden, match="do not know this answer"):
            await judge(viewer(ADA, "general"), Judged("deadbeef", "good", 20))

        owner = await host.controls.usage(viewer(OWNER, "general"))
        assert owner.opinions == (Opinions("default", "mock", 1, 1),)
        assert "default (mock): 👍 1 · 👎 1 this month" in owner.text
        bob = await host.controls.usage(viewer(BOB, "general"))
        assert bob.opinions == (Opinions("default", "mock", 1, 0),)
        for text in (owner.text, bob.text):
            assert "wrong" not in text


async def test_a_later_choice_counts_and_who_is_late_is_told(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS, agents=MOCK)) as (host, bot):
        found, bob = await answer(bot, "general"), viewer(BOB, "general")
        await host.controls.judge(bob, Judged(found.key, "bad", 10))
        await host.controls.judge(bob, Judged(found.key, "good", 20))
        told = await host.controls.judge(bob, Judged(found.key, "bad", 10, "I was angry"))
        assert "otherwise since" in told
        assert (await host.controls.usage(bob)).opinions == (Opinions("default", "mock", 1, 0),)


async def test_it_is_the_model_that_was_paid_for_the_answer_and_none_that_came_later(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS, agents=MOCK)) as (host, bot):
        place = Address("memory", "w", "general")
        await answered(bot, "general", "first", author=ADA, privacy="public", mentioned=True)
        await spend(host, place, 100)
        found = await answer(bot, "general")
        await host.house.records.db.write(
            lambda c: c.execute("UPDATE usage SET model = 'opus', made_at = made_at - 1000").fetchall()
        )
        await spend(host, place, 100)
        await host.controls.judge(viewer(BOB, "general"), Judged(found.key, "good", 10))
        owner = await host.controls.usage(viewer(OWNER, "general"))
        assert [(one.model, one.good) for one in owner.opinions] == [("opus", 1)]


async def test_the_end_of_a_turn_alone_is_judged(tmp_path: Path) -> None:
    """What it says on the way, asks, or says of a failure or of an order is no answer."""
    settings = config(tmp_path, access=OWNERS, agents={"default": {}, "quiet": {"feedback": False}})
    async with serving(settings) as (_, bot):
        on_the_way = '@@call send_message {"text": "on my way"}\nthere'
        for text in (on_the_way, "@@fail final", "@@ask Which? | a | b", "!status"):
            await answered(bot, "general", text, author=ADA, privacy="public", mentioned=True)
        await bot.until(lambda: "there" in bot.said("general"))
        judged = [sent.payload["text"] for sent in bot.sent if sent.judged]
        assert judged == ["there"]


async def test_an_answer_is_judged_as_soon_as_people_see_it_before_its_receipt_is_known(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        judged: list[asyncio.Task[str]] = []

        def press(delivery: Delivery) -> None:
            said = host.controls.judge(viewer(ADA, "dm-ada", "dm"), Judged(delivery.key, "good", 10))
            judged.append(asyncio.create_task(said))

        bot.on_send = press
        await answered(bot, "dm-ada", "hello")
        [told] = judged
        assert "👍" in await told


async def test_an_answer_whose_platform_is_slow_to_tell_is_judged_meanwhile(tmp_path: Path) -> None:
    """Longer than anybody waits for a press to be heard."""
    async with serving(config(tmp_path, access=OWNERS, agents=MOCK)) as (host, bot):
        bot.lose_answers = 1
        await bot.say("dm-ada", "hello", author=ADA, privacy="dm")
        await bot.until(lambda: bool(bot.sent))
        [found] = bot.sent
        ada = viewer(ADA, "dm-ada", "dm")
        assert "👍" in await host.controls.judge(ada, Judged(found.key, "good", 10))
        assert "reason" in await host.controls.judge(ada, Judged(found.key, "bad", 20, "wrong"))
        with pytest.raises(Forbidden, match="do not know this answer"):
            await host.controls.judge(viewer(ADA, "random"), Judged(found.key, "good", 30))
        with pytest.raises(Forbidden, match="still on its way"):
            await host.controls.again(ada, found.key)
        assert (await host.controls.usage(ada)).opinions == (Opinions("default", "mock", 0, 1),)
