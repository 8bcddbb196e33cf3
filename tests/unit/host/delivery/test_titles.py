"""Naming a thread: what a platform makes us wait for is waited for, what it refuses is left, and no agent is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.config import Config
from host.config.settings import Settings
from host.delivery import titles
from host.delivery.actions import ActionError, Asked
from host.delivery.titles import Titles
from host.governance.masking import Masks
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Bots, DeliveryError, Rejected, Unknown, Unsent
from sessiondb import Address, content
from tests.fakes.platform import MemoryBot
from tests.support.firing import Clock, living

THREAD = Address("memory", "w", "C1", "T1")


class Naming(MemoryBot):
    def __init__(self, *refusals: DeliveryError) -> None:
        super().__init__()
        self.refusals = list(refusals)
        self.asked: list[tuple[Address, str, str]] = []
        self.answered = asyncio.Event()

    async def entitle(self, place: Address, title: str, question: str) -> None:
        self.asked.append((place, title, question))
        self.answered.set()
        if self.refusals:
            raise self.refusals.pop(0)


class Leading:
    def leads(self) -> bool:
        return True


async def named(bot: Naming, folder: Path, arguments: dict[str, object], place: Address = THREAD) -> str:
    """The refusal, '' where there is none; every try is over when it returns."""
    settings, clock = Settings(Config(data=folder)), Clock(0)
    naming = Titles(settings, Bots({"memory": bot}), Masks(settings), clock.now, Leading())
    async with living(folder, clock) as life:
        session = await life.session()
        refused = ""

        def job(writer: InboundWriter) -> str:
            try:
                return handler(writer)
            except ActionError as error:
                return str(error)

        asked = Asked("row", content.Action(titles.NAME, arguments), place, None)
        async with naming.prepared(session, asked) as handler:
            refused = await life.mailboxes.use(session, job)
            assert not bot.asked  # nothing happens before the receipt is committed
        async with asyncio.timeout(30):
            await asyncio.gather(*naming._naming)
    return refused


@pytest.mark.parametrize(
    ("refusals", "tries"),
    [
        ((), 1),
        ((Unsent("slowly", 582.0), Unsent("slowly")), 3),
        ((Unsent("a"), Unsent("b"), Unsent("c")), 3),
        ((Rejected("the thread is gone"),), 1),
        ((Unknown("no answer"),), 1),
    ],
)
async def test_a_wait_is_waited_for_and_a_refusal_is_the_end(
    refusals: tuple[DeliveryError, ...], tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles, "PAUSE", 0.0)
    monkeypatch.setattr(titles, "LONGEST_PAUSE", 0.0)
    bot = Naming(*refusals)
    assert await named(bot, tmp_path, {"title": "Wide\n seas"}) == ""
    assert bot.asked == [(THREAD, "Wide seas", "")] * tries


@pytest.mark.parametrize("arguments", [{}, {"title": ""}, {"title": ["a"]}, {"title": " \n"}])
async def test_what_a_container_writes_is_a_line_of_words_or_nothing(
    arguments: dict[str, object], tmp_path: Path
) -> None:
    bot = Naming()
    assert await named(bot, tmp_path, arguments) == "threads are not named here"
    assert not bot.asked


async def test_a_channel_is_never_named_and_a_title_has_an_end(tmp_path: Path) -> None:
    bot = Naming()
    assert await named(bot, tmp_path / "a", {"title": "x"}, THREAD._replace(thread_id="")) != ""
    await named(bot, tmp_path / "b", {"title": "x" * 5_000})
    [(_, title, _)] = bot.asked
    assert len(title) == titles.LONGEST
