"""The fake with several workspaces: the same ids in each, one app, and a token that is good in its own alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.fakes.slack import FakeSlack
from tests.fakes.slack.scopes import MANIFEST
from tests.support.slack_app import clear_proxies, connected, make_bot, web_client

BACK = "https://dovecote.example.com/slack/oauth_redirect"


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[FakeSlack, FakeSlack]]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as one:
        other = one.add_workspace("Barn")
        for slack, name in ((one, "ann"), (other, "zoe")):
            slack.add_channel("general", members=[slack.add_user(name)])
        yield one, other


def only(slack: FakeSlack) -> tuple[str, str]:
    """The person and the channel."""
    [person] = [user.id for user in slack.workspace.users.values() if not user.is_bot]
    return person, next(iter(slack.workspace.channels))


async def test_people_channels_and_messages_have_the_same_ids_and_each_token_sees_its_own(
    pair: tuple[FakeSlack, FakeSlack],
) -> None:
    one, other = pair
    assert only(one) == only(other)
    assert one.team_id != other.team_id
    assert one.app_id == other.app_id
    person, channel = only(one)
    said = [slack.say(person, channel, f"in {slack.workspace.name}") for slack in (other, one)]
    assert said[0].ts == said[1].ts
    for slack, name in ((one, "ann"), (other, "zoe")):
        client = web_client(slack)
        assert (await client.auth_test())["team_id"] == slack.team_id
        assert (await client.users_info(user=person))["user"]["name"] == name
        [message] = (await client.conversations_history(channel=channel))["messages"]
        assert message["text"] == f"in {slack.workspace.name}"
        posted = await client.chat_postMessage(channel=channel, text="from the bot")
        assert slack.messages(channel)[-1].ts == posted["ts"]
    assert [len(slack.messages(channel)) for slack in pair] == [2, 2]
    assert [len(slack.calls("chat.postMessage")) for slack in pair] == [1, 1]


async def test_one_app_hears_of_all_and_an_event_names_its_workspace(
    pair: tuple[FakeSlack, FakeSlack],
) -> None:
    one, other = pair
    person, channel = only(one)
    async with connected(one, make_bot(one)) as bot:
        other.say(person, channel, "there")
        one.say(person, channel, "here")
        heard = await bot.hear(2)
        assert {each.body["team_id"]: each.text for each in heard} == {
            one.team_id: "here",
            other.team_id: "there",
        }
        assert len({each.event["ts"] for each in heard}) == 1
        assert len({each.body["event_id"] for each in heard}) == 1, "what is by id alone is taken for one"


async def test_a_file_is_given_to_the_token_of_its_workspace_and_to_no_other(
    pair: tuple[FakeSlack, FakeSlack],
) -> None:
    one, other = pair
    person, channel = only(one)
    files = [
        slack.say(person, channel, "look", files=[("a.txt", slack.workspace.name.encode())]).files[0]
        for slack in pair
    ]
    assert files[0].id == files[1].id
    found = (await web_client(other).files_info(file=files[1].id))["file"]["url_private"]
    assert f"/{other.team_id}-{files[1].id}/" in found
    async with aiohttp.ClientSession() as browser:
        for token, text in (
            (other.bot_token, "Barn"),
            (one.bot_token, "<!DOCTYPE html><title>Sign in</title>"),
        ):
            async with browser.get(found, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert await answer.text() == text
    for slack in pair:
        await web_client(slack).files_upload_v2(
            channel=channel, content=slack.workspace.name, filename="b.txt"
        )
        sent = slack.messages(channel)[-1].files[0]
        assert sent.content == slack.workspace.name.encode()


async def asked(slack: FakeSlack, **more: str) -> tuple[int, dict[str, list[str]]]:
    """The page that asks whether to install the app; what the browser comes back with."""
    query = {
        "client_id": slack.sign_ins.client_id,
        "scope": ",".join(MANIFEST),
        "redirect_uri": BACK,
        "state": "s",
    }
    address = f"{slack.origin}/oauth/v2/authorize?{urlencode({**query, **more})}"
    async with aiohttp.ClientSession() as browser, browser.get(address, allow_redirects=False) as answer:
        return answer.status, parse_qs(urlsplit(answer.headers.get("Location", "")).query)


async def test_an_installation_gives_a_token_once_to_whoever_knows_the_secret(
    pair: tuple[FakeSlack, FakeSlack],
) -> None:
    one, other = pair
    one.installs.redirect_urls.append(BACK)
    one.installs.where = other, other.bot
    app = one.sign_ins
    for wrong in (
        {"redirect_uri": "https://evil.example"},
        {"client_id": "9"},
        {"scope": "admin"},
        {"user_scope": "x"},
    ):
        assert (await asked(one, **wrong))[0] == 400
    status, back = await asked(one)
    assert (status, back["state"]) == (302, ["s"])
    given: dict[str, Any] = {"client_id": app.client_id, "code": back["code"][0], "redirect_uri": BACK}
    client = web_client(one)
    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await client.oauth_v2_access(**given, client_secret="wrong")
    got = await client.oauth_v2_access(**given, client_secret=app.client_secret)
    assert (got["access_token"], got["team"]["id"]) == (other.bot_token, other.team_id)
    with pytest.raises(SlackApiError, match="invalid_code"):
        await client.oauth_v2_access(**given, client_secret=app.client_secret)
    _, again = await asked(one)
    with pytest.raises(SlackApiError, match="bad_redirect_uri"):
        await client.oauth_v2_access(
            client_id=app.client_id,
            client_secret=app.client_secret,
            code=again["code"][0],
            redirect_uri="https://x",
        )
    one.installs.where = None
    assert (await asked(one))[1]["error"] == ["access_denied"]


async def test_a_token_that_is_gone_is_refused_and_the_others_are_not(
    pair: tuple[FakeSlack, FakeSlack],
) -> None:
    one, other = pair
    before = other.bot_token
    async with connected(one, make_bot(one)):
        other.uninstall()
        assert [each.event_type for each in one.deliveries()] == ["app_uninstalled", "tokens_revoked"]
        assert all("authorizations" not in each.payload for each in one.deliveries())
    with pytest.raises(SlackApiError, match="account_inactive"):
        await web_client(other).auth_test()
    assert (await web_client(one).auth_test())["team_id"] == one.team_id
    one.installs.redirect_urls.append(BACK)
    one.installs.where = other, other.bot
    code = (await asked(one))[1]["code"][0]
    app = one.sign_ins
    got = await web_client(one).oauth_v2_access(
        client_id=app.client_id, client_secret=app.client_secret, code=code, redirect_uri=BACK
    )
    assert got["access_token"] == other.bot_token != before
    assert (await web_client(other).auth_test())["team_id"] == other.team_id
    await web_client(other).auth_revoke()
    with pytest.raises(SlackApiError, match="token_revoked"):
        await web_client(other).auth_test()
