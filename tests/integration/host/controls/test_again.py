"""Another answer to the same question, on a real host: who may have it, what is not done again, what becomes of the old."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.controls.service import REMOVED
from host.intake import changed
from host.ports.bot import Delivery, Rejected, Unsent
from host.ports.controls import ChannelRules, Forbidden
from host.ports.events import Author, EventClass, Verdict
from sessiondb import Address
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


MODELS = {
    "agents": {
        "default": {"models": ["claude-opus-4-8", "claude-haiku-4-5"]},
        "other": {"models": ["gemma-3"]},
    }
}


async def test_one_question_is_answered_by_the_model_that_its_author_names_and_no_other_question(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, **MODELS)) as (_, bot):
        for said in ("!opus @@model", "@@model", "@dovecote !Haiku-4.5\n@@model", "!queue !opus @@model"):
            await answered(bot, "dm-ada", said)
        assert bot.said("dm-ada") == ["claude-opus-4-8", "its own", "claude-haiku-4-5", "claude-opus-4-8"]
        # What is no name of a model is the author's own word.
        for said in ("!llama hello", "!4 eggs", "opus @@model", "!important: hello"):
            await answered(bot, "dm-ada", said)
        assert bot.said("dm-ada")[4:] == ["!llama hello", "!4 eggs", "opus @@model", "!important: hello"]


async def test_a_channel_limits_which_models_people_may_choose_in_it(tmp_path: Path) -> None:
    owner = viewer(OWNER, "general")
    async with serving(config(tmp_path, access=OWNERS, **MODELS)) as (host, bot):
        told = await host.controls.set_rules(owner, ChannelRules(models=("claude-haiku-4-5",)))
        assert "where people may choose claude-haiku-4-5" in told
        assert "`!haiku …`" not in await host.controls.help(viewer(ADA, "general"))
        await answered(bot, "general", "!haiku @@model", **CHANNEL)
        refused = bot.event("general", "!opus @@model", **CHANNEL)
        await bot.ingested(refused)
        await bot.until(lambda: "no model 'opus'" in bot.said("general")[-1])
        assert bot.said("general")[0] == "claude-haiku-4-5"
        answer = bot.sent[0].key
        with pytest.raises(Forbidden, match="no model 'opus'"):
            await host.controls.again(viewer(ADA, "general"), answer, "opus")
        with pytest.raises(Forbidden, match="no model 'gpt'"):
            await host.controls.set_rules(owner, ChannelRules(models=("gpt",)))
        assert (await host.controls.rules(owner)).models == ("claude-haiku-4-5",)


async def test_what_comes_while_one_model_answers_has_a_turn_of_its_own(tmp_path: Path) -> None:
    async with serving(config(tmp_path, **MODELS)) as (_, bot):
        await bot.ingested(bot.event("dm-ada", "@@sleep 0.5\n@@model"))
        await bot.ingested(bot.event("dm-ada", "!opus @@model"))
        await bot.ingested(bot.event("dm-ada", "!haiku @@model"))
        await bot.until(lambda: len(bot.said("dm-ada")) == 3)
        assert bot.said("dm-ada") == ["its own", "claude-opus-4-8", "claude-haiku-4-5"]


async def test_a_model_of_another_agent_is_not_to_be_had_and_its_author_is_told_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path, **MODELS)) as (host, bot):
        asked = bot.event("dm-ada", "!gemma what is this?")
        assert (await host.ingest(asked)).verdict is Verdict.DECLINED
        assert (await host.ingest(asked)).verdict is Verdict.DUPLICATE
        await bot.until(lambda: bool(bot.sent))
        await answered(bot, "dm-ada", "hello")
        told = "The agent here has no model 'gemma'. There are: claude-opus-4-8 and claude-haiku-4-5."
        assert bot.said("dm-ada") == [told, "hello"]


async def test_typed_again_the_last_answer_is_made_once_more_by_the_named_model(tmp_path: Path) -> None:
    thread = {**CHANNEL, "address": Address("memory", "w", "general", "t1")}
    async with serving(config(tmp_path, access=OWNERS, **MODELS)) as (host, bot):
        await answered(bot, "general", "@@model", **thread)
        first = bot.sent[-1]
        order = bot.event("general", "!again opus", **{**thread, "mentioned": False})
        for _ in range(2):  # delivered twice, it is one try
            await host.ingest(order)
        await bot.until(lambda: bot.removed == [f"p-{first.key}"])
        assert "claude-opus-4-8" in bot.said("general")
        assert "I answer it once more, by claude-opus-4-8." in bot.said("general")
        assert len([sent for sent in bot.sent if sent.judged]) == 2

        for said in ("!again gemma", "!again"):
            await host.ingest(bot.event("general", said, **{**thread, "author": BOB, "mentioned": False}))
        await bot.until(lambda: len(bot.said("general")) == 5)
        assert bot.said("general")[3].startswith("The agent here has no model 'gemma'.")
        assert bot.said("general")[4].startswith("Only whoever asked")
        with pytest.raises(Forbidden, match="no answer of mine"):
            await host.controls.again_here(viewer(ADA, "general", thread="t2"), "")
        assert len([sent for sent in bot.sent if sent.judged]) == 2


async def test_another_try_keeps_the_model_of_its_question_and_an_edit_chooses_it_anew(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, access=OWNERS, **MODELS)) as (host, bot):
        asked = bot.event("dm-ada", "!opus @@model", author=ADA)
        await bot.ingested(asked)
        await bot.until(lambda: bot.said("dm-ada") == ["claude-opus-4-8"])
        await host.controls.again_here(viewer(ADA, "dm-ada", "dm"), "")
        await bot.until(lambda: bot.said("dm-ada") == ["claude-opus-4-8"] * 2)
        edit = {"event_class": EventClass.EDIT, "platform_message_id": asked.platform_message_id}
        await bot.say("dm-ada", "!haiku @@model", author=ADA, **edit)
        await host.controls.again_here(viewer(ADA, "dm-ada", "dm"), "")
        await bot.until(lambda: bot.said("dm-ada")[2:] == [changed.TOO_LATE, "claude-haiku-4-5"])


async def test_a_question_that_was_changed_too_late_is_answered_again_if_its_author_wants_that(
    tmp_path: Path,
) -> None:
    thread = {**CHANNEL, "address": Address("memory", "w", "general", "t1")}
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        asked = bot.event("general", "hello", **thread)

        async def change(text: str) -> None:
            edit = {"event_class": EventClass.EDIT, "platform_message_id": asked.platform_message_id}
            await bot.say("general", text, **thread, **edit)

        await bot.ingested(asked)
        await bot.until(lambda: bot.said("general") == ["hello"])
        for text in ("good morning", "good evening"):  # each answer is asked about once
            await change(text)
        await bot.until(lambda: changed.TOO_LATE in bot.said("general"))
        offered = bot.sent[-1].decision
        assert offered is not None
        assert offered.choices == (("again", "Answer again"),)
        with pytest.raises(Forbidden, match="Only whoever asked"):
            await host.controls.decide(viewer(BOB, "general"), offered.request, "again")
        for _ in range(2):  # pressed twice, it is one try
            told = await host.controls.decide(viewer(ADA, "general"), offered.request, "again")
            assert told == "I answer it once more."
        await bot.until(lambda: "good evening" in bot.said("general") and len(bot.removed) == 1)

        await change("good night")
        await bot.until(lambda: bot.said("general").count(changed.TOO_LATE) == 2)
        newest = bot.sent[-1].decision
        assert newest is not None
        assert newest.request != offered.request
        await host.controls.decide(viewer(ADA, "general"), newest.request, "again")
        await bot.until(lambda: "good night" in bot.said("general") and len(bot.removed) == 2)


@pytest.mark.parametrize(
    ("change", "line"), [(EventClass.EDIT, changed.TOO_LATE), (EventClass.DELETE, changed.DELETED)]
)
async def test_people_see_an_answer_before_its_receipt_is_there_and_change_its_question(
    tmp_path: Path, change: EventClass, line: str
) -> None:
    """Its intent is in the session's file alone until then."""
    async with serving(config(tmp_path, access=OWNERS)) as (_, bot):
        bot.lose_answers = 1
        asked = bot.event("dm-ada", "hello")
        await bot.ingested(asked)
        await bot.until(lambda: bot.said("dm-ada") == ["hello"])
        for text in ("good morning", "good evening"):
            about = {"event_class": change, "platform_message_id": asked.platform_message_id}
            await bot.say("dm-ada", text, **about)
        await bot.until(lambda: line in bot.said("dm-ada"))
    assert bot.said("dm-ada") == ["hello", line]


