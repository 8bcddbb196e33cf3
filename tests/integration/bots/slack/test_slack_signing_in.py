"""Sign in with Slack against a Slack that documents it: who comes back, who does not, and what they may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.slack.bot import Secrets, SlackBot
from host.config import Slack
from host.ports.bot import DeliveryError
from host.ports.people import Attempt, SignInError
from sessiondb import Address
from tests.fakes.slack import FakeSlack, Fault
from tests.support.discording import Notebook, connected
from tests.support.signing_in import came_back

BACK = "https://dovecote.example.com/signin/slack/back"
ATTEMPT = Attempt(BACK, "the-state", "the-nonce", "v" * 43)


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[tuple[FakeSlack, SlackBot]]:
    async with FakeSlack() as slack:
        slack.sign_ins.redirect_urls.append(BACK)
        secrets = Secrets(
            slack.bot_token,
            slack.app_token,
            client_id=slack.sign_ins.client_id,
            client_secret=slack.sign_ins.client_secret,
        )
        bot = SlackBot(Slack(api_url=slack.api_url, sockets=1), secrets, tmp_path)
        assert bot.sign_in_at(ATTEMPT) == ""  # before it is known which workspace it is for
        async with connected(bot, Notebook()):
            yield slack, bot


async def test_whoever_slack_says_came_back_is_signed_in_once(slack: tuple[FakeSlack, SlackBot]) -> None:
    server, bot = slack
    ann = server.add_user("ann", tz="Asia/Tokyo")
    server.sign_ins.person = ann
    back = await came_back(bot, ATTEMPT)
    assert back["state"] == "the-state"
    asked = server.sign_ins.asked[0]
    assert (asked["nonce"], asked["scope"], asked["team"]) == ("the-nonce", "openid profile", server.team_id)
    assert "code_challenge" not in asked  # of public clients alone
    viewer = await bot.who(back["code"], ATTEMPT)
    assert (viewer.author.id, viewer.author.name, viewer.author.zone) == (ann.id, "ann", "Asia/Tokyo")
    assert (viewer.address, viewer.privacy) == (Address("slack", server.team_id, ""), "dm")
    with pytest.raises(SignInError, match="used up"):
        await bot.who(back["code"], ATTEMPT)
    server.sign_ins.person = None
    assert (await came_back(bot, ATTEMPT))["error"] == "access_denied"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"aud": "999.1"}, "another sign-in"),
        ({"iss": "https://slack.com.evil.example"}, "another sign-in"),
        ({"exp": 1}, "another sign-in"),
        ({"exp": "tomorrow"}, "another sign-in"),
        ({"sub": "U0OTHER"}, "two people"),
        ({"https://slack.com/user_id": "U0OTHER"}, "two people"),
    ],
)
async def test_an_identity_of_another_sign_in_is_none(
    slack: tuple[FakeSlack, SlackBot], claims: dict[str, object], words: str
) -> None:
    server, bot = slack
    server.sign_ins.person, server.sign_ins.claims = server.add_user("ann"), claims
    code = (await came_back(bot, ATTEMPT))["code"]
    with pytest.raises(SignInError, match=words):
        await bot.who(code, ATTEMPT)


async def test_refusals_are_told_in_words(slack: tuple[FakeSlack, SlackBot]) -> None:
    server, bot = slack
    ann = server.sign_ins.person = server.add_user("ann")
    for wrong in ("", "x" * 5_000, "\udcff"):
        with pytest.raises(SignInError, match="used up"):
            await bot.who(wrong.encode("utf-8", "replace").decode(), ATTEMPT)
    server.sign_ins.team = "T0ELSEWHERE"
    code = (await came_back(bot, ATTEMPT))["code"]
    with pytest.raises(SignInError, match="do not work in that workspace"):
        await bot.who(code, ATTEMPT)
    server.sign_ins.team, server.sign_ins.client_secret = "", "changed"
    code = (await came_back(bot, ATTEMPT))["code"]
    with pytest.raises(SignInError, match="bad_client_secret"):
        await bot.who(code, ATTEMPT)
    server.sign_ins.client_secret = "fake-client-secret"
    code = (await came_back(bot, ATTEMPT))["code"]
    elsewhere = Attempt("https://evil.example/", "the-state", "the-nonce", "v" * 43)
    with pytest.raises(SignInError, match="bad_redirect_uri"):
        await bot.who(code, elsewhere)
    assert ann.id


async def test_what_people_may_read_is_asked_of_slack_at_that_moment(
    slack: tuple[FakeSlack, SlackBot],
) -> None:
    server, bot = slack
    ann, bob = server.add_user("ann"), server.add_user("bob")
    guest, outside = server.add_user("gus", guest="multi"), server.add_user("eve", external=True)
    public = server.add_channel("public", members=[bob])
    private = server.add_channel("private", private=True, members=[ann, guest])
    elsewhere = server.add_channel("elsewhere", private=True, members=[ann], with_bot=False)
    group = server.open_dm(ann, bob)

    def place(channel_id: str, team: str = "") -> Address:
        return Address("slack", team or server.team_id, channel_id)

    asked = [place(one.id) for one in (public, private, elsewhere, group)]
    asked.append(place(public.id, "T0OTHER"))

    async def reads(user: str) -> set[str]:
        return {one.platform_id for one in await bot.readable_now(place(""), user, asked)}

    assert await reads(ann.id) == {public.id, private.id, group.id}
    assert await reads(bob.id) == {public.id, group.id}
    assert await reads(guest.id) == {private.id}
    assert await reads(outside.id) == set()
    server.leave(ann, private)
    public.kind = "group"  # and no event told of either
    assert await reads(ann.id) == {group.id}
    assert await bot.readable_now(place(""), ann.id, []) == frozenset()
    ann.deleted = True
    for gone in (ann.id, "U0NOBODY"):
        with pytest.raises(DeliveryError):
            await bot.readable_now(place(""), gone, asked)
    for method in ("users.info", "users.conversations"):
        for fault in (Fault.rate_limited(30), Fault.http_error(), Fault.refuse("fatal_error")):
            server.faults.next(method, fault)
            with pytest.raises(DeliveryError):
                await bot.readable_now(place(""), bob.id, asked)
