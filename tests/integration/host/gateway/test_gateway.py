"""What passes the gateway and what does not, seen through the unmodified SDK."""

from __future__ import annotations

import asyncio
import stat
from typing import Any

import anthropic
import pytest

from host.gateway import server
from tests.fakes.model_api import Gate, HttpError, Text, answer, overloaded
from tests.support.asking import PATIENCE, ask, compacting
from tests.support.gateway_bench import GatewayBench


async def test_an_answer_passes_with_the_real_key_and_nothing_else_of_the_runners(
    bench: GatewayBench,
) -> None:
    await bench.start()
    client = await bench.client()

    message = await client.messages.create(
        **ask("hello"), extra_headers={"x-smuggled": "yes", "cookie": "a=b"}
    )

    assert [block.text for block in message.content if block.type == "text"] == ["hello"]
    headers = {name.lower(): value for name, value in bench.api.requests[0].headers.items()}
    assert headers["x-api-key"] == bench.api.key
    assert "authorization" not in headers
    assert "x-smuggled" not in headers
    assert "cookie" not in headers
    assert "dovecote" not in "".join(headers.values())


async def test_deltas_stream_through_one_by_one(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()
    gate = Gate()
    bench.api.script(answer(Text("one two three", pieces=("one", " two", " three")), gate=gate))
    seen: list[str] = []

    async with asyncio.timeout(PATIENCE), client.beta.messages.stream(**ask()) as stream:
        texts = stream.text_stream
        for count in (1, 2, 3):
            await gate.reached(count)
            assert len(seen) == count - 1
            await gate.release()
            seen.append(await anext(texts))

    assert seen == ["one", " two", " three"]


async def test_the_providers_own_beta_passes(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()

    await client.beta.messages.create(**ask(), **compacting())

    assert bench.api.requests[0].betas == {"compact-2026-01-12"}


async def test_where_the_other_model_is_nothing_else_passes_and_it_passes_nowhere_else(
    bench: GatewayBench,
) -> None:
    other: dict[str, Any] = {"fallback_model": "claude-sonnet-5-5", "fallback_url": bench.api.base_url}
    await bench.start(**other)
    client = await bench.client()
    elsewhere = client.with_options(base_url="http://gateway/fallback")
    for way, model in ((client, "claude-sonnet-5-5"), (elsewhere, "claude-opus-5-5")):
        with pytest.raises(anthropic.PermissionDeniedError, match="is not one of this agent's"):
            await way.messages.create(**ask(model=model))
    twice = client.with_options(base_url="http://gateway/fallback/fallback")
    with pytest.raises(anthropic.NotFoundError):
        await twice.messages.create(**ask(model="claude-sonnet-5-5"))
    with pytest.raises(anthropic.AuthenticationError):  # the key is the model's own, and stays at its place
        await elsewhere.messages.create(**ask(model="claude-sonnet-5-5"))
    assert "x-api-key" not in {name.lower() for name in bench.api.requests[-1].headers}


async def test_tokens_can_be_counted_and_cost_nothing(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0)
    client = await bench.client()
    asked = ask()
    asked.pop("max_tokens")

    counted = await client.messages.count_tokens(**asked)

    assert counted.input_tokens > 0
    assert await bench.usage() == []


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BY_URL = {"type": "image", "source": {"type": "url", "url": "https://example.org/?secret"}}
FOREIGN: dict[str, dict[str, Any]] = {
    "model": {"model": "claude-sonnet-5-5"},
    "models": {"extra_body": {"model": ["claude-opus-5-5"]}},
    "tool": {"tools": [SEARCH]},
    "mcp": {"extra_body": {"mcp_servers": [{"type": "url", "url": "https://example.org", "name": "x"}]}},
    "fallback": {"extra_body": {"fallbacks": [{"model": "claude-haiku-5-5"}]}},
    "speed": {"extra_body": {"speed": "fast"}},
    "beta": {"extra_headers": {"anthropic-beta": "mcp-client-2025-11-20"}},
    "url": {"messages": [{"role": "user", "content": [BY_URL]}]},
    "nested url": {
        "messages": [
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [BY_URL]}]}
        ]
    },
    "file": {
        "messages": [
            {"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}
        ]
    },
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_what_the_agent_is_not_permitted_never_leaves_the_host(bench: GatewayBench, name: str) -> None:
    await bench.start()
    client = await bench.client()

    with pytest.raises(anthropic.PermissionDeniedError):
        await client.messages.create(**{**ask(), **FOREIGN[name]})

    assert bench.api.requests == []
    assert await bench.usage() == []


async def test_what_the_configuration_adds_is_permitted(bench: GatewayBench) -> None:
    await bench.start(models=["claude-sonnet-5-5"], options={"web_search": True}, betas=["pdfs-2024-09-25"])
    client = await bench.client()

    asked = {**ask(), "model": "claude-sonnet-5-5", "tools": [SEARCH]}
    await client.messages.create(**asked, extra_headers={"anthropic-beta": "pdfs-2024-09-25"})

    assert len(bench.api.requests) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/files"),
        ("POST", "/v1/messages/../files"),
        ("DELETE", "/v1/messages"),
        ("POST", "/v1/messages?beta=true&x=1"),
        ("POST", "//example.org/v1/messages"),
    ],
)
async def test_other_paths_and_methods_do_not_pass(bench: GatewayBench, method: str, path: str) -> None:
    await bench.start()
    async with await bench.raw(await bench.session()) as raw:
        answered = await raw.request(method, f"http://gateway{path}", json=ask())

    assert answered.status_code == 404
    assert bench.api.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model": NaN}',
        b"{" * 100_000,
        b'{"model": "claude-opus-5-5", "max_tokens": 1e9, "messages": []}',
        b'{"model": "claude-opus-5-5", "max_tokens": -1, "messages": []}',
        b'{"model": "claude-opus-5-5", "max_tokens": 9, "messages": [], "tools": {"a": 1}}',
        b'{"model": "claude-opus-5-5", "max_tokens": 9, "messages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
