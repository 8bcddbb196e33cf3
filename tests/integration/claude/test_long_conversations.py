"""Conversations that grow, are summarised, are forgotten; files that come with messages."""

from __future__ import annotations

from pathlib import Path

from host.bots import EventClass
from tests.fakes.model_api import Compaction, FakeModelAPI, ToolUse, answer
from tests.integration.claude.talking import talking


async def test_a_summary_takes_the_place_of_the_past_and_the_whole_is_archived(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script("Doves are birds.", answer(Compaction("They spoke of doves."), "Yes."), "Still here.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("Tell me of <doves>")
        assert await talk.ask("Do they fly?") == "Yes."
        assert await talk.ask("Go on") == "Still here."
        [archived] = (talk.workspace() / "conversations").iterdir()
    assert archived.name.endswith("-tell-me-of-doves.md")
    text = archived.read_text()
    assert "**Ada**: Tell me of <doves>" in text
    assert "**Agent**: Doves are birds." in text
    first = api.requests[2].json["messages"][0]
    assert first["role"] == "assistant"
    assert first["content"][0]["content"] == "They spoke of doves."
    assert "Doves are birds" not in api.requests[2].conversation


async def test_clear_starts_afresh_and_keeps_an_archive(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer("Noted.", ToolUse("memory", {"command": "view"})), "Yes.", "Who are you?")
    async with talking(api, tmp_path) as talk:
        await talk.ask("My name is Ada")
        await talk.say("", event_class=EventClass.CONTROL, value="clear")
        await talk.replies(2)
        assert await talk.ask("Who am I?") == "Who are you?"
        [archived] = (talk.workspace() / "conversations").iterdir()
    assert "My name is Ada" in archived.read_text()
    assert "My name is" not in api.requests[2].conversation


async def test_what_a_turn_cost_is_in_its_steps(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script("Cheap.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("What do you cost?")
        [said] = [step for step in talk.steps() if step.kind == "assistant"]
    assert f'"output_tokens": {api.billed[0]["output_tokens"]}' in said.content
