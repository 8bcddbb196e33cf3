"""Conversations that grow, are summarised, are forgotten; files that come with messages."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.model_api import FakeModelAPI
from tests.integration.claude.talking import talking


async def test_what_a_turn_cost_is_in_its_steps(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script("Cheap.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("What do you cost?")
        [said] = [step for step in talk.steps() if step.kind == "assistant"]
    assert f'"output_tokens": {api.billed[0]["output_tokens"]}' in said.content
