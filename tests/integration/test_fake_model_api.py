"""The fake Messages API, seen through the unmodified SDK."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.lib.tools import ToolError, beta_async_tool

from tests.fakes.model_api import (
    Compaction,
    DropBeforeAnswer,
    ErrorInStream,
    FakeModelAPI,
    Fault,
    Gate,
    Hang,
    LoseAnswer,
    MalformedEvent,
    RedactedThinking,
    ServerToolUse,
    StopReason,
    Text,
    Thinking,
    ToolUse,
    TruncateStream,
    Usage,
    WebFetchResult,
    WebSearchResult,
    answer,
    internal_error,
    overloaded,
    rate_limited,
)

MODEL = "claude-opus-5-5"
PATIENCE = 20  # seconds before a test that waits for something gives up
COMPACT = "compact-2026-01-12"


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    async with asyncio.timeout(PATIENCE), FakeModelAPI() as server:
        yield server


@pytest.fixture
async def client(api: FakeModelAPI) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key=api.key, base_url=api.base_url, max_retries=0) as connected:
        yield connected


def ask(text: str = "Good morning, pigeons", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": text}], **more}


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

    async with client.beta.messages.stream(**ask()) as stream:
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


def marked(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


async def test_a_marked_prefix_is_written_once_and_read_afterwards(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    system = [marked("You keep pigeons. " * 20)]
    first = await client.messages.create(**ask("One", system=system))
    longer = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Coo"},
        {"role": "user", "content": [marked("Two")]},
    ]
    second = await client.messages.create(model=MODEL, max_tokens=9, messages=longer, system=system)  # type: ignore[arg-type]

    assert first.usage.cache_creation_input_tokens is not None
    assert first.usage.cache_creation_input_tokens > 0
    assert first.usage.cache_read_input_tokens == 0
    assert second.usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens
    assert second.usage.cache_creation_input_tokens is not None
    assert second.usage.cache_creation_input_tokens > 0
    assert second.usage.input_tokens == 0
    earlier, later = (request.cache for request in api.requests)
    assert later.divergence_from(earlier) is None
    assert later.marked_prefix[: len(earlier.marked_prefix)] == earlier.marked_prefix


async def test_a_changed_prefix_is_named_and_not_read(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    await client.messages.create(**ask("One", system=[marked("It is 10:00")]))
    late = await client.messages.create(**ask("One", system=[marked("It is 10:01")]))

    assert late.usage.cache_read_input_tokens == 0
    assert api.requests[1].cache.divergence_from(api.requests[0].cache) == "system.0"


async def test_automatic_caching_marks_the_last_block_and_expiry_forgets(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    request = ask("The same again", cache_control={"type": "ephemeral", "ttl": "1h"})
    written, read = [await client.messages.create(**request) for _ in range(2)]
    api.cache.expire()
    rewritten = await client.messages.create(**request)

    assert written.usage.cache_creation is not None
    assert written.usage.cache_creation.ephemeral_1h_input_tokens > 0
    assert read.usage.cache_read_input_tokens == written.usage.cache_creation_input_tokens
    assert rewritten.usage.cache_read_input_tokens == 0


async def test_usage_can_be_dictated_and_is_billed(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    api.script(answer("Dear", usage=Usage(1000, 20, 300, 40)))

    usage = (await client.messages.create(**ask())).usage

    assert (usage.input_tokens, usage.output_tokens) == (1000, 20)
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (300, 40)
    assert [bill["output_tokens"] for bill in api.billed] == [20]


async def test_counting_tokens_counts_the_whole_prompt(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    request = ask("How long is this?")
    del request["max_tokens"]

    plain = await client.messages.count_tokens(**request)
    beta = await client.beta.messages.count_tokens(**request)

    assert plain.input_tokens == beta.input_tokens == api.requests[0].cache.prompt_tokens > 0
    assert api.billed == []


async def test_models_are_listed_and_looked_up(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    listed = [model.id async for model in client.models.list()]

    assert listed == list(api.models)
    assert (await client.models.retrieve(MODEL)).max_tokens == api.models[MODEL]
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-extinct-1")


def compacting(value: int = 50_000, **more: Any) -> dict[str, Any]:
    trigger = {"type": "input_tokens", "value": value}
    return {
        "betas": [COMPACT],
        "context_management": {"edits": [{"type": "compact_20260112", "trigger": trigger, **more}]},
    }


async def test_a_long_conversation_is_compacted_and_counts_from_its_summary_on(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.script("That was long.", "Gone on.")
    request = ask("word " * 50_000, **compacting())
    first = await client.beta.messages.create(**request)
    assert [block.type for block in first.content] == ["compaction", "text"]
    assert [item.type for item in first.usage.iterations or ()] == ["compaction", "message"]

    request["messages"] += [first.to_param(), {"role": "user", "content": "Go on"}]
    second = await client.beta.messages.create(**request)

    assert [block.type for block in second.content] == ["text"]
    assert second.usage.iterations is None


async def test_the_tool_runner_continues_after_a_pause_for_compaction(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.script("Now then.")
    request = ask("word " * 50_000, tools=[], **compacting(pause_after_compaction=True))

    runner = client.beta.messages.tool_runner(**request, thread=False, stream=True)
    reasons = [(await stream.get_final_message()).stop_reason async for stream in runner]

    assert reasons == ["compaction", "end_turn"]


def calls(*results: str) -> list[dict[str, Any]]:
    """A conversation with one call (id `toolu_1`) and results under these ids."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
    answers = [{"type": "tool_result", "tool_use_id": result, "content": "5"} for result in results]
    return [
        {"role": "user", "content": "Add"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [*answers, {"type": "text", "text": "Well?"}]},
    ]


