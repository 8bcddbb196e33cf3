"""Turns with Claude through the whole pipeline: answers, tools, follow-ups, stop, what a killed runner left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sessiondb import Address
from tests.fakes.model_api import FakeModelAPI, Gate, ToolUse, answer
from tests.support.talking import talking


async def test_an_answer_streams_into_the_live_message_and_ends_as_one_reply(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    gate = Gate()
    api.script(answer("The sea is wide.", gate=gate))
    async with talking(api, tmp_path) as talk:
        await talk.say("What is the sea?")
        await gate.release(2)
        await talk.bot.until(lambda: any(shown.text.startswith("The") for shown in talk.bot.shown))
        await gate.open()
        assert await talk.replies(1) == ["The sea is wide."]


async def test_parallel_calls_are_answered_together_and_in_order(api: FakeModelAPI, tmp_path: Path) -> None:
    calls = [ToolUse("send_message", {"text": text}) for text in ("one", "two", "three")]
    api.script(answer(*calls), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(4) == ["one", "two", "three", "Done."]
    assert list(api.requests[1].tool_results) == [call.id for call in calls]


async def test_the_conversation_goes_on_and_only_its_end_grows(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer("Hm.", ToolUse("send_message", {"text": "x"})), "One.", "Two.", "Three.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("first")
        await talk.replies(2)
        assert await talk.ask("second") == "Two."
        for pid in talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await talk.ask("third") == "Three."
    for earlier, later in zip(api.requests, api.requests[1:], strict=False):
        assert later.cache.divergence_from(earlier.cache) is None
        assert later.cache.read_tokens >= earlier.cache.created_tokens + earlier.cache.read_tokens


async def test_one_question_is_asked_of_the_model_that_was_chosen_for_it_and_the_next_of_the_agents_own(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    """Also where the stream of the turn before is still open."""
    api.script("One.", "Two.", "Three.")
    async with talking(api, tmp_path, models=["claude-opus-4-8"]) as talk:
        for said in ("first", "!opus second", "third"):
            await talk.ask(said)
    own, chosen, after = [request.json["model"] for request in api.requests]
    assert (chosen, after) == ("claude-opus-4-8", own)
    assert own != chosen


async def test_a_title_is_asked_of_its_own_model_beside_the_answers_once_and_charged(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script("It is wide.", "“The wide sea.”", "Still wide.")
    async with talking(api, tmp_path, title_model="claude-haiku-5-5", models=["claude-opus-4-8"]) as talk:
        thread = Address("memory", "w", "c", "t")
        await talk.say("Why is the sea wide?", address=thread, untitled=True)
        await talk.bot.until(lambda: bool(talk.bot.titles))
        assert await talk.replies(1) == ["It is wide."]
        await talk.say("And now?", address=thread, untitled=True)
        assert await talk.replies(2) == ["It is wide.", "Still wide."]
        assert talk.bot.titles == [("t", "The wide sea", "Why is the sea wide?")]
    models = [request.json["model"] for request in api.requests]
    assert models == ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"]
    assert "Why is the sea wide?" in str(api.requests[1].json["messages"])
