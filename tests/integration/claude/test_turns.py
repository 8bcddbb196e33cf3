"""Turns with Claude through the whole pipeline: answers, tools, follow-ups, stop, what a killed runner left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from host.bots import EventClass
from tests.fakes.model_api import FakeModelAPI, Gate, Hang, ToolUse, answer
from tests.integration.claude.talking import talking


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


async def test_a_tool_runs_and_its_result_goes_back_to_the_model(api: FakeModelAPI, tmp_path: Path) -> None:
    call = ToolUse("send_message", {"text": "looking"})
    api.script(answer("Wait.", call), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["looking", "Done."]
    assert api.requests[1].tool_results[call.id].startswith("queued as ")


async def test_parallel_calls_are_answered_together_and_in_order(api: FakeModelAPI, tmp_path: Path) -> None:
    calls = [ToolUse("send_message", {"text": text}) for text in ("one", "two", "three")]
    api.script(answer(*calls), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(4) == ["one", "two", "three", "Done."]
    assert list(api.requests[1].tool_results) == [call.id for call in calls]


async def test_three_follow_ups_reach_the_model_between_its_tool_calls(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    gates = [Gate(), Gate(), Gate()]
    for number, gate in enumerate(gates):
        api.script(answer(ToolUse("send_message", {"text": f"step {number}"}), gate=gate))
    api.script("All of it.")
    async with talking(api, tmp_path) as talk:
        await talk.say("start")
        for number, gate in enumerate(gates):
            await api.received(number + 1)
            await talk.say(f"correction {number}")
            await talk.claimed(number + 2)
            await gate.open()
        assert (await talk.replies(4))[-1] == "All of it."
    assert len(api.requests) == 4
    for number in range(3):
        assert f"correction {number}" in api.requests[number + 1].user_text


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


async def test_a_runner_killed_after_two_of_three_calls_repeats_neither(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    for text in ("one", "two"):
        api.script(answer(ToolUse("send_message", {"text": text})))
    api.script(Hang(Gate()), answer(ToolUse("send_message", {"text": "three"})), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        await api.received(3)
        for pid in talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await talk.replies(4) == ["one", "two", "three", "Done."]
    assert api.requests[3].json["messages"] == api.requests[2].json["messages"]


async def test_a_question_to_a_person_parks_the_turn_and_its_answer_is_the_result(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    call = ToolUse("ask_user_question", {"question": "Which?", "options": ["red", "blue"]})
    api.script(answer(call), "Blue it is.")
    async with talking(api, tmp_path) as talk:
        assert await talk.ask("Paint it") == "Which?"
        question = talk.bot.sent[0].question
        more = {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question}
        await talk.say("", value="blue", **more)
        assert (await talk.replies(2))[1] == "Blue it is."
    assert api.requests[1].tool_results[call.id] == "blue"
