"""Where the API does not summarise a conversation, the agent does: archived first, recorded as a step, cached like the rest."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runner.providers.conversation import SUMMARISE
from tests.fakes.model_api import Answer, FakeModelAPI, Gate, HttpError, ToolUse, Usage, answer
from tests.support.talking import Talk, talking

OWN: dict[str, Any] = {"compact": "own", "compact_at": 50_000}
MUCH = Usage(input_tokens=60_000, output_tokens=10)
SUMMED = "Ada asked about doves; doves are birds."


def long(text: str) -> Answer:
    """An answer after which the conversation is too long."""
    return answer(text, usage=MUCH)


def archives(talk: Talk) -> list[str]:
    return [path.read_text() for path in sorted((talk.shared() / "conversations").glob("*.md"))]


async def test_a_grown_conversation_goes_on_with_a_summary_and_what_people_say_now(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(long("Doves are birds."), SUMMED, "Yes.", "Still here.")
    async with talking(api, tmp_path, OWN) as talk:
        await talk.ask("What are doves?")
        assert await talk.ask("Do they fly?") == "Yes."
        assert await talk.ask("And now?") == "Still here."
        [archive] = archives(talk)
        kinds = [step.kind for step in talk.steps()]
    assert "**Agent**: Doves are birds." in archive
    asked, first, second = api.requests[1:]
    assert SUMMARISE in asked.user_text
    assert "Do they fly?" not in asked.conversation
    assert asked.cache.divergence_from(api.requests[0].cache) is None  # what was cached is read again
    for request in (first, second):
        assert SUMMED in request.conversation
        assert "Doves are birds." not in request.conversation
    assert "Do they fly?" in first.user_text
    assert second.cache.divergence_from(first.cache) is None
    assert kinds.count("summary") == 1
    assert "context_management" not in first.json


async def test_in_the_midst_of_a_turn_the_call_and_its_result_stay_and_nothing_runs_twice(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    call = ToolUse("send_message", {"text": "one"})
    api.script("Hello.", answer(call, usage=MUCH), SUMMED, "Done.")
    async with talking(api, tmp_path, OWN) as talk:
        await talk.ask("Hi")
        await talk.say("Do it")
        assert await talk.replies(3) == ["Hello.", "one", "Done."]
    last = api.requests[-1]
    assert call.id in last.tool_results
    assert SUMMED in last.conversation
    assert "Do it" in last.conversation  # what this turn is about is not left to the summary
    assert "Hello." not in last.conversation


@pytest.mark.parametrize("before", ["the summary", "the answer"])
async def test_a_runner_killed_around_its_summary_loses_nothing(
    api: FakeModelAPI, tmp_path: Path, before: str
) -> None:
    never = Gate()
    lost: Answer | str = answer("Lost.", gate=never)
    api.script(long("Doves are birds."))
    order: list[Answer | str] = [lost, SUMMED] if before == "the summary" else [SUMMED, lost]
    api.script(*order, "Yes.")
    async with talking(api, tmp_path, OWN) as talk:
        await talk.ask("What are doves?")
        await talk.say("Do they fly?")
        await talk.eventually(lambda: len(api.requests) == (2 if before == "the summary" else 3))
        for pid in talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert (await talk.replies(2))[1] == "Yes."
        assert all("**Agent**: Doves are birds." in text for text in archives(talk))
        assert [step.kind for step in talk.steps()].count("summary") == 1
    assert SUMMED in api.requests[-1].conversation
    assert "Do they fly?" in api.requests[-1].conversation


async def test_an_api_that_refuses_to_summarise_is_asked_once_and_the_agent_does_it(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(HttpError(400, "context_management: Extra inputs are not permitted"))
    api.script(long("Doves are birds."), SUMMED, "Yes.")
    async with talking(api, tmp_path, {"compact_at": 50_000}) as talk:
        assert await talk.ask("What are doves?") == "Doves are birds."
        assert await talk.ask("Do they fly?") == "Yes."
    assert "context_management" in api.requests[0].json
    assert not any("context_management" in request.json for request in api.requests[1:])
    assert SUMMED in api.requests[-1].conversation


async def test_a_conversation_that_outgrows_the_window_is_summarised_once_and_the_answer_asked_for_again(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    cut = answer("Half an", stop_reason="model_context_window_exceeded")
    api.script("Doves are birds.", cut, SUMMED, "Yes.")
    api.script(answer(ToolUse("send_message", {"text": "one"})), cut, "Shorter.", cut)
    async with talking(api, tmp_path, {"compact_at": 0}) as talk:
        await talk.ask("What are doves?")
        assert await talk.ask("Do they fly?") == "Yes."
        assert "Half an" not in api.requests[-1].conversation
        await talk.say("More?")
        said = await talk.replies(4)
        assert said[2] == "one"
        assert "outgrown" in said[3]
        assert "Yes." not in said[3]


async def test_a_summary_that_is_not_made_leaves_the_conversation_as_it_was(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(long("Doves are birds."), answer(ToolUse("send_message", {"text": "no"})), "Yes.")
    async with talking(api, tmp_path, OWN) as talk:
        await talk.ask("What are doves?")
        assert await talk.ask("Do they fly?") == "Yes."
        assert talk.bot.said("c") == ["Doves are birds.", "Yes."]
    assert "Doves are birds." in api.requests[-1].conversation
