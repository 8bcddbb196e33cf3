"""What the model API does wrong, and what people get to see of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.model_api import (
    DropBeforeAnswer,
    ErrorInStream,
    FakeModelAPI,
    Fault,
    HttpError,
    LoseAnswer,
    MalformedEvent,
    ServerToolUse,
    Thinking,
    ToolUse,
    TruncateStream,
    WebSearchResult,
    answer,
    overloaded,
    rate_limited,
)
from tests.support import odd_servers
from tests.support.talking import talking


@pytest.mark.parametrize(
    "fault",
    [
        rate_limited(),
        overloaded(),
        DropBeforeAnswer(),
        LoseAnswer(),
        TruncateStream(4),
        TruncateStream(4, clean=True),
        ErrorInStream(4),
        MalformedEvent(4),
    ],
    ids=["429", "529", "dropped", "lost answer", "truncated", "cut short", "error in stream", "malformed"],
)
async def test_a_passing_fault_after_a_tool_call_repeats_no_tool(
    api: FakeModelAPI, tmp_path: Path, fault: Fault
) -> None:
    api.script(answer(ToolUse("send_message", {"text": "one"})))
    api.script(fault)
    if isinstance(fault, LoseAnswer | TruncateStream | ErrorInStream | MalformedEvent):
        api.script("Lost on the way, or half of it.")
    api.script("Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["one", "Done."]
    assert api.unused_steps == 0


async def test_a_lasting_fault_is_retried_as_a_whole_turn_that_repeats_no_tool(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(answer(ToolUse("send_message", {"text": "one"})))
    api.script(overloaded(), overloaded(), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["one", "Done."]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpError(401, "invalid x-api-key"), "does not accept this installation's key"),
        (HttpError(400, "messages: too odd"), "did not accept the request: messages: too odd"),
        (HttpError(402, "out of credit"), "lack of credit or budget: out of credit"),
        (HttpError(413, "too large"), "too large for one request"),
    ],
)
async def test_a_final_refusal_is_one_readable_line(
    api: FakeModelAPI, tmp_path: Path, fault: HttpError, words: str
) -> None:
    api.script(fault, "Better.")
    async with talking(api, tmp_path) as talk:
        said = await talk.ask("Do it")
        assert said.startswith("⚠️ ")
        assert words in said
        assert "{" not in said
        assert await talk.ask("again") == "Better."


async def test_an_answer_cut_at_its_limit_is_continued_into_one_reply(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(answer("One, two, ", stop_reason="max_tokens"), "three.", "More.")
    async with talking(api, tmp_path) as talk:
        assert await talk.ask("Count") == "One, two, three."
        assert await talk.ask("more") == "More."
    assert api.requests[2].cache.divergence_from(api.requests[1].cache) is None


async def test_a_call_cut_in_half_is_dropped_and_asked_for_again(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer("Wait.", ToolUse("send_message", {"text": "one"}), stop_reason="max_tokens"))
    api.script(answer(ToolUse("send_message", {"text": "one"})), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["one", "Done."]


async def test_a_paused_turn_goes_on_as_it_is(api: FakeModelAPI, tmp_path: Path) -> None:
    search = ServerToolUse("web_search", {"query": "doves"})
    api.script(answer("Searching. ", search, stop_reason="pause_turn"))
    api.script(answer(WebSearchResult(search.id, (("Doves", "https://doves.example"),)), "Found."))
    async with talking(api, tmp_path, {"web_search": True}) as talk:
        assert await talk.ask("Find it") == "Searching. Found."
    assert "web_search" in api.requests[0].tool_names
    assert api.requests[1].last_message["role"] == "assistant"


@pytest.mark.parametrize(
    ("stop_reason", "words"), [("refusal", "declined"), ("model_context_window_exceeded", "outgrown")]
)
async def test_an_answer_that_cannot_be_given_is_explained(
    api: FakeModelAPI, tmp_path: Path, stop_reason: str, words: str
) -> None:
    api.script(answer("Hm.", stop_reason=stop_reason), "Better.")  # type: ignore[arg-type]
    async with talking(api, tmp_path) as talk:
        assert words in await talk.ask("Do it")
        assert await talk.ask("something else") == "Better."


async def test_thinking_comes_back_unchanged_with_its_signature(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer(Thinking("Let me see."), ToolUse("send_message", {"text": "one"})), "Done.")
    async with talking(api, tmp_path, {"thinking": True, "effort": "high", "max_tokens": 500}) as talk:
        await talk.say("Do it")
        assert await talk.replies(2) == ["one", "Done."]
    assert api.requests[1].json["messages"][1]["content"][0]["thinking"] == "Let me see."
    assert api.requests[1].json["output_config"] == {"effort": "high"}
    assert api.requests[1].json["max_tokens"] == 500


@pytest.mark.parametrize(
    "faults",
    [
        [HttpError(503, "busy")] * 2,
        [ErrorInStream(4), "Half of it."] * 3,
        [TruncateStream(4), "Half of it."] * 3,
    ],
    ids=["5xx", "overloaded in streams", "broken streams"],
)
async def test_another_model_goes_on_with_a_turn_whose_model_is_away(
    api: FakeModelAPI, tmp_path: Path, faults: list[Fault | str]
) -> None:
    """From where it was: no tool runs twice. The second call of it in the same turn waits for nobody."""
    api.script(answer(ToolUse("send_message", {"text": "one"})), *faults)
    api.script(answer(ToolUse("send_message", {"text": "two"})), "Done.", "Back.")
    async with talking(api, tmp_path, fallback_model="claude-haiku-5-5") as talk:
        await talk.say("Do it")
        told = "Done.\n\n(Answered by claude-haiku-5-5: claude-sonnet-5-5 is away right now.)"
        assert await talk.replies(3) == ["one", "two", told]
        assert await talk.ask("Again") == "Back."
    models = [str(request.json["model"]) for request in api.requests]
    assert models[-3:] == ["claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"]


@pytest.mark.parametrize("variable", ["", "OTHERS_KEY"], ids=["without a key", "with a key of its own"])
async def test_a_model_at_another_address_answers_while_nothing_listens_at_the_first(
    api: FakeModelAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The same model, even; its key, and neither the first's key nor either address, is anywhere in its session."""
    async with FakeModelAPI(keys=["sk-others"]) as other:
        monkeypatch.setenv("OTHERS_KEY", "sk-others")
        away, first = {"base_url": odd_servers.nowhere()}, "claude-sonnet-5-5"
        elsewhere: dict[str, Any] = {
            "fallback_model": first,
            "fallback_url": other.base_url,
            "fallback_key_env": variable,
        }
        if not variable:
            other.script(HttpError(401, "invalid x-api-key"))
        other.script(answer(ToolUse("send_message", {"text": "one"})), "Done.")
        async with talking(api, tmp_path, sections={"model": away}, **elsewhere) as talk:
            await talk.say("Do it")
            if variable:
                told = f"Done.\n\n(Answered by {first} at another address: its own is away right now.)"
                assert await talk.replies(2) == ["one", told]
            else:
                assert "does not accept" in (await talk.replies(1))[0]
        headers = [{name.lower(): value for name, value in one.headers.items()} for one in other.requests]
        assert {one.get("x-api-key") for one in headers} == {"sk-others" if variable else None}
        assert api.requests == []
        kept = [file.read_bytes() for file in (tmp_path / "sessions").rglob("*") if file.is_file()]
        assert kept
        assert not any(
            what.encode() in one for one in kept for what in ("sk-others", api.key, other.base_url)
        )


async def test_no_other_model_is_asked_where_the_first_refuses(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(HttpError(400, "messages: too odd"), HttpError(401, "invalid x-api-key"))
    async with talking(api, tmp_path, fallback_model="claude-haiku-5-5") as talk:
        assert "too odd" in await talk.ask("First")
        assert "does not accept" in await talk.ask("Second")
    assert {request.json["model"] for request in api.requests} == {"claude-sonnet-5-5"}
