"""What the fake Messages API says, seen through the unmodified SDK."""

import asyncio
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from anthropic.lib.tools import ToolError, beta_async_tool

from tests.fakes.model_api import (
    Compaction,
    FakeModelAPI,
    Gate,
    RedactedThinking,
    ServerToolUse,
    StopReason,
    Text,
    Thinking,
    ToolUse,
    WebFetchResult,
    WebSearchResult,
    answer,
)
from tests.support.asking import MODEL, PATIENCE, ask


async def test_without_a_script_the_last_user_text_comes_back(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    message = await client.messages.create(**ask("Is anybody there?"))

    assert [block.text for block in message.content if block.type == "text"] == ["Is anybody there?"]
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert api.requests[0].json["messages"][0]["content"] == "Is anybody there?"
    assert b'"Is anybody there?"' in api.requests[0].raw


async def test_text_deltas_arrive_one_by_one_as_the_gate_lets_them(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    gate = Gate()
    api.script(answer(Text("one two three", pieces=("one", " two", " three")), gate=gate))
    seen: list[str] = []

    async with asyncio.timeout(PATIENCE), client.beta.messages.stream(**ask()) as stream:
        texts = stream.text_stream
        for count in (1, 2, 3):
            await gate.reached(count)
            assert len(seen) == count - 1
            await gate.release()
            seen.append(await anext(texts))

    assert seen == ["one", " two", " three"]


async def test_streamed_blocks_of_every_kind_add_up_to_the_message(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    search = ServerToolUse("web_search", {"query": "rock doves"})
    fetch = ServerToolUse("web_fetch", {"url": "https://example.org/doves"})
    blocks = (
        Compaction("They spoke of birds."),
        Thinking("What is a dovecote?"),
        RedactedThinking("c2VjcmV0"),
        search,
        WebSearchResult(search.id, (("Doves", "https://example.org/doves"),)),
        fetch,
        WebFetchResult(fetch.id, "https://example.org/doves", "Doves live in dovecotes."),
        Text("A house for doves.  \n"),
        ToolUse("note", {"title": "dovecote", "tags": ["house", "dove"], "ø": {"deep": [1, None]}}),
        ToolUse("empty"),
    )
    api.script(answer(*blocks), answer(*blocks))

    whole = await client.beta.messages.create(**ask())
    async with client.beta.messages.stream(**ask()) as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_message()

    exclude: dict[str, Any] = {"content": {"__all__": {"parsed_output"}}}
    assert (
        streamed.model_dump(exclude=exclude, warnings=False)["content"]
        == whole.model_dump(warnings=False)["content"]
    )
    assert [block.type for block in whole.content] == [block.content()["type"] for block in blocks]
    assert streamed.usage == whole.usage
    assert whole.usage.server_tool_use is not None
    assert whole.usage.server_tool_use.web_search_requests == 1
    assert {"text", "thinking", "signature", "input_json", "compaction", "message_stop"} <= set(kinds)


@pytest.mark.parametrize(
    "reason",
    [
        "end_turn",
        "max_tokens",
        "tool_use",
        "pause_turn",
        "refusal",
        "compaction",
        "model_context_window_exceeded",
    ],
)
async def test_every_stop_reason_reaches_the_client(
    api: FakeModelAPI, client: AsyncAnthropic, reason: StopReason
) -> None:
    said = answer("So far", stop_reason=reason, refusal_category="cyber" if reason == "refusal" else None)
    api.script(said, said)

    whole = await client.beta.messages.create(**ask())
    async with client.beta.messages.stream(**ask()) as stream:
        streamed = await stream.get_final_message()

    assert whole.stop_reason == streamed.stop_reason == reason
    assert (whole.stop_details is not None) == (reason == "refusal")
    assert streamed.stop_details == whole.stop_details


async def test_a_stop_sequence_is_named(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    api.script(answer("Until", stop_sequence="END"))

    message = await client.messages.create(**ask(stop_sequences=["END"]))

    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


@beta_async_tool
async def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@beta_async_tool
async def fail(reason: str) -> str:
    """Fails."""
    raise ToolError(f"No: {reason}")


async def test_the_tool_runner_runs_parallel_calls_and_sends_their_results_back(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    calls = (ToolUse("add", {"a": 2, "b": 3}), ToolUse("fail", {"reason": "closed"}))
    api.script(answer(Thinking("Sums."), "Let me see.", *calls), "Five, and a refusal.")

    runner = client.beta.messages.tool_runner(**ask(tools=[add, fail]), thread=False, stream=True)
    kinds = [[event.type async for event in stream] async for stream in runner]
    final = await runner.until_done()

    assert final.content[0].type == "text"
    assert final.content[0].text == "Five, and a refusal."
    assert ["input_json" in turn for turn in kinds] == [True, False]
    second = api.requests[1]
    assert second.tool_results == {calls[0].id: "5", calls[1].id: "No: closed"}
    assert [result.get("is_error") for result in second.last_message["content"]] == [None, True]
    assert second.tool_names == ["add", "fail"]
    assert api.unused_steps == 0


async def test_a_paused_turn_is_resumed_with_what_was_said_so_far(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    search = ServerToolUse("web_search", {"query": "doves"})
    api.script(answer(search, WebSearchResult(search.id), stop_reason="pause_turn"), "Nothing found.")

    runner = client.beta.messages.tool_runner(**ask(tools=[]), thread=False, stream=True)
    final = await runner.until_done()

    assert final.stop_reason == "end_turn"
    assert [message["role"] for message in api.requests[1].json["messages"]] == ["user", "assistant"]


async def test_rules_answer_by_content_and_the_last_answer_stays(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.when(text_contains="weather").answer("Sun", "Rain")
    api.when(system_contains="pirate").answer(lambda request: f"Arr, {request.user_text}!")
    api.answer_with(lambda request: f"{len(request.json['messages'])} message")

    async def said(text: str, **more: Any) -> str:
        message = await client.messages.create(**ask(text, **more))
        return message.content[0].text if message.content[0].type == "text" else ""

    assert [await said("the weather?") for _ in range(3)] == ["Sun", "Rain", "Rain"]
    assert await said("matey", system="Talk like a pirate.") == "Arr, matey!"
    assert await said("anything") == "1 message"


async def test_a_rule_for_a_tool_result_ends_the_loop_that_a_rule_for_text_began(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.when(text_contains="2 and 3").answer(lambda request: answer(ToolUse("add", {"a": 2, "b": 3})))
    api.when(tool_result_contains="5").answer("It is five.")

    runner = client.beta.messages.tool_runner(**ask("Add 2 and 3", tools=[add]), thread=False)
    final = await runner.until_done()

    assert final.content[0].type == "text"
    assert final.content[0].text == "It is five."