FORGED = [{"type": "thinking", "thinking": "Hm", "signature": "forged"}]
TOOL = {"name": "add", "input_schema": {"type": "object"}}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": 0}, "max_tokens: must be greater"),
    ({"max_tokens": 10**6}, "max_tokens: 1000000 >"),
    ({"temperature": 0.5}, "temperature"),
    ({"top_p": 0.5}, "top_p"),
    ({"top_k": 5}, "top_k"),
    ({"colour": "grey"}, "colour: Extra inputs are not permitted"),
    ({"messages": []}, "at least one message"),
    ({"messages": [{"role": "pigeon", "content": "Coo"}]}, "messages.0.role"),
    ({"messages": [{"role": "assistant", "content": "Coo"}]}, "first message"),
    ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_use"}]}]}, "messages.0.content.0"),
    ({"messages": [{"role": "user", "content": "Hi", "id": "m1"}]}, "messages.0.id: Extra inputs"),
    ({"messages": [*ask()["messages"], {"role": "assistant", "content": "Coo"}]}, "prefill"),
    ({"messages": [*ask()["messages"], {"role": "assistant", "content": FORGED}]}, "Invalid `signature`"),
    ({"messages": calls()}, "without `tool_result` blocks immediately after: toolu_1"),
    ({"messages": calls("toolu_1", "toolu_2")}, "unexpected `tool_use_id`"),
    ({"messages": calls("toolu_1")[:2]}, "without `tool_result` blocks"),
    ({"tools": [{"name": "add"}]}, "tools.0.custom.input_schema"),
    ({"tools": [{**TOOL, "name": "add numbers"}]}, "should match pattern"),
    ({"tools": [TOOL, TOOL]}, "must be unique"),
    ({"tool_choice": {"type": "tool", "name": "add"}}, "'add' not found"),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "budget_tokens"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "greater than `thinking.budget_tokens`"),
    ({"system": [marked(str(number)) for number in range(5)]}, "maximum of 4 blocks"),
    ({"context_management": {"edits": []}}, "context_management: Extra inputs"),
    ({"mcp_servers": []}, "mcp_servers: Extra inputs"),
    ({"thread": {"type": "create"}}, "thread: Extra inputs"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
async def test_an_invalid_request_is_refused_in_words(
    api: FakeModelAPI, client: AsyncAnthropic, change: dict[str, Any], reason: str
) -> None:
    body = {key: value for key, value in {**ask(), **change}.items() if value is not None}

    with pytest.raises(anthropic.BadRequestError) as refusal:
        await client.post("/v1/messages", body=body, cast_to=object)

    assert reason in str(refusal.value.api_message)
    assert refusal.value.type == "invalid_request_error"
    assert refusal.value.request_id == api.requests[0].id
    assert (api.requests[0].outcome, api.billed) == ("refused", [])


@pytest.mark.parametrize(
    ("betas", "value", "reason"),
    [
        (["made-up-2026-01-01"], 50_000, "Unexpected value(s)"),
        (["context-management-2025-06-27"], 50_000, "compact_20260112"),
        ([COMPACT], 49_999, "at least 50000"),
    ],
)
async def test_compaction_needs_its_beta_and_a_trigger_of_some_size(
    client: AsyncAnthropic, betas: list[str], value: int, reason: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refusal:
        await client.beta.messages.create(**ask(**{**compacting(value), "betas": betas}))

    assert reason in str(refusal.value.api_message)


async def test_results_of_a_call_are_accepted_right_after_it(client: AsyncAnthropic) -> None:
    request = {**ask(), "messages": calls("toolu_1")}

    assert (await client.messages.create(**request)).stop_reason == "end_turn"


async def test_an_unknown_model_is_not_found(client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(**{**ask(), "model": "claude-extinct-1"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "right"}, 200),
        ({"authorization": "Bearer right"}, 200),
        ({"x-api-key": "right", "anthropic-version": ""}, 400),
        ({"x-api-key": "right", "anthropic-version": "1999-01-01"}, 400),
    ],
)
async def test_credentials_and_version_are_checked(
    api: FakeModelAPI, headers: dict[str, str], status: int
) -> None:
    sent = {"anthropic-version": "2026-10-21", **headers}
    sent = {name: value.replace("right", api.key) for name, value in sent.items() if value}
    async with httpx2.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{api.base_url}/v1/messages?beta=true", json=ask(), headers=sent)

    assert response.status_code == status


async def test_the_sdk_maps_a_wrong_key_to_its_own_class(api: FakeModelAPI) -> None:
    async with AsyncAnthropic(api_key="wrong", base_url=api.base_url, max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(**ask())


@pytest.mark.parametrize(
    ("fault", "expected", "billed"),
    [
        (rate_limited(7), anthropic.RateLimitError, 0),
        (overloaded(), anthropic.OverloadedError, 0),
        (internal_error(), anthropic.InternalServerError, 0),
        (DropBeforeAnswer(), anthropic.APIConnectionError, 0),
        (LoseAnswer(), anthropic.APIConnectionError, 1),
        # The SDK translates nothing once a stream has begun.
        (TruncateStream(after_events=4), httpx2.RemoteProtocolError, 1),
        (ErrorInStream(after_events=4), anthropic.APIStatusError, 1),
        (MalformedEvent(after_events=4), ValueError, 1),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, type | int) else str(value),
)
async def test_a_fault_reaches_the_client_as_the_sdk_maps_it(
    api: FakeModelAPI, client: AsyncAnthropic, fault: Fault, expected: type[Exception], billed: int
) -> None:
    api.fail_next(fault)

    with pytest.raises(expected):
        async with client.beta.messages.stream(**ask()) as stream:
            await stream.until_done()

    assert len(api.billed) == billed
    assert (await client.messages.create(**ask())).stop_reason == "end_turn"


async def test_retry_after_is_sent_and_the_sdk_retries_by_itself(api: FakeModelAPI) -> None:
    api.script(rate_limited(0.001), overloaded(), "At last")

    async with AsyncAnthropic(api_key=api.key, base_url=api.base_url, max_retries=2) as patient:
        message = await patient.messages.create(**ask())

    assert message.content[0].type == "text"
    assert message.content[0].text == "At last"
    assert [request.status for request in api.requests] == [429, 529, 200]
    assert api.requests[2].headers["x-stainless-retry-count"] == "2"


async def test_an_error_in_mid_stream_keeps_the_status_of_the_stream(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.fail_next(ErrorInStream(after_events=4))
    seen = []

    with pytest.raises(anthropic.APIStatusError) as broken:
        async with client.messages.stream(**ask()) as stream:
            seen += [event.type async for event in stream]

    assert (broken.value.status_code, broken.value.type) == (200, "overloaded_error")


async def test_a_stream_that_ends_early_without_a_sound_has_no_stop_reason(
    api: FakeModelAPI, client: AsyncAnthropic
) -> None:
    api.fail_next(TruncateStream(after_events=4, clean=True))

    async with client.beta.messages.stream(**ask()) as stream:
        kinds = [event.type async for event in stream]
        message = await stream.get_final_message()

    assert "message_stop" not in kinds
    assert message.stop_reason is None


async def test_a_hanging_request_answers_when_released(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    gate = Gate()
    api.script(Hang(gate), "Awake")

    asking = asyncio.create_task(client.messages.create(**ask()))
    await gate.reached()
    assert not asking.done()
    await gate.open()

    message = await asking
    assert message.content[0].type == "text"
    assert message.content[0].text == "Awake"


async def test_a_client_that_goes_away_is_noticed(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    gate = Gate()
    api.fail_next(Hang(gate))

    asking = asyncio.create_task(client.messages.create(**ask()))
    request = await api.received(1)
    await gate.reached()
    asking.cancel()
    await request.finished.wait()

    assert request.outcome == "abandoned"


async def test_the_server_stops_although_a_request_hangs(client: AsyncAnthropic, api: FakeModelAPI) -> None:
    gate = Gate()
    api.fail_next(Hang(gate))

    asking = asyncio.create_task(client.messages.create(**ask()))
    await gate.reached()
    await api.stop()

    with pytest.raises(anthropic.APIConnectionError):
        await asking


async def test_the_same_api_answers_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "model.sock"
    async with asyncio.timeout(PATIENCE), FakeModelAPI(unix_socket=path) as api:
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        http = anthropic.DefaultAsyncHttpxClient(transport=transport, trust_env=False)
        async with (
            AsyncAnthropic(api_key=api.key, base_url="http://model", http_client=http) as client,
            client.beta.messages.stream(**ask("Through the wall")) as stream,
        ):
            said = [piece async for piece in stream.text_stream]

    assert said == ["Through", " the", " wall"]
