"""Conversations that grow, are summarised, are forgotten; files that come with messages."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from host.cli import listing, usage
from tests.fakes.model_api import FakeModelAPI, Usage, answer
from tests.support.hosting import config
from tests.support.talking import talking


async def test_what_a_turn_cost_is_in_its_steps_and_shown_by_conversation(
    api: FakeModelAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(listing, "_out", Console(file=screen, width=200))
    api.script(answer("Cheap.", usage=Usage(input_tokens=100_000, output_tokens=2_000)))
    async with talking(api, tmp_path) as talk:
        await talk.ask("What do you cost?")
        [said] = [step for step in talk.steps() if step.kind == "assistant"]
    assert '"output_tokens": 2000' in said.content
    usage.show(config(tmp_path), most=10, as_json=False)
    [line] = [line for line in screen.getvalue().splitlines() if "memory" in line]
    _, where, calls, tokens, *_, output, cost = re.split(r"\s{2,}", line.strip())
    assert (where, calls, tokens, output) == ("Ada, memory", "1", "100.0k", "2,000")
    assert cost.startswith("$0.3")


async def test_a_history_that_is_gone_is_a_fresh_start_with_a_note(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script("Noted.", "Who are you?", "Hm.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("My name is Ada")
    [lost] = tmp_path.glob("sessions/*/outbound/outbound.db")
    lost.unlink()
    async with talking(api, tmp_path) as talk:
        await talk.say("Who am I?", natural_id="later")
        told, answered = sorted(await talk.replies(2), key=lambda text: text == "Who are you?")
        assert told.startswith("⚠️ My records of this conversation were lost")
        assert answered == "Who are you?"
        await talk.say("Well?", natural_id="later still")
        assert (await talk.replies(3))[2] == "Hm."
    assert "this is a fresh start" in api.requests[1].conversation
    assert api.requests[2].cache.divergence_from(api.requests[1].cache) is None