async def test_a_question_that_was_changed_in_time_is_asked_about_by_nobody(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (_, bot):
        asked = bot.event("dm-ada", "@@sleep 0.5\nhello")
        await bot.ingested(asked)
        edit = {"event_class": EventClass.EDIT, "platform_message_id": asked.platform_message_id}
        await bot.say("dm-ada", "@@sleep 0.5\nhello you", **edit)
        await bot.until(lambda: bool(bot.said("dm-ada")))
        await answered(bot, "dm-ada", "and now?")
        assert changed.TOO_LATE not in bot.said("dm-ada")


async def test_of_a_deleted_question_the_answer_goes_too_if_whoever_asked_wants_that(tmp_path: Path) -> None:
    thread = {**CHANNEL, "address": Address("memory", "w", "general", "t1")}
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        asked = bot.event("general", "@@text 3000", **thread)
        await bot.ingested(asked)
        await bot.until(lambda: len(bot.sent) == 2)
        parts = [f"p-{sent.key}" for sent in bot.sent]
        gone = {"event_class": EventClass.DELETE, "platform_message_id": asked.platform_message_id}
        # Platforms do not say who deleted.
        nobody = {**thread, "author": Author("slack", "somebody"), "natural_id": asked.natural_id}
        for _ in range(2):
            await bot.say("general", "", **nobody, **gone)
        await bot.until(lambda: changed.DELETED in bot.said("general"))
        offered = bot.sent[-1].decision
        assert offered is not None
        assert bot.sent[-1].answers == ""  # there is nothing left to reply to
        for other in (viewer(BOB, "general"), viewer(ADA, "random")):
            with pytest.raises(Forbidden):
                await host.controls.decide(other, offered.request, "yes")
        bot.failures["remove general"].append(Unsent("not now"))
        with pytest.raises(Forbidden, match="try again"):
            await host.controls.decide(viewer(ADA, "general"), offered.request, "yes")
        assert bot.removed == []
        for person in (ADA, OWNER):
            assert await host.controls.decide(viewer(person, "general"), offered.request, "yes") == REMOVED
        assert set(bot.removed) == set(parts)
        assert len(bot.sent) == 3


async def test_an_answer_of_which_a_part_is_still_on_its_way_is_not_said_to_be_deleted(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        rest = asyncio.Event()
        bot.on_send = lambda _: bot.gates.update({"dm-ada": rest})
        asked = bot.event("dm-ada", "@@text 3000")
        await bot.ingested(asked)
        await bot.until(lambda: len(bot.sent) == 1)
        gone = {"event_class": EventClass.DELETE, "platform_message_id": asked.platform_message_id}
        with_first = bot.sent[0].key

        async def unsay() -> str:
            return await host.controls.decide(viewer(ADA, "dm-ada"), f"{changed.UNSAID}{with_first}", "yes")

        await bot.say("dm-ada", "", natural_id=asked.natural_id, **gone)
        with pytest.raises(Forbidden):
            await unsay()
        with pytest.raises(Forbidden, match="on its way"):  # it would stand beside the other answer
            await host.controls.again(viewer(ADA, "dm-ada"), with_first)
        assert bot.removed == []
        rest.set()
        await bot.until(lambda: changed.DELETED in bot.said("dm-ada"))
        assert await unsay() == REMOVED
        assert bot.removed == [f"p-{sent.key}" for sent in bot.sent[:2]]


async def test_of_a_question_that_is_deleted_unanswered_nothing_is_asked(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (_, bot):
        asked = bot.event("dm-ada", "@@sleep 0.3\nhello")
        await bot.ingested(asked)
        gone = {"event_class": EventClass.DELETE, "platform_message_id": asked.platform_message_id}
        await bot.say("dm-ada", "", natural_id=asked.natural_id, **gone)
        await answered(bot, "dm-ada", "and now?")
        await bot.until(lambda: "and now?" in bot.said("dm-ada"))
        assert changed.DELETED not in bot.said("dm-ada")
