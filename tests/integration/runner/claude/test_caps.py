"""A turn that does too much: what is beyond is not done, people read so, and it ends whatever the model wants."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.support.talking import talking


def sending(*texts: str) -> list[ToolUse]:
    return [ToolUse("send_message", {"text": text}) for text in texts]


async def test_what_is_beyond_the_caps_is_not_sent_and_the_answer_says_so(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(answer(*sending("one", "two", "three", "four")), "Done.", "Fresh.")
    async with talking(api, tmp_path, {"max_messages": 2, "max_tool_calls": 3}) as talk:
        await talk.say("Send four")
        assert await talk.replies(3) == [
            "one",
            "two",
            "Done.\n\n⚠️ *I reached the most for one turn, 2 messages and 3 tool calls."
            " What was beyond is not done. Tell me to go on if it is needed.*",
        ]
        assert await talk.ask("go on") == "Fresh."  # each turn counts for itself
    results = list(api.requests[1].tool_results.values())
    assert ["not done" in result or "not sent" in result for result in results] == [False, False, True, True]
    assert "2 messages" in results[2]
    assert "3 tool calls" in results[3]


async def test_a_model_that_goes_on_calling_is_ended_and_the_conversation_goes_on(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.answer_with(lambda _: answer("Let me see.", *sending("again")))
    async with talking(api, tmp_path, {"max_tool_calls": 2}) as talk:
        await talk.say("Never stop")
        first, second, note = await talk.replies(3)
        assert (first, second) == ("again", "again")
        assert note.startswith("⚠️ *I reached the most for one turn, 2 tool calls.")
        asked = len(api.requests)
        assert (
            asked == 2 + 3 + 1
        )  # those that counted, those that were told, and the one that was not heard out
        api.answer_with(lambda _: answer("Here I am."))
        assert await talk.ask("and now?") == "Here I am."
        assert [step.kind for step in talk.steps()].count("final") == 2
