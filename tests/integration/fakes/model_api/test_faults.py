"""Faults, hangs and disconnections of the fake Messages API."""

import asyncio
from pathlib import Path

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.fakes.model_api import (
    DropBeforeAnswer,
    ErrorInStream,
    FakeModelAPI,
    Fault,
    Gate,
    Hang,
    LoseAnswer,
    MalformedEvent,
    TruncateStream,
    internal_error,
    overloaded,
    rate_limited,
)
from tests.support.asking import PATIENCE, ask


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

    async with asyncio.timeout(PATIENCE):
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

    async with asyncio.timeout(PATIENCE):
        asking = asyncio.create_task(client.messages.create(**ask()))
        request = await api.received(1)
        await gate.reached()
        asking.cancel()
        await request.finished.wait()

    assert request.outcome == "abandoned"


async def test_the_server_stops_although_a_request_hangs(api: FakeModelAPI, client: AsyncAnthropic) -> None:
    gate = Gate()
    api.fail_next(Hang(gate))

    async with asyncio.timeout(PATIENCE):
        asking = asyncio.create_task(client.messages.create(**ask()))
        await gate.reached()
        await api.stop()
        with pytest.raises(anthropic.APIConnectionError):
            await asking


async def test_the_same_api_answers_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "model.sock"
    http = anthropic.DefaultAsyncHttpxClient(
        transport=httpx2.AsyncHTTPTransport(uds=str(path)), trust_env=False
    )
    async with (
        FakeModelAPI(unix_socket=path) as api,
        AsyncAnthropic(api_key=api.key, base_url="http://model", http_client=http) as client,
        client.beta.messages.stream(**ask("Through the wall")) as stream,
    ):
        said = [piece async for piece in stream.text_stream]

    assert said == ["Through", " the", " wall"]
