"""Another answer to the same question, on a real host: who may have it, what is not done again, what becomes of the old."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.ports.bot import Delivery, Rejected
from host.ports.controls import Forbidden
from host.ports.events import EventClass
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import ADA, BOB, OWNER, OWNERS, answered, viewer

APPEND = '@@call mock_append {"file": "notes", "line": "x"}'
CHANNEL = {"author": ADA, "privacy": "public", "mentioned": True}


async def answer(bot: MemoryBot, text: str) -> Delivery:
    await answered(bot, "general", text, **CHANNEL)
    return bot.sent[-1]


async def second(bot: MemoryBot, before: int) -> Delivery:
    await bot.until(lambda: len([sent for sent in bot.sent if sent.judged]) > before)
    return [sent for sent in bot.sent if sent.judged][-1]


def notes(data: Path) -> list[str]:
    return [line for path in data.glob("**/notes") for line in path.read_text().splitlines()]


async def test_another_try_says_what_the_first_did_does_none_of_it_again_and_takes_its_place(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        first = await answer(bot, f"{APPEND}\ndone")
        ada = viewer(ADA, "general")
        assert await host.controls.again(ada, first.key) == "I answer it once more."
        new = await second(bot, 1)
        assert new.payload["text"].startswith("*Another try. At the first I had used `mock_append`;")
        assert new.payload["text"].endswith("done")
        await bot.until(lambda: bot.removed == [f"p-{first.key}"])
        assert notes(tmp_path) == ["x"]

        assert "already" in await host.controls.again(ada, first.key)
        await host.controls.again(ada, new.key)
        third = await second(bot, 2)
        await bot.until(lambda: bot.removed == [f"p-{first.key}", f"p-{new.key}"])
        assert "used `mock_append`" in third.payload["text"]
        assert notes(tmp_path) == ["x"]


async def test_what_looked_or_failed_is_done_again_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        first = await answer(bot, "@@call mock_append {}\n@@call read_thread {}\nhello")
        await host.controls.again(viewer(ADA, "general"), first.key)
        assert (await second(bot, 1)).payload["text"] == "hello"


async def test_only_whoever_asked_or_an_owner_may_and_only_of_what_a_person_asked(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        first = await answer(bot, "hello")
        with pytest.raises(Forbidden, match="Only whoever asked"):
            await host.controls.again(viewer(BOB, "general"), first.key)
        for unknown in (viewer(ADA, "random"), viewer(OWNER, "dm-9", "dm")):
            with pytest.raises(Forbidden, match="do not know this answer"):
                await host.controls.again(unknown, first.key)
        await host.controls.again(viewer(OWNER, "general"), first.key)
        await second(bot, 1)


async def test_the_old_answer_stays_where_the_new_one_cannot_be_shown(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        first = await answer(bot, "hello")
        bot.failures["general"].append(Rejected("not now"))
        await host.controls.again(viewer(ADA, "general"), first.key)
        await bot.until(lambda: "could not be delivered" in bot.said("general")[-1])
        assert bot.removed == []


async def test_another_try_is_of_what_the_question_says_now(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        asked = bot.event("general", "hello", **CHANNEL)
        await bot.ingested(asked)
        await bot.until(lambda: bot.said("general") == ["hello"])
        edit = {"event_class": EventClass.EDIT, "platform_message_id": asked.platform_message_id}
        await bot.say("general", "good morning", **CHANNEL, **edit)
        await host.controls.again(viewer(ADA, "general"), bot.sent[-1].key)
        assert (await second(bot, 1)).payload["text"] == "good morning"


async def test_an_answer_of_many_parts_gives_way_whole(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        await answered(bot, "general", "@@text 5000", **CHANNEL)
        await bot.until(lambda: len(bot.sent) == 3)
        old = [f"p-{sent.key}" for sent in bot.sent]
        await host.controls.again(viewer(ADA, "general"), bot.sent[-1].key)
        await bot.until(lambda: bot.removed == old)
        assert len(bot.sent) == 6
