"""What the fake Messages API refuses, as the real one does."""

from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.fakes.model_api import FakeModelAPI
from tests.support.asking import COMPACT, ask, compacting, marked


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
