"""Tokens, the prompt cache and compaction of the fake Messages API."""

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.fakes.model_api import (
    FakeModelAPI,
    Usage,
    answer,
)
from tests.support.asking import MODEL, ask, compacting, marked


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
