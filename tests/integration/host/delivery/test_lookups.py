"""Outcomes that nobody knows: looked up whatever the platform and its bot do, and never in anybody's way for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.delivery import policy
from host.ports.bot import Delivery, Receipt, Rejected, Unknown, Unsent
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving


class Lossy(MemoryBot):
    """The answer to its first send is lost; what its look-ups raise is told."""

    def __init__(self, *raises: Exception) -> None:
        super().__init__()
        self.raises = list(raises)
        self._lost = False

    async def send(self, delivery: Delivery) -> Receipt:
        receipt = await super().send(delivery)
        if not self._lost:
            self._lost = True
            raise Unknown("the connection broke")
        return receipt

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        if self.raises:
            raise self.raises.pop(0)
        return await super().lookup(delivery)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "GRACE", 20)


async def test_a_look_up_that_fails_or_breaks_is_done_again(tmp_path: Path) -> None:
    bot = Lossy(KeyError("a bug"), Unsent("503"))
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        said = await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(said.message_id) == "completed"
    assert bot.raises == []
    assert bot.said("c") == ["hello"]


async def test_a_look_up_that_is_refused_gives_up_visibly_and_lets_the_next_pass(tmp_path: Path) -> None:
    bot = Lossy(Rejected("the history may not be read"))
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        for text in ("first", "second"):
            said = await bot.say("c", text)
            async with asyncio.timeout(TIMEOUT):
                await host.settled(said.message_id)
        await bot.until(lambda: any("could not be delivered" in text for text in bot.said("c")))
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["first", "second"]


async def test_who_waits_for_an_answer_that_the_platform_holds_up_is_told_once_and_alone(
    tmp_path: Path,
) -> None:
    """A direct message is where nothing can be said just now: there is no other place to say so."""
    async with serving(config(tmp_path, host={"sweep_every": 3600})) as (_, bot):
        for channel, privacy in (("general", "public"), ("dm-ada", "dm")):
            bot.failures[channel] += [Unsent("rate limited", 300.0)]
            await bot.say(channel, "hello", privacy=privacy, mentioned=True)
        await bot.until(lambda: any(sent.private_to for sent in bot.sent))
        await bot.until(lambda: not bot.failures["dm-ada"])
        [told] = [sent for sent in bot.sent if sent.private_to]
        assert (told.private_to, told.address.platform_id) == ("U1", "")
        assert "Memory lets me write no more in that channel until" in told.payload["text"]
        assert "comes by itself" in told.payload["text"]
