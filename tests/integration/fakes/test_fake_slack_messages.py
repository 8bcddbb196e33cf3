"""The Web API: posting, reading, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack
from tests.support.slack_app import clear_proxies, web_client


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return web_client(slack)


async def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def test_a_post_is_found_again_by_its_metadata(slack: FakeSlack, client: AsyncWebClient) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    root = slack.say(ada, general, "question")
    metadata = {"event_type": "dovecote_out", "event_payload": {"id": "m-17"}}
    post = await client.chat_postMessage(
        channel=general.id, thread_ts=root.ts, text="answer", metadata=metadata
    )
    blind = await client.conversations_replies(channel=general.id, ts=root.ts)
    assert all("metadata" not in message for message in blind["messages"])
    seeing = await client.conversations_replies(channel=general.id, ts=root.ts, include_all_metadata=True)
    found = {message["ts"] for message in seeing["messages"] if message.get("metadata") == metadata}
    assert found == {post["ts"]}
    assert seeing["messages"][0]["reply_count"] == 1


async def test_history_honours_its_range_and_pages_from_new_to_old(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    said = [slack.say(ada, general, f"number {number}") for number in range(5)]
    slack.say(ada, general, "in a thread", thread_ts=said[0].ts)
    slack.say(ada, general, "for all", thread_ts=said[0].ts, broadcast=True)

    async def texts(**arguments: Any) -> list[str]:
        answer = await client.conversations_history(channel=general.id, **arguments)
        return [message["text"] for message in answer["messages"]]

    assert await texts() == ["for all", *(f"number {number}" for number in (4, 3, 2, 1, 0))]
    assert await texts(oldest=said[1].ts, latest=said[3].ts) == ["number 2"]
    between = await texts(oldest=said[1].ts, latest=said[3].ts, inclusive=True)
    assert between == ["number 3", "number 2", "number 1"]
    pages = [
        [message["text"] for message in page["messages"]]
        async for page in await client.conversations_history(channel=general.id, limit=4)
    ]
    assert [len(page) for page in pages] == [4, 2]
    assert [text for page in pages for text in page] == await texts()


async def test_replies_start_with_the_root_whatever_the_range(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    root = slack.say(ada, general, "root")
    first, second = (slack.say(ada, general, text, thread_ts=root.ts) for text in ("first", "second"))
    answer = await client.conversations_replies(channel=general.id, ts=root.ts, oldest=first.ts)
    assert [message["ts"] for message in answer["messages"]] == [root.ts, second.ts]
    assert (
        await refusal(client.conversations_replies(channel=general.id, ts="1.000000")) == "thread_not_found"
    )


async def test_a_new_text_without_blocks_removes_the_old_blocks(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    general = slack.add_channel("general")
    post = await client.chat_postMessage(
        channel=general.id, text="plain", blocks=[{"type": "markdown", "text": "**rich**"}]
    )
    (message,) = slack.messages(general)
    assert message.blocks[0]["block_id"]
    await client.chat_update(channel=general.id, ts=post["ts"], text="changed")
    assert (message.text, message.blocks) == ("changed", [])
    await client.chat_delete(channel=general.id, ts=post["ts"])
    assert slack.messages(general) == []
    assert await refusal(client.chat_delete(channel=general.id, ts=post["ts"])) == "message_not_found"


async def test_what_belongs_to_others_cannot_be_changed(slack: FakeSlack, client: AsyncWebClient) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    said = slack.say(ada, general, "mine")
    update = client.chat_update(channel=general.id, ts=said.ts, text="yours")
    assert await refusal(update) == "cant_update_message"
    assert await refusal(client.chat_delete(channel=general.id, ts=said.ts)) == "cant_delete_message"


async def test_each_kind_of_wrong_place_has_its_own_refusal(slack: FakeSlack, client: AsyncWebClient) -> None:
    public = slack.add_channel("public", with_bot=False)
    private = slack.add_channel("private", private=True, with_bot=False)
    old = slack.add_channel("old")
    slack.archive(old)
    refusals = {
        place: await refusal(client.chat_postMessage(channel=place, text="hi"))
        for place in (public.id, private.id, old.id, "C404")
    }
    assert refusals == {
        public.id: "not_in_channel",
        private.id: "channel_not_found",
        old.id: "is_archived",
        "C404": "channel_not_found",
    }


async def test_an_ephemeral_message_is_seen_by_one_person(slack: FakeSlack, client: AsyncWebClient) -> None:
    ada, bob = slack.add_user("ada"), slack.add_user("bob")
    general = slack.add_channel("general", members=[ada])
    await client.chat_postEphemeral(channel=general.id, user=ada.id, text="just you")
    assert [each.text for each in slack.ephemerals(ada)] == ["just you"]
    assert slack.ephemerals(bob) == []
    assert slack.messages(general) == []
    outside = client.chat_postEphemeral(channel=general.id, user=bob.id, text="you")
    assert await refusal(outside) == "user_not_in_channel"


async def test_reactions_are_added_once_and_removed(slack: FakeSlack, client: AsyncWebClient) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    said = slack.say(ada, general, "good")
    item: dict[str, Any] = {"channel": general.id, "timestamp": said.ts}
    await client.reactions_add(name="eyes", **item)
    assert await refusal(client.reactions_add(name="eyes", **item)) == "already_reacted"
    shown = (await client.reactions_get(**item))["message"]["reactions"]
    assert shown == [{"name": "eyes", "users": [slack.bot_user_id], "count": 1}]
    await client.reactions_remove(name="eyes", **item)
    assert await refusal(client.reactions_remove(name="eyes", **item)) == "no_reaction"


async def test_conversations_and_people_can_be_looked_up(slack: FakeSlack, client: AsyncWebClient) -> None:
    ada = slack.add_user("ada", tz="Pacific/Auckland")
    general = slack.add_channel("general", members=[ada])
    slack.add_channel("elsewhere", members=[ada], with_bot=False)
    secret = slack.add_channel("secret", private=True, members=[ada])
    slack.add_channel("hidden", private=True, with_bot=False)
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert [channel["name"] for channel in listed["channels"]] == ["general", "elsewhere", "secret"]
    own = await client.users_conversations(types="public_channel,private_channel")
    assert [channel["id"] for channel in own["channels"]] == [general.id, secret.id]
    members = await client.conversations_members(channel=general.id)
    assert members["members"] == [ada.id, slack.bot_user_id]
    direct = await client.conversations_open(users=[ada.id])
    assert direct["channel"]["id"] == slack.open_dm(ada).id
    assert (await client.users_info(user=ada.id))["user"]["tz"] == "Pacific/Auckland"
    assert (await client.bots_info(bot=slack.bot_id))["bot"]["user_id"] == slack.bot_user_id
    link = await client.chat_getPermalink(channel=general.id, message_ts=slack.say(ada, general, "x").ts)
    assert f"/archives/{general.id}/p" in link["permalink"]


async def test_auth_test_tells_who_the_bot_is_and_which_scopes_it_has(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == (slack.bot_user_id, slack.bot_id)
    assert answer["team_id"] == slack.team_id
    assert set(answer.headers["x-oauth-scopes"].split(",")) == slack.scopes
    stranger = web_client(slack, token="xoxb-stranger")
    assert await refusal(stranger.auth_test()) == "invalid_auth"
    assert await refusal(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"


async def test_a_missing_scope_is_named_with_those_that_are_there(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    secret = slack.add_channel("secret", private=True)
    slack.scopes = {"chat:write", "channels:history"}
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_history(channel=secret.id)
    answer = refused.value.response
    assert answer["error"] == "missing_scope"
    assert (answer["needed"], answer["provided"]) == ("groups:history", "channels:history,chat:write")


async def test_an_unknown_method_is_refused_and_recorded(slack: FakeSlack, client: AsyncWebClient) -> None:
    assert await refusal(client.api_call("coffee.brew", json={"cups": 2})) == "unknown_method"
    (call,) = slack.calls("coffee.brew")
    assert (call.args, call.error) == ({"cups": 2}, "unknown_method")


async def test_arguments_may_come_as_form_or_as_json(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    blocks = '[{"type": "divider"}]'
    await client.api_call("chat.postMessage", data={"channel": general.id, "text": "form", "blocks": blocks})
    await client.api_call("chat.postMessage", json={"channel": general.id, "text": "json"})
    await client.api_call("chat.postMessage", params={"channel": general.id, "text": "query"})
    assert [message.text for message in slack.messages(general)] == ["form", "json", "query"]
    assert slack.messages(general)[0].blocks[0]["type"] == "divider"


async def test_timestamps_are_unique_and_increase(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    stamps = [slack.say(ada, general, "x").ts for _ in range(200)]
    assert stamps == sorted(set(stamps))


async def test_waiting_sees_what_is_there_and_what_comes(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    waiting = asyncio.create_task(slack.wait_for(lambda message: message.text == "done"))
    await client.chat_postMessage(channel=general.id, text="working")
    await client.chat_postMessage(channel=general.id, text="done")
    found = await waiting
    assert found is slack.messages(general)[1]
    assert await slack.wait_for(lambda message: message.text == "done") is found
    with pytest.raises(TimeoutError):
        await slack.wait_for(lambda message: message.text == "never", timeout=0.01)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<@U000000001> and <#C000000002|general>", "<@U000000001> and <#C000000002|general>"),
        ("<!here> <script>", "<!here> &lt;script&gt;"),
        ("https://example.org/?a=1&b=2", "<https://example.org/?a=1&amp;b=2>"),
    ],
)
async def test_typed_text_is_passed_on_as_slack_writes_it(slack: FakeSlack, typed: str, sent: str) -> None:
    ada = slack.add_user("ada")
    assert slack.say(ada, slack.open_dm(ada), typed).text == sent


async def test_a_private_channels_id_does_not_tell_its_kind(slack: FakeSlack, client: AsyncWebClient) -> None:
    secret = slack.add_channel("secret", private=True)
    assert secret.id.startswith("C")
    assert (await client.conversations_info(channel=secret.id))["channel"]["is_private"]


async def test_the_bot_joins_a_public_channel_by_itself_if_it_may(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    public = slack.add_channel("public", with_bot=False)
    assert await refusal(client.conversations_join(channel=public.id)) == "missing_scope"
    slack.scopes.add("channels:join")
    await client.conversations_join(channel=public.id)
    await client.chat_postMessage(channel=public.id, text="hi")
    again = await client.conversations_join(channel=public.id)
    assert again["warning"] == "already_in_channel"
