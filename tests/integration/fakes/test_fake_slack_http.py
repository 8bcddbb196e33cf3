"""Events and interactions over signed HTTP requests, into the unmodified bolt app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.signature import SignatureVerifier

from tests.fakes.slack import ChallengeError, FakeSlack
from tests.support.slack_app import Bot, clear_proxies, make_bot


@dataclass
class Door:
    """The app's request URL."""

    url: str = ""
    broken: int = 0  # how many of the next requests answer 500
    headers: dict[str, str] = field(default_factory=dict)  # on those answers
    signed: list[bool] = field(default_factory=list)


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=60, retry_delays=(0.0, 0.0, 0.0)) as fake:
        yield fake


@asynccontextmanager
async def served(slack: FakeSlack, bot: Bot) -> AsyncIterator[Door]:
    door = Door()
    verifier = SignatureVerifier(slack.signing_secret)

    async def receive(request: web.Request) -> web.Response:
        door.signed.append(verifier.is_valid_request(await request.text(), dict(request.headers)))
        if door.broken:
            door.broken -= 1
            return web.Response(status=500, headers=door.headers)
        return await to_aiohttp_response(await bot.app.async_dispatch(await to_bolt_request(request)))

    application = web.Application()
    application.router.add_post("/slack/events", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        door.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        yield door
    finally:
        await runner.cleanup()


async def test_events_are_signed_and_verified_by_bolt(slack: FakeSlack) -> None:
    bot = make_bot(slack)
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with served(slack, bot) as door:
        await slack.use_http(door.url)
        slack.say(ada, general, f"{slack.mention()} hello")
        assert {each.type for each in await bot.hear(2)} == {"message", "app_mention"}
        for delivery in slack.deliveries():
            await delivery.acknowledged()
        assert door.signed == [True] * 3


async def test_another_secret_is_refused_by_bolt(slack: FakeSlack) -> None:
    bot = make_bot(slack)
    async with served(slack, bot) as door:
        slack.signing_secret = "somebody else's"
        with pytest.raises(ChallengeError):
            await slack.use_http(door.url)


async def test_a_failed_request_is_retried_with_its_reason(slack: FakeSlack) -> None:
    bot = make_bot(slack)
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with served(slack, bot) as door:
        await slack.use_http(door.url)
        door.broken = 2
        slack.say(ada, general, "third time lucky")
        (heard,) = await bot.hear()
        assert heard.retry == 2
        (delivery,) = slack.deliveries("message")
        await delivery.acknowledged()
        assert [attempt.reason for attempt in delivery.attempts] == ["", "http_error", "http_error"]


async def test_an_answer_may_forbid_retries(slack: FakeSlack) -> None:
    bot = make_bot(slack)
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with served(slack, bot) as door:
        await slack.use_http(door.url)
        door.broken, door.headers = 1, {"X-Slack-No-Retry": "1"}
        slack.say(ada, general, "never mind")
        (delivery,) = slack.deliveries("message")
        await slack.wait_until(lambda: delivery.state == "given_up")
        assert len(delivery.attempts) == 1


async def test_a_slash_command_comes_as_a_form(slack: FakeSlack) -> None:
    bot = make_bot(slack)

    @bot.app.command("/dovecote")
    async def command(ack: AsyncAck) -> None:
        await ack("at your service")

    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with served(slack, bot) as door:
        await slack.use_http(door.url)
        await slack.slash(ada, general, "/dovecote", "help").acknowledged()
        assert [each.text for each in slack.ephemerals(ada)] == ["at your service"]
