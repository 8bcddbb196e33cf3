"""Streamed messages and agent sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Message
from tests.support.slack_app import clear_proxies, connected, make_bot, web_client


@pytest.fixture
def time() -> list[float]:
    return [0.0]


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch, time: list[float]) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=60, now=lambda: time[0]) as fake:
        yield fake


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return web_client(slack)


@pytest.fixture
def root(slack: FakeSlack) -> Message:
    ada = slack.add_user("ada")
    return slack.say(ada, slack.add_channel("general", members=[ada]), "question")


def place(slack: FakeSlack, root: Message) -> dict[str, Any]:
    return {
        "channel": root.channel,
        "thread_ts": root.ts,
        "recipient_user_id": root.user,
        "recipient_team_id": slack.team_id,
    }


async def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def test_a_stream_grows_and_ends_as_a_message_with_metadata(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    stream = await client.chat_stream(**place(slack, root), buffer_size=1)
    await stream.append(markdown_text="**hello")
    await stream.append(markdown_text=" world**")
    (_, message) = slack.messages(root.channel, root.ts)
    assert (message.text, message.stream and message.stream.state) == ("**hello world**", "streaming")
    metadata = {"event_type": "dovecote_out", "event_payload": {"id": "m-1"}}
    await stream.stop(markdown_text="!", metadata=metadata, session_status="active")
    assert (message.text, message.metadata) == ("**hello world**!", metadata)
    assert slack.workspace.sessions[root.channel, root.ts].status == "active"
    again = client.chat_appendStream(channel=root.channel, ts=message.ts, markdown_text="more")
    assert await refusal(again) == "message_not_in_streaming_state"


async def test_a_stream_in_a_channel_wants_its_recipient(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    whole = place(slack, root)
    for name in ("recipient_user_id", "recipient_team_id"):
        partial = {key: value for key, value in whole.items() if key != name}
        assert await refusal(client.chat_startStream(**partial)) == f"missing_{name}"
    direct = slack.say(str(root.user), slack.open_dm(str(root.user)), "hi")
    await client.chat_startStream(channel=direct.channel, thread_ts=direct.ts)
    without_thread = {"channel": direct.channel}
    assert await refusal(client.api_call("chat.startStream", json=without_thread)) == "invalid_arguments"


async def test_a_stream_dies_of_age_and_is_then_updated_as_a_message(
    slack: FakeSlack, client: AsyncWebClient, root: Message, time: list[float]
) -> None:
    started = await client.chat_startStream(**place(slack, root), markdown_text="working")
    at = {"channel": root.channel, "ts": started["ts"]}
    assert await refusal(client.chat_update(**at, text="too early")) == "streaming_state_conflict"
    time[0] = 299.0
    await client.chat_appendStream(**at, markdown_text=" on it")
    time[0] = 300.0
    dead = "message_not_in_streaming_state"
    assert await refusal(client.chat_appendStream(**at, markdown_text="!")) == dead
    assert await refusal(client.chat_stopStream(**at)) == dead
    await client.chat_update(**at, text="done")
    assert slack.messages(root.channel, root.ts)[-1].text == "done"


async def test_a_stream_can_be_killed_at_any_moment(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    started = await client.chat_startStream(**place(slack, root))
    slack.kill_stream(slack.messages(root.channel, root.ts)[-1])
    stop = client.chat_stopStream(channel=root.channel, ts=started["ts"], markdown_text="end")
    assert await refusal(stop) == "message_not_in_streaming_state"


async def test_an_append_takes_twelve_thousand_characters(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    started = await client.chat_startStream(**place(slack, root))
    at = {"channel": root.channel, "ts": started["ts"]}
    await client.chat_appendStream(**at, markdown_text="x" * 12_000)
    assert await refusal(client.chat_appendStream(**at, markdown_text="x" * 12_001)) == "msg_too_long"


async def test_the_stop_button_ends_the_streams_and_leaves_the_status_to_the_app(
    slack: FakeSlack, root: Message
) -> None:
    async with connected(slack, make_bot(slack)) as bot:
        client = bot.client
        await client.agents_sessions_setStatus(
            channel_id=root.channel, thread_ts=root.ts, status="processing", title="A question"
        )
        started = await client.chat_startStream(**place(slack, root))
        slack.stop_agent_session(str(root.user), root.channel, root.ts)
        (heard,) = await bot.hear()
        assert heard.type == "agent_session_stopped"
        assert heard.event["streaming_message_ts"] == [started["ts"]]
        session = slack.workspace.sessions[root.channel, root.ts]
        assert (session.status, session.title) == ("processing", "A question")
        await client.agents_sessions_setStatus(channel_id=root.channel, thread_ts=root.ts, status="active")
        assert session.statuses == ["processing", "active"]


async def test_an_app_without_the_stop_event_is_warned(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    slack.events.subscriptions.discard("agent_session_stopped")
    answer = await client.agents_sessions_setStatus(
        channel_id=root.channel, thread_ts=root.ts, status="processing"
    )
    assert answer["warning"] == "missing_agent_session_stopped_event_subscription"


async def test_an_assistant_threads_status_ends_with_the_apps_reply(
    slack: FakeSlack, client: AsyncWebClient, root: Message
) -> None:
    at: dict[str, Any] = {"channel_id": root.channel, "thread_ts": root.ts}
    await client.assistant_threads_setStatus(**at, status="is thinking…")
    await client.assistant_threads_setTitle(**at, title="A question")
    prompts = [{"title": "More", "message": "Tell me more"}]
    await client.assistant_threads_setSuggestedPrompts(**at, prompts=prompts)
    thread = slack.workspace.assistant_threads[root.channel, root.ts]
    assert (thread.status, thread.title, thread.prompts) == ("is thinking…", "A question", prompts)
    await client.chat_postMessage(channel=root.channel, thread_ts=root.ts, text="answer")
    assert (thread.status, thread.statuses) == ("", ["is thinking…"])
