"""What calls cost, and that no budget is passed: not by many at once, not by a crash."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from typing import Any

import anthropic
import httpx2
import pytest

from tests.fakes.model_api import Gate, Hang, LoseAnswer, Text, Thinking, TruncateStream, Usage, answer
from tests.support.asking import MODEL, PATIENCE, ask, compacting
from tests.support.files import noise, pdf
from tests.support.gateway_bench import DAY, GatewayBench
from tests.support.waiting import eventually

COUNTS = Usage(
    input_tokens=1000, output_tokens=100, cache_creation_input_tokens=200, cache_read_input_tokens=400
)
COST = 1000 * 5 + 100 * 25 + 200 * 10 + 400 // 2  # millionths of a dollar, at the price of claude-opus


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
async def test_an_answer_is_charged_by_what_it_says_it_cost(bench: GatewayBench, streamed: bool) -> None:
    await bench.start()
    client = await bench.client()
    bench.api.script(answer("hello", usage=COUNTS))

    if streamed:
        async with client.beta.messages.stream(**ask()) as stream:
            await stream.get_final_message()
    else:
        await client.messages.create(**ask())

    assert await bench.usage() == [("default", MODEL, 1000, 100, COST, 0)]
    assert await bench.rows("SELECT agent, cost FROM spent") == [("default", COST)]
    assert await bench.rows("SELECT * FROM reservations") == []


async def test_a_summary_that_the_api_makes_on_the_way_is_paid_for(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()

    async with client.beta.messages.stream(**ask("x" * 240_000), **compacting()) as stream:
        await stream.get_final_message()

    billed = bench.api.billed[0]
    [(_, _, input_tokens, _, _, _)] = await bench.usage()
    assert input_tokens == billed["input_tokens"] + billed["iterations"][0]["input_tokens"]


async def test_configured_prices_take_the_place_of_the_built_in(bench: GatewayBench) -> None:
    price = {"input": 1.0, "output": 1.0, "cache_write": 1.0, "cache_read": 1.0}
    await bench.start(model={"prices": {MODEL: price}})
    client = await bench.client()
    bench.api.script(answer("hello", usage=COUNTS))

    await client.messages.create(**ask())

    assert [row[4] for row in await bench.usage()] == [1700]


async def test_over_budget_nothing_is_sent_and_one_line_says_why(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0.02)
    client = await bench.client()
    bench.api.script(answer("hello", usage=Usage(input_tokens=3000, output_tokens=200)))
    await client.messages.create(**ask())
    await bench.usage()

    with pytest.raises(anthropic.APIStatusError) as over:
        await client.messages.create(**ask())

    assert over.value.status_code == 402
    assert "the budget of agent default for today ($0.02)" in str(over.value)
    assert len(bench.api.requests) == 1


async def test_a_day_later_the_daily_budget_is_new_and_the_monthly_is_not(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0.02, budget_usd_per_month=0.03)
    client = await bench.client()
    spend = answer("hello", usage=Usage(input_tokens=3000, output_tokens=0))
    bench.api.script(spend, spend)

    await client.messages.create(**ask())
    await bench.usage()
    bench.now += DAY
    await client.messages.create(**ask())
    await bench.usage()
    bench.now += DAY
    with pytest.raises(anthropic.APIStatusError, match="this month"):
        await client.messages.create(**ask())


async def test_a_clock_that_was_years_ahead_once_spends_nothing_of_the_days_before(
    bench: GatewayBench,
) -> None:
    await bench.start(budget_usd_per_day=0.02, budget_usd_per_month=0.02)
    client = await bench.client()
    spend = answer("hello", usage=Usage(input_tokens=3900, output_tokens=0))
    bench.api.script(spend, spend)
    bench.now += 5 * 365 * DAY
    await client.messages.create(**ask())
    await bench.usage()
    bench.now -= 5 * 365 * DAY
    await client.messages.create(**ask())
    assert len(bench.api.requests) == 2


async def test_the_budget_of_all_agents_counts_every_session(bench: GatewayBench) -> None:
    await bench.start(model={"budget_usd_per_day": 0.02})
    one, other = await bench.client("1"), await bench.client("2")
    bench.api.script(answer("hello", usage=Usage(input_tokens=3900)))
    await one.messages.create(**ask())
    await bench.usage()

    with pytest.raises(anthropic.APIStatusError, match="all agents"):
        await other.messages.create(**ask())


async def test_many_at_once_cannot_pass_the_budget_together(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0.02)
    client = await bench.client()
    gate = Gate()
    bench.api.answer_with(lambda _: answer(Text("hello"), gate=gate))

    async def one() -> bool:
        try:
            await client.messages.create(**ask())
        except anthropic.APIStatusError as error:
            return error.status_code != 402
        return True

    async with asyncio.timeout(PATIENCE):
        calls = [asyncio.create_task(one()) for _ in range(8)]
        done, under_way = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 5:
            more, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        await gate.open()
        verdicts = [await call for call in calls]

    assert 0 < verdicts.count(True) <= 3  # each sets aside at least $0.005 for its 200 tokens


async def test_who_hangs_up_while_money_is_set_aside_ties_none_down(bench: GatewayBench) -> None:
    await bench.start()
    session = await bench.session()
    disk_is_free = threading.Event()
    busy = asyncio.ensure_future(bench.db.write(lambda _: disk_is_free.wait(PATIENCE)))
    async with await bench.raw(session) as raw:
        asking = asyncio.ensure_future(raw.post("/v1/messages", json=ask()))
        await eventually(lambda: bench.db._queue)
        asking.cancel()
    await eventually(lambda: bench.gateway._open[session.id].under_way == 0)
    disk_is_free.set()
    await busy

    assert await bench.usage() == []
    assert await bench.rows("SELECT * FROM reservations") == []
    assert bench.api.requests == []


async def test_a_lost_answer_is_charged_as_if_it_had_been_the_longest(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()
    bench.api.fail_next(LoseAnswer())

    with pytest.raises(anthropic.InternalServerError, match="lost"):
        await client.messages.create(**ask())

    [(_, _, _, _, cost, estimated)] = await bench.usage()
    assert cost >= 200 * 25
    assert estimated == 1


async def test_a_broken_stream_is_charged_for_what_had_come(bench: GatewayBench) -> None:
    await bench.start()
    client = await bench.client()
    bench.api.script(answer("one two three four", usage=Usage(input_tokens=1000)))
    bench.api.fail_next(TruncateStream(6))

    with pytest.raises((anthropic.APIError, httpx2.HTTPError)):
        async with client.beta.messages.stream(**ask()) as stream:
            await stream.get_final_message()

    [(_, _, input_tokens, output_tokens, cost, estimated)] = await bench.usage()
    assert input_tokens == 1000
    assert output_tokens > 0
    assert 5000 < cost < 6500
    assert estimated == 1


async def test_who_hangs_up_in_mid_answer_is_charged_for_it_and_ties_no_money_down(
    bench: GatewayBench,
) -> None:
    """audit_image: stop_early."""
    await bench.start(budget_usd_per_day=10)
    client, gate, begun = await bench.client(), Gate(), asyncio.Event()
    bench.api.script(answer(Text("one two", pieces=("one", " two")), gate=gate))

    async def ask_and_listen() -> None:
        async with client.beta.messages.stream(**{**ask(), "max_tokens": 16_000}) as stream:
            async for _ in stream:
                begun.set()

    asking = asyncio.create_task(ask_and_listen())
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
    session = await bench.session()
    await eventually(lambda: bench.gateway._open[session.id].under_way == 0)
    assert await bench.rows("SELECT * FROM reservations") == []
    [(_, _, _, _, cost, estimated)] = await bench.usage()
    assert estimated == 1
    assert 0 < cost <= 16_000 * 25 + 10_000


async def test_what_a_crash_left_unsettled_is_charged_at_the_next_boot(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0.02)
    client = await bench.client()
    gate = Gate()
    bench.api.answer_with(lambda _: answer(Text("hello"), gate=gate))
    call = asyncio.create_task(client.messages.create(**ask()))
    async with asyncio.timeout(PATIENCE):
        await bench.api.received(1)
    [(set_aside,)] = await bench.rows("SELECT cost FROM reservations")

    assert await bench.budgets.charge_unsettled() == 1

    await gate.open()
    await call
    assert [(row[4], row[5]) for row in await bench.usage()] == [(set_aside, 1)]
    assert await bench.rows("SELECT cost FROM spent") == [(set_aside,)]


async def test_a_photo_is_set_aside_by_its_pixels(bench: GatewayBench) -> None:
    """audit_image. 3.4 MB of picture had been worth ten dollars."""
    gate = Gate()
    await bench.start()
    client = await bench.client()
    bench.api.script(Hang(gate), "I see.")
    data = b64encode(noise(1_060, 1_060)).decode()
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}

    messages = [{"role": "user", "content": [picture, {"type": "text", "text": "look"}]}]

    asking = asyncio.create_task(client.messages.create(**{**ask(), "messages": messages}))
    await bench.api.received(1)
    [(set_aside,)] = await bench.rows("SELECT cost FROM reservations")
    await gate.open()
    await asking

    assert set_aside < 60_000
    [(_, _, tokens, _, cost, _)] = await bench.usage()
    assert tokens >= 1_499
    assert cost <= set_aside


@pytest.mark.parametrize("what", ["thinking", "document", "server tool", "thoughts that came unasked"])
async def test_what_half_an_answer_does_not_show_is_charged_in_full(bench: GatewayBench, what: str) -> None:
    await bench.start(options={"web_search": True})
    client = await bench.client()
    more: dict[str, Any] = {}
    if what == "thinking":
        more["thinking"] = {"type": "adaptive"}
    elif what == "server tool":
        more["tools"] = [{"type": "web_search_20250305", "name": "web_search"}]
    elif what == "document":
        data = b64encode(pdf(2)).decode()
        paper = {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": data},
        }
        more["messages"] = [{"role": "user", "content": [paper, {"type": "text", "text": "read"}]}]
    bench.api.fail_next(TruncateStream(3))
    bench.api.script(answer(Thinking("Hm."), "Hello.") if "thoughts" in what else "Hello there.")

    with pytest.raises((anthropic.APIError, httpx2.HTTPError)):
        async with client.messages.stream(**{**ask(), **more}) as stream:
            await stream.get_final_message()

    [(_, _, _, _, cost, estimated)] = await bench.usage()
    assert estimated
    assert cost >= ask()["max_tokens"] * 25  # the longest answer, at the price of claude-opus
    if what == "document":
        assert cost >= 2 * 4_600 * 10 + ask()["max_tokens"] * 25


async def test_days_that_a_wrong_clock_wrote_spend_none_of_todays_budget(bench: GatewayBench) -> None:
    await bench.start(budget_usd_per_day=0.5, budget_usd_per_month=0.5)
    client = await bench.client()
    bench.now += 5 * 365 * DAY
    bench.api.script(answer("hello", usage=Usage(input_tokens=90_000, output_tokens=10)), "again")
    await client.messages.create(**ask())
    await bench.usage()
    bench.now -= 5 * 365 * DAY

    assert await client.messages.create(**ask())