async def test_a_broken_body_is_refused_in_words(bench: GatewayBench, body: bytes) -> None:
    await bench.start()
    async with await bench.raw(await bench.session()) as raw:
        answered = await raw.post("/v1/messages", content=body)

    assert answered.status_code == 400
    assert answered.json()["error"]["message"]
    assert bench.api.requests == []


async def test_a_body_that_does_not_arrive_gives_its_place_back(
    bench: GatewayBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_DEADLINE", 0.05)
    await bench.start()
    session = await bench.session()
    reader, writer = await asyncio.open_unix_connection(str(session.folder.gateway_socket))
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n{")
    async with asyncio.timeout(PATIENCE):
        assert b" 408 " in await reader.readline()
    writer.close()
    message = await (await bench.client("2")).messages.create(**ask("hello"))

    assert message.stop_reason == "end_turn"


async def test_a_doubled_key_means_to_the_api_what_it_meant_to_the_gateway(bench: GatewayBench) -> None:
    await bench.start()
    body = (
        b'{"model": "claude-haiku-5-5", "model": "claude-opus-5-5", "max_tokens": 9,'
        b' "messages": [{"role": "user", "content": "x"}]}'
    )
    async with await bench.raw(await bench.session()) as raw:
        await raw.post("/v1/messages", content=body, headers={"anthropic-version": "2026-10-21"})

    assert bench.api.requests[0].raw.count(b'"model"') == 1
    assert bench.api.requests[0].json["model"] == "claude-opus-5-5"


async def test_the_apis_refusals_come_back_as_they_are_and_cost_nothing(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()
    bench.api.fail_next(overloaded(), HttpError(429, "Slow down", {"retry-after": "7"}))

    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await client.messages.create(**ask())
    with pytest.raises(anthropic.RateLimitError, match="Slow down") as limited:
        await client.messages.create(**ask())

    assert limited.value.response.headers["retry-after"] == "7"
    assert await bench.usage() == []
    assert await bench.rows("SELECT * FROM reservations") == []


async def test_without_a_key_the_runner_is_told_what_is_missing(bench: GatewayBench) -> None:
    await bench.start(key="")
    client = await bench.client()

    with pytest.raises(anthropic.AuthenticationError, match="ANTHROPIC_API_KEY"):
        await client.messages.create(**ask())


async def test_an_api_that_is_away_is_a_transient_error_that_costs_nothing(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()
    await bench.api.stop()

    with pytest.raises(anthropic.InternalServerError, match="cannot be reached"):
        await client.messages.create(**ask())

    assert await bench.usage() == []
    assert await bench.rows("SELECT * FROM reservations") == []


async def test_the_socket_is_the_runners_alone_and_gone_after_its_life(bench: GatewayBench) -> None:
    await bench.start()
    session = await bench.session()

    found = session.folder.gateway_socket.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    await bench.gateway.close(session)
    assert not session.folder.gateway_socket.exists()

    await bench.gateway.open(session, bench.settings.config)
    assert session.folder.gateway_socket.is_socket()
