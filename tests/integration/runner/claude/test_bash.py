"""The shell in a turn: a runner that dies in it, a person who stops it."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.support.talking import talking


async def test_a_call_that_killed_its_runner_is_not_run_again_and_the_model_is_told(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    calls = [
        ToolUse("send_message", {"text": "one"}),
        ToolUse("bash", {"command": "echo x >> ran; kill -9 $PPID"}),
    ]
    api.script(answer(*calls), "I see.")
    async with talking(api, tmp_path, {"tools": ["send_message", "bash"]}) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["one", "I see."]
        assert (talk.workspace() / "ran").read_text() == "x\n"
    assert "outcome unknown" in api.requests[1].tool_results[calls[1].id]
