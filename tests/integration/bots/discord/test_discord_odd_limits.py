"""Limits in numbers that are none, as others' servers or what stands between may name them: no call is lost or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
from aiohttp import web
from discord.http import HTTPClient, Route

from bots.discord.client import limits
from tests.fakes.discord.answers import as_json

Answers = Callable[[int], web.Response]

FINE = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.01"}


@asynccontextmanager
async def calling(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[HTTPClient, Callable[[], Any]]]:
    """A client, and a call of it that is answered with what `answers` has for the so manieth."""
    calls = iter(range(1_000))

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/users/@me"):
            return as_json({"id": "1"}, 200)
        return answers(next(calls))

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}")
    http = HTTPClient(asyncio.get_running_loop())
    limits.keep(http)
    try:
        async with asyncio.timeout(30):
            await http.static_login("token")
            yield (
                http,
                lambda: http.request(Route("POST", "/channels/{channel_id}/messages", channel_id=7), json={}),
            )
    finally:
        await http.close()
        await runner.cleanup()


def refusing(body: object, **headers: str) -> Answers:
    told = {"Via": "1.1 google", "Retry-After": "3"} | headers
    return lambda n: as_json({"n": n}) if n else as_json(body, 429, told)


@pytest.mark.parametrize(
    "told",
    [
        {"X-RateLimit-Limit": "0"},
        {"X-RateLimit-Limit": "-5"},
        {"X-RateLimit-Limit": "many"},
        {"X-RateLimit-Remaining": "none"},
        {"X-RateLimit-Reset-After": "nan"},
        {"X-RateLimit-Reset-After": "-4"},
        {"X-RateLimit-Reset-After": "soon"},
        {"X-RateLimit-Reset-After": ""},
        {"X-RateLimit-Reset-After": "", "X-RateLimit-Reset": "1e20"},
    ],
)
async def test_a_limit_in_odd_numbers_neither_breaks_a_call_nor_shuts_the_next_out(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {name: value for name, value in (FINE | told).items() if value}
    async with calling(lambda n: as_json({"n": n}, 200, headers), monkeypatch) as (_, call):
        assert [(await call())["n"] for _ in range(3)] == [0, 1, 2]


async def test_a_limit_without_an_end_is_asked_for_again_within_the_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = FINE | {"X-RateLimit-Reset-After": "inf"}
    async with calling(lambda n: as_json({"n": n}, 200, headers), monkeypatch) as (_, call):
        await call()
        with pytest.raises(discord.RateLimited) as caught:
            await call()
    assert caught.value.retry_after <= 86_400


@pytest.mark.parametrize(
    "body", [{}, {"retry_after": "1"}, {"retry_after": None}, {"retry_after": -1}, [], "no"]
)
async def test_a_refusal_that_does_not_say_until_when_is_proven_unsent_for_as_long_as_its_header_says(
    body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(refusing(body), monkeypatch) as (_, call):
        with pytest.raises(discord.RateLimited) as caught:
            await call()
        assert caught.value.retry_after == 3.0
        assert (await call())["n"] == 1


async def test_a_refusal_of_a_server_that_no_proxy_stands_before_is_no_ban(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with calling(refusing({"retry_after": 0.5}, Via=""), monkeypatch) as (_, call):
        with pytest.raises(discord.RateLimited) as caught:
            await call()
    assert caught.value.retry_after == 0.5


async def test_a_call_that_is_ended_while_all_have_to_wait_shuts_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = asyncio.Event()

    class Gate(asyncio.Event):
        def clear(self) -> None:
            super().clear()
            refused.set()

    monkeypatch.setattr(limits, "SLACK", 0.01)
    async with calling(refusing({"retry_after": 0.3, "global": True}), monkeypatch) as (http, call):
        http._global_over = Gate()
        http._global_over.set()
        ended = asyncio.create_task(call())
        await refused.wait()
        ended.cancel()
        await asyncio.wait([ended])
        assert not http._global_over.is_set()
        assert (await call())["n"] == 1
