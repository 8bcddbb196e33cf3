"""Faults of single calls, as the SDK sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Fault, Kind
from tests.support.slack_app import clear_proxies, connected, make_bot, web_client


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return web_client(slack)


async def test_an_answer_that_is_lost_leaves_the_message_posted(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.answer_lost())
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=general.id, text="sent?")
    assert [message.text for message in slack.messages(general)] == ["sent?"]


async def test_the_sdks_own_retry_posts_twice_when_an_answer_is_lost(slack: FakeSlack) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.answer_lost())
    trusting = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    await trusting.chat_postMessage(channel=general.id, text="sent?")
    assert [message.text for message in slack.messages(general)] == ["sent?", "sent?"]


async def test_a_message_can_appear_after_the_caller_gave_up(slack: FakeSlack) -> None:
    general = slack.add_channel("general")
    looked = asyncio.Event()
    slack.faults.next("chat.postMessage", Fault.posted_late(until=looked))
    hasty = web_client(slack, timeout=1)
    with pytest.raises(TimeoutError):
        await hasty.chat_postMessage(channel=general.id, text="late")
    assert slack.messages(general) == []
    looked.set()
    await slack.wait_for(lambda message: message.text == "late")


async def test_a_slow_answer_comes_when_it_is_let_go(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    go = asyncio.Event()
    slack.faults.next("chat.postMessage", Fault.slow(go))
    post = asyncio.create_task(client.chat_postMessage(channel=general.id, text="slowly"))
    await slack.wait_until(lambda: slack.calls("chat.postMessage"))
    assert slack.messages(general) == []
    go.set()
    assert (await post)["ok"]


async def test_a_rate_limited_call_says_when_to_come_back(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.rate_limited(retry_after=7))
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=general.id, text="hi")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "7"
    await client.chat_postMessage(channel=general.id, text="hi")
    assert len(slack.messages(general)) == 1


async def test_a_dropped_connection_posts_nothing(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.drop())
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=general.id, text="hi")
    assert slack.messages(general) == []


async def test_a_server_error_posts_nothing(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.http_error(503))
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=general.id, text="hi")
    assert refused.value.response.status_code == 503
    assert slack.messages(general) == []


async def test_a_malformed_answer_hides_a_post_that_happened(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    general = slack.add_channel("general")
    slack.faults.next("chat.postMessage", Fault.malformed())
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=general.id, text="hi")
    assert len(slack.messages(general)) == 1


async def test_opening_a_connection_can_be_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.faults.next("apps.connections.open", Fault.refuse("internal_error"), times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError) as refused:
            await client.apps_connections_open(app_token=slack.app_token)
        assert refused.value.response["error"] == "internal_error"
    answer = await client.apps_connections_open(app_token=slack.app_token)
    assert answer["url"].startswith("ws://127.0.0.1:")


async def test_chance_with_one_seed_is_the_same_chance(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")

    async def outcomes() -> list[bool]:
        slack.faults.chance(0.5, seed=11, kinds=[Kind.RATE_LIMITED, Kind.HTTP_ERROR])
        results = []
        for _ in range(20):
            try:
                await client.chat_postMessage(channel=general.id, text="hi")
                results.append(True)
            except SlackApiError:
                results.append(False)
        return results

    first = await outcomes()
    assert await outcomes() == first
    assert {True, False} == set(first)
    slack.faults.clear()
    await client.chat_postMessage(channel=general.id, text="hi")
    assert len(slack.faults.injected) == 2 * first.count(False)


async def test_chance_also_meets_events(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        slack.faults.chance(1.0, seed=3, kinds=[Kind.DUPLICATED])
        slack.say(ada, general, "one")
        slack.say(ada, general, "two")
        assert sorted(each.text for each in await bot.hear(4)) == ["one", "one", "two", "two"]
