"""An answer finds its session by its question alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host.intake.ingress import NO_QUESTION
from host.ports.events import EventClass, Verdict
from sessiondb import Address
from tests.support.hosting import config, serving


def _answer(question: str, value: str) -> dict[str, Any]:
    return {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question, "value": value}


async def test_a_click_that_names_another_place_answers_the_session_of_its_question(tmp_path: Path) -> None:
    """LESSONS 62."""
    async with serving(config(tmp_path)) as (_, bot):
        thread = Address("memory", "w", "c", "t1")
        there: dict[str, Any] = {"privacy": "public", "mentioned": True}
        await bot.say("c", "@@ask Which? | red | blue\n@@results", address=thread, **there)
        await bot.until(lambda: bot.said("c") == ["Which?"])
        lacks_its_thread = Address("memory", "w", "c")
        said = await bot.say("c", "", address=lacks_its_thread, **_answer(bot.sent[0].question, "blue"))
        assert said.verdict is Verdict.STORED
        await bot.until(lambda: bot.said("c") == ["Which?", "blue"])
        assert bot.sent[-1].address == thread
        elsewhere = Address("memory", "w", "c", "t2")
        again = await bot.say("c", "", address=elsewhere, **_answer(bot.sent[0].question, "red"))
        assert again.verdict is Verdict.DUPLICATE


async def test_an_answer_to_a_question_that_nobody_knows_says_so_and_changes_nothing(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        said = await bot.say("c", "", **_answer("00ff00ff00ff00ff", "blue"))
        assert (said.verdict, said.reason) == (Verdict.DECLINED, NO_QUESTION)
        assert bot.sent == []
    assert not list((tmp_path / "sessions").glob("*"))
