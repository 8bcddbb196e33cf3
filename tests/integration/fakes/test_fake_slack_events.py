"""Events over Socket Mode, as the unmodified bolt app gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError

from tests.fakes.slack import EventFault, FakeSlack
from tests.support.slack_app import clear_proxies, connected, make_bot, web_client


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=60) as fake:
        yield fake


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    """Retries soon; only for tests that can live with one retry more than they wait for."""
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=0.3, retry_delays=(0.0, 0.0, 0.0)) as fake:
        yield fake


async def test_a_mention_is_told_as_message_and_as_app_mention(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        said = slack.say(ada, general, f"{slack.mention()} 1 < 2 & see https://example.org")
        heard = {each.type: each for each in await bot.hear(2)}
        assert set(heard) == {"message", "app_mention"}
        assert {each.event["ts"] for each in heard.values()} == {said.ts}
        assert heard["message"].body["event_id"] != heard["app_mention"].body["event_id"]
        assert heard["message"].text == f"<@{slack.bot_user_id}> 1 &lt; 2 &amp; see <https://example.org>"
        assert heard["message"].event["channel_type"] == "channel"


async def test_a_direct_message_that_mentions_the_bot_is_told_once(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    async with connected(slack, make_bot(slack)) as bot:
        slack.say(ada, slack.open_dm(ada), f"{slack.mention()} hello")
        slack.say(ada, slack.open_dm(ada), "again")
        assert sorted(each.text for each in await bot.hear(2)) == sorted(
            [f"{slack.mention()} hello", "again"]
        )


async def test_nothing_is_told_of_a_channel_that_the_bot_is_not_in(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    elsewhere = slack.add_channel("elsewhere", members=[ada], with_bot=False)
    slack.say(ada, elsewhere, f"{slack.mention()} psst")
    assert slack.deliveries() == []
    slack.join(slack.bot, elsewhere)
    assert [each.event_type for each in slack.deliveries()] == ["member_joined_channel"]


async def test_a_listener_that_raises_gets_the_event_again(impatient: FakeSlack) -> None:
    ada = impatient.add_user("ada")
    general = impatient.add_channel("general", members=[ada])
    async with connected(impatient, make_bot(impatient)) as bot:
        bot.failures = 1
        impatient.say(ada, general, "remember this")
        first, second = await bot.hear(2)
        assert (first.retry, second.retry) == (0, 1)
        assert first.body["event_id"] == second.body["event_id"]
        (delivery,) = impatient.deliveries("message")
        await delivery.acknowledged()
        envelopes = [attempt.envelope_id for attempt in delivery.attempts]
        assert len(set(envelopes)) == len(envelopes) >= 2


async def test_an_event_is_given_up_after_three_retries(impatient: FakeSlack) -> None:
    ada = impatient.add_user("ada")
    general = impatient.add_channel("general", members=[ada])
    async with connected(impatient, make_bot(impatient)) as bot:
        bot.failures = 99
        impatient.say(ada, general, "remember this")
        assert [each.retry for each in await bot.hear(4)] == [0, 1, 2, 3]
        (delivery,) = impatient.deliveries("message")
        await impatient.wait_until(lambda: delivery.state == "given_up")


async def test_the_bots_own_messages_are_acknowledged_and_not_heard(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        await bot.client.chat_postMessage(channel=general.id, text="mine")
        (own,) = slack.deliveries("message")
        await own.acknowledged()
        other = slack.add_user("otherbot", is_bot=True)
        slack.say_as_bot(other, general, "not yours")
        (heard,) = await bot.hear()
        assert (heard.text, heard.event["bot_id"]) == ("not yours", other.bot_id)


async def test_edits_unfurls_deletions_and_reactions_are_told(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        said = slack.say(ada, general, "helo")
        await bot.hear()
        slack.edit(said, "hello")
        (edited,) = await bot.hear()
        assert edited.event["subtype"] == "message_changed"
        assert edited.event["message"]["text"] == "hello"
        assert edited.event["previous_message"]["text"] == "helo"
        slack.unfurl(said, "https://example.org")
        (unfurled,) = await bot.hear()
        assert unfurled.event["message"]["text"] == unfurled.event["previous_message"]["text"]
        slack.react(ada, said, "eyes")
        (reaction,) = await bot.hear()
        assert reaction.event["item"] == {"type": "message", "channel": general.id, "ts": said.ts}
        slack.delete(said)
        (deleted,) = await bot.hear()
        assert deleted.event["deleted_ts"] == said.ts
        assert slack.messages(general) == []


async def test_a_root_with_replies_leaves_a_tombstone(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    root = slack.say(ada, general, "question")
    reply = slack.say(ada, general, "more", thread_ts=root.ts)
    slack.delete(root)
    assert [message.subtype for message in slack.messages(general, root.ts)] == ["tombstone", None]
    slack.delete(reply)
    assert slack.messages(general, root.ts) == [root]


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_disconnect_frame_makes_the_app_open_a_new_socket(slack: FakeSlack, reason: str) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        (old,) = slack.sockets
        old.disconnect(reason)
        await slack.wait_until(lambda: slack.sockets and old not in slack.sockets)
        slack.say(ada, general, "still there?")
        assert [each.text for each in await bot.hear()] == ["still there?"]


async def test_a_socket_that_drops_hard_is_replaced_and_what_came_meanwhile_is_lost(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        (old,) = slack.sockets
        old.drop()
        missed = slack.say(ada, general, "anyone?")
        (lost,) = slack.deliveries("message")
        assert lost.state == "lost"
        await slack.wait_until(lambda: slack.sockets and old not in slack.sockets)
        slack.say(ada, general, "and now?")
        assert [each.text for each in await bot.hear()] == ["and now?"]
        history = await bot.client.conversations_history(channel=general.id, oldest="0")
        assert missed.ts in [message["ts"] for message in history["messages"]]


async def test_each_event_goes_to_one_of_two_sockets_and_one_covers_for_the_other(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack), handlers=2) as bot:
        texts = [f"number {number}" for number in range(6)]
        for text in texts:
            slack.say(ada, general, text)
        assert sorted(each.text for each in await bot.hear(6)) == texts
        slack.sockets[0].drop()
        slack.say(ada, general, "over the other one")
        assert [each.text for each in await bot.hear()] == ["over the other one"]
        await slack.connected(2)


async def test_an_event_that_dies_with_its_socket_comes_again_over_the_other(impatient: FakeSlack) -> None:
    ada = impatient.add_user("ada")
    general = impatient.add_channel("general", members=[ada])
    async with connected(impatient, make_bot(impatient), handlers=2) as bot:
        impatient.faults.next("message", EventFault.drop_socket())
        impatient.say(ada, general, "hold on")
        (heard,) = await bot.hear()
        assert heard.text == "hold on"
        assert heard.retry >= 1


async def test_a_deaf_socket_stays_open_and_silent(impatient: FakeSlack) -> None:
    ada = impatient.add_user("ada")
    general = impatient.add_channel("general", members=[ada])
    async with connected(impatient, make_bot(impatient)) as bot:
        impatient.faults.next("events", EventFault.deafen_socket())
        impatient.say(ada, general, "hello?")
        (delivery,) = impatient.deliveries("message")
        await impatient.wait_until(lambda: delivery.state == "given_up")
        assert bot.heard.empty()
        assert [socket.deaf for socket in impatient.sockets] == [True]


async def test_the_app_answers_the_servers_pings(slack: FakeSlack) -> None:
    async with connected(slack, make_bot(slack)):
        (socket,) = slack.sockets
        await socket.ping()
        await slack.wait_until(lambda: socket.pongs)


async def test_an_acknowledgement_that_gets_lost_brings_the_event_again(impatient: FakeSlack) -> None:
    ada = impatient.add_user("ada")
    general = impatient.add_channel("general", members=[ada])
    async with connected(impatient, make_bot(impatient)) as bot:
        impatient.faults.next("message", EventFault.swallow_ack())
        impatient.say(ada, general, "once is not enough")
        first, second = await bot.hear(2)
        assert first.body["event_id"] == second.body["event_id"]
        assert second.retry == 1


async def test_events_can_be_redelivered_duplicated_and_reordered(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        slack.faults.next("message", EventFault.redeliver())
        slack.say(ada, general, "redelivered")
        again = await bot.hear(2)
        assert [each.retry for each in again] == [0, 1]
        assert len({each.body["event_id"] for each in again}) == 1
        slack.faults.next("message", EventFault.duplicate())
        slack.say(ada, general, "duplicated")
        twice = await bot.hear(2)
        assert [each.retry for each in twice] == [0, 0]
        assert len({each.body["event_id"] for each in twice}) == 1
        slack.faults.next("message", EventFault.reorder())
        slack.say(ada, general, "first")
        slack.say(ada, general, "second")
        first, second = slack.deliveries("message")[-2:]
        assert [len(first.attempts), len(second.attempts)] == [1, 1]
        assert sorted(each.text for each in await bot.hear(2)) == ["first", "second"]


async def test_no_more_than_ten_sockets_are_opened(slack: FakeSlack) -> None:
    async with connected(slack, make_bot(slack), handlers=10):
        client = web_client(slack)
        with pytest.raises(SlackApiError) as refused:
            await client.apps_connections_open(app_token=slack.app_token)
        assert refused.value.response["error"] == "too_many_websockets"


async def test_events_that_the_app_did_not_subscribe_to_stay_away(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    slack.events.subscriptions.discard("message.channels")
    slack.say(ada, general, f"{slack.mention()} hi")
    assert [each.event_type for each in slack.deliveries()] == ["app_mention"]


async def test_a_person_of_another_workspace_is_marked(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")  # a message's team is optional
    eve = slack.add_user("eve", external=True)
    shared = slack.add_channel("shared", members=[eve])
    client = web_client(slack)
    user = (await client.users_info(user=eve.id))["user"]
    assert user["team_id"] != slack.team_id
    assert user["is_stranger"]
    slack.say(eve, shared, "hi")
    (delivery,) = slack.deliveries("message")
    assert delivery.payload["is_ext_shared_channel"]
    assert delivery.payload["event"]["team"] == eve.team_id


async def test_opening_the_home_tab_is_told(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    async with connected(slack, make_bot(slack)) as bot:
        slack.open_home(ada)
        (heard,) = await bot.hear()
        assert (heard.type, heard.event["tab"], heard.event["user"]) == ("app_home_opened", "home", ada.id)
