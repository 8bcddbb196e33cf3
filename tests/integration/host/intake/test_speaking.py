"""What begins a turn: words, an edit that names the agent, and bots only as long as people take part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host.intake import speaking
from host.ports.events import Author, EventClass, Verdict
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address
from sessiondb.content import Part
from tests.support.hosting import config, serving

ROBOT = Author("B1", "alertmanager", is_bot=True)
THREAD = Address("memory", "w", "c", "t")
THERE: dict[str, Any] = {"privacy": "public", "mentioned": True}


async def test_bots_that_answer_each_other_are_left_alone_until_a_person_speaks(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        verdicts = [
            (
                await bot.say(
                    "c", f"turn {number}", author=ROBOT, privacy="public", mentioned=True, address=THREAD
                )
            )
            for number in range(speaking.MOST_IN_A_ROW + 3)
        ]
        assert [one.verdict for one in verdicts] == [
            *[Verdict.STORED] * speaking.MOST_IN_A_ROW,
            *[Verdict.DECLINED] * 3,
        ]
        assert verdicts[-1].reason == speaking.BRAKED
        await bot.until(lambda: speaking.BRAKE_TOLD in bot.said("c"))
        assert bot.said("c").count(speaking.BRAKE_TOLD) == 1
        await bot.say("c", "go on, you two", **THERE, address=THREAD)
        again = await bot.say("c", "gladly", author=ROBOT, **THERE, address=THREAD)
        assert again.verdict is Verdict.STORED


async def test_an_empty_mention_is_answered_by_the_host_and_what_says_nothing_wakes_nobody(
    tmp_path: Path,
) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        empty = await bot.say("c", "  ", **THERE)
        assert (empty.verdict, empty.reason) == (Verdict.DECLINED, speaking.EMPTY)
        await bot.until(lambda: bot.said("c") == [speaking.HELP])
        silent = await bot.say("c", "", privacy="public")
        by_bot = await bot.say("c", "", author=ROBOT, **THERE)
        assert [silent.verdict, by_bot.verdict] == [Verdict.IGNORED] * 2
        assert not launcher.started
        forwarded = await bot.say("c", "", parts=(Part("forwarded", "exit code 7"),), **THERE)
        assert forwarded.verdict is Verdict.STORED


async def test_an_edit_that_adds_the_mention_is_the_message_and_comes_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        first = await bot.say("c", "what is this?", **_said(EventClass.MESSAGE, "p1"), privacy="public")
        assert first.verdict is Verdict.IGNORED
        edited = await bot.say("c", "@bot what is this?", **_said(EventClass.EDIT, "p1:2"), **THERE)
        assert edited.verdict is Verdict.STORED
        again = await bot.say("c", "@bot what is this?", **_said(EventClass.MESSAGE, "p1"), **THERE)
        assert (again.verdict, again.message_id) == (Verdict.DUPLICATE, edited.message_id)


async def test_an_edit_that_gives_an_empty_mention_its_words_is_the_message(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        await bot.say("c", "", **_said(EventClass.MESSAGE, "p1"), **THERE)
        edited = await bot.say("c", "what is this?", **_said(EventClass.EDIT, "p1:2"), **THERE)
        assert edited.verdict is Verdict.STORED


def _said(event_class: EventClass, natural_id: str) -> dict[str, Any]:
    return {"event_class": event_class, "natural_id": natural_id, "platform_message_id": "p1"}
