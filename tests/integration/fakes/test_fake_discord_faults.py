"""The fake's REST faults, as the unmodified discord.py meets them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import discord
import pytest

from tests.fakes.discord import Channel, FakeDiscord, Fault
from tests.fakes.discord.client import ListeningClient, connected

POST = "POST /channels/{}/messages"


@asynccontextmanager
async def room() -> AsyncIterator[tuple[FakeDiscord, Channel, discord.TextChannel]]:
    """A server, a channel, and the same channel as a connected client sees it."""
    async with FakeDiscord() as server:
        channel = server.add_text_channel(server.add_guild())
        async with connected(ListeningClient(), server) as client:
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            yield server, channel, mirror


def contents(server: FakeDiscord, channel: Channel) -> list[str]:
    return [message.content for message in server.messages(channel)]


async def test_a_lost_answer_has_posted_and_the_nonce_finds_the_message() -> None:
    async with room() as (server, channel, mirror):
        server.faults.next(POST, Fault.answer_lost())
        with pytest.raises(aiohttp.ClientError):
            await mirror.send("once", nonce="out-7")
        assert contents(server, channel) == ["once"]
        again = await mirror.send("once", nonce="out-7")
        assert contents(server, channel) == ["once"]
        assert again.id == server.messages(channel)[0].id


async def test_a_drop_before_the_post_has_posted_nothing() -> None:
    async with room() as (server, channel, mirror):
        server.faults.next(POST, Fault.dropped())
        with pytest.raises(aiohttp.ClientError):
            await mirror.send("never")
        assert contents(server, channel) == []
        assert [(call.fault, call.status) for call in server.calls(POST)] == [("dropped", None)]


async def test_a_late_post_appears_after_the_caller_gave_up() -> None:
    async with room() as (server, channel, mirror):
        release = asyncio.Event()
        server.faults.next(POST, Fault.posted_late(release))
        with pytest.raises(aiohttp.ClientError):
            await mirror.send("late")
        assert contents(server, channel) == []
        release.set()
        await server.wait_for(lambda: contents(server, channel) == ["late"])


async def test_a_slow_post_is_carried_out_even_if_the_caller_has_left() -> None:
    async with room() as (server, channel, mirror):
        release = asyncio.Event()
        server.faults.next(POST, Fault.slow(release))
        sending = asyncio.create_task(mirror.send("slow"))
        await server.wait_for(lambda: server.calls(POST))
        sending.cancel()
        await asyncio.wait([sending])
        release.set()
        await server.wait_for(lambda: contents(server, channel) == ["slow"])


@pytest.mark.parametrize("fault", [Fault.rate_limited(), Fault.rate_limited_globally()])
async def test_rate_limits_are_waited_out_by_the_library(fault: Fault) -> None:
    async with room() as (server, channel, mirror):
        server.faults.next(POST, fault, times=2)
        await mirror.send("patience")
        assert [call.status for call in server.calls(POST)] == [None, None, 200]
        assert contents(server, channel) == ["patience"]


async def test_a_rate_limit_carries_discords_headers() -> None:
    async with FakeDiscord() as server, aiohttp.ClientSession() as http:
        server.faults.next("GET /gateway", Fault.rate_limited(2.5), Fault.rate_limited_globally(2.5))
        async with http.get(f"{server.api_url}/gateway") as bucket:
            assert bucket.status == 429
            assert bucket.headers["X-RateLimit-Remaining"] == "0"
            assert bucket.headers["X-RateLimit-Scope"] == "user"
            assert {"Via", "Retry-After", "X-RateLimit-Bucket"} <= set(bucket.headers)
            assert await bucket.json() == {
                "message": "You are being rate limited.",
                "retry_after": 2.5,
                "global": False,
            }
        async with http.get(f"{server.api_url}/gateway") as everywhere:
            assert everywhere.headers["X-RateLimit-Global"] == "true"
            assert (await everywhere.json())["global"] is True


async def test_a_cloudflare_ban_raises_at_once() -> None:
    async with room() as (server, _, mirror):
        server.faults.next(POST, Fault.cloudflare_ban())
        with pytest.raises(discord.HTTPException) as banned:
            await mirror.send("blocked")
        assert banned.value.status == 429


async def test_503_raises_at_once_and_500_is_retried() -> None:
    async with room() as (server, channel, mirror):
        server.faults.next(POST, Fault.unavailable())
        with pytest.raises(discord.DiscordServerError):
            await mirror.send("first")
        server.faults.next(POST, Fault.server_error(500))
        await mirror.send("second")
        assert contents(server, channel) == ["second"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_errors_have_their_status(status: int) -> None:
    async with FakeDiscord() as server, aiohttp.ClientSession() as http:
        server.faults.next("GET /gateway", Fault.server_error(status))
        async with http.get(f"{server.api_url}/gateway") as answer:
            assert answer.status == status


async def test_malformed_json_hides_a_post_that_was_made() -> None:
    async with room() as (server, channel, mirror):
        server.faults.next(POST, Fault.malformed_json())
        with pytest.raises(json.JSONDecodeError):
            await mirror.send("made")
        assert contents(server, channel) == ["made"]


async def test_chance_is_the_same_for_the_same_seed() -> None:
    async def outcomes() -> list[int]:
        async with FakeDiscord() as server, aiohttp.ClientSession() as http:
            kinds = [Fault.unavailable(), Fault.server_error(502)]
            server.faults.chance(0.5, seed=11, kinds=kinds, where=lambda call: call.route == "GET /gateway")
            statuses = []
            for _ in range(20):
                async with http.get(f"{server.api_url}/gateway") as answer:
                    statuses.append(answer.status)
            return statuses

    first = await outcomes()
    assert set(first) == {200, 502, 503}
    assert first == await outcomes()


async def test_a_fault_for_an_unknown_route_is_a_mistake() -> None:
    async with FakeDiscord() as server:
        with pytest.raises(ValueError, match="does not serve"):
            server.faults.next("POST /channel/{}/message", Fault.dropped())
        server.faults.next("POST /channels/{channel_id}/messages", Fault.dropped())
