"""The live message of a long turn: streamed, edited where it cannot be streamed, found and removed after anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bots.common.faces import Faces
from bots.slack.client.directory import Directory
from bots.slack.live import message as live
from bots.slack.live.message import LiveMessages
from bots.slack.reading import histories
from bots.slack.reading.events import Identity
from bots.slack.reading.times import ms
from bots.slack.sending.faces import Customizing
from host.ports.bot import Live, Rejected, Unknown
from sessiondb import Address, plan
from tests.fakes.slack import Channel, FakeSlack, Message
from tests.fakes.slack.faults import Fault
from tests.support.slack_app import clear_proxies, web_client

WITHIN = 30.0  # s for one thing to happen


@pytest.fixture
def time() -> list[float]:
    return [0.0]


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch, time: list[float]) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    monkeypatch.setattr(live, "PAUSE", 0.01)
    async with FakeSlack(now=lambda: time[0]) as fake:
        yield fake


@pytest.fixture
def root(slack: FakeSlack) -> Message:
    ada = slack.add_user("ada")
    return slack.say(ada, slack.add_channel("general", members=[ada]), "a long question")


def process(slack: FakeSlack) -> LiveMessages:
    """What one life of the bot knows of its live messages."""
    client = web_client(slack, timeout=2)
    me = Identity(slack.team_id, slack.bot_user_id, slack.bot_id)
    return LiveMessages(client, Directory(client), me, Customizing(Faces()))


@pytest.fixture
async def messages(slack: FakeSlack) -> AsyncIterator[LiveMessages]:
    made = process(slack)
    yield made
    await made.close()


def working(slack: FakeSlack, root: Message, **more: Any) -> Live:
    fields: dict[str, Any] = {"status": "searching the web", "text": "", "asked_by": str(root.user), **more}
    address = Address("slack", slack.team_id, root.channel, fields.pop("thread", root.ts))
    return Live("k1", address, root.ts, opened_at=ms(root.ts), **fields)


def ours(slack: FakeSlack, channel: Channel | str) -> list[Message]:
    everything = slack.channel_of(channel).messages.values()
    return [message for message in everything if message.bot_id == slack.bot_id]


async def test_what_is_written_so_far_is_streamed_into_the_thread_and_gone_in_the_end(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    state = working(slack, root)
    ts = (await messages.open(state)).platform_message_id
    [message] = slack.messages(root.channel, root.ts)[1:]
    assert message.stream is not None
    assert message.stream.chunks[0]["title"] == "Working: searching the web"
    messages.update(replace(state, text="First **point** for @her"), ts)
    await slack.wait_until(lambda: "point" in message.text, WITHIN)
    messages.update(replace(state, text="First **point** for @here and <!channel> ok"), ts)
    await slack.wait_until(lambda: message.text.endswith("ok"), WITHIN)
    assert message.text == "First **point** for @\u200bhere and <\u200b!channel> ok"
    await messages.remove(state, ts)
    await messages.remove(state, ts)
    assert ours(slack, root.channel) == []


@pytest.mark.parametrize("how", ["nobody in particular asked", "no thread", "streams are refused"])
async def test_where_no_stream_is_possible_a_message_with_the_hosts_key_is_edited(
    slack: FakeSlack, root: Message, messages: LiveMessages, how: str
) -> None:
    state = working(slack, root)
    if how == "no thread":
        state = working(slack, root, thread="")
    elif how == "streams are refused":
        slack.faults.next("chat.startStream", Fault.refuse("feature_disabled"))
    else:
        state = working(slack, root, asked_by="")
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    assert message.stream is None
    assert message.metadata == histories.marked("k1")
    assert message.thread_ts == (state.address.thread_id or None)
    messages.update(replace(state, text="half an answer"), ts)
    await slack.wait_until(lambda: "half an answer" in message.text, WITHIN)
    assert await messages.find(state) is not None
    await messages.remove(state, ts)
    assert ours(slack, root.channel) == []


async def test_a_stream_that_dies_goes_on_as_an_edit_of_the_same_message(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    """LESSONS 48."""
    state = working(slack, root)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    slack.kill_stream(message)
    messages.update(replace(state, text="still here"), ts)
    await slack.wait_until(lambda: "still here" in message.text, WITHIN)
    await messages.remove(state, ts)
    assert ours(slack, root.channel) == []


async def test_a_stream_of_which_nothing_more_is_heard_is_ended_before_it_dies_of_age(
    slack: FakeSlack, root: Message, messages: LiveMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAM_LASTS", 0.2)
    state = working(slack, root)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    await slack.wait_until(lambda: message.edited_at is not None, WITHIN)
    assert message.stream is not None
    assert message.stream.state == "stopped"
    assert message.metadata == histories.marked("k1")
    messages.update(replace(state, minutes=65), ts)
    await slack.wait_until(lambda: "Working: searching the web · 1 h 5 min" in message.text, WITHIN)
    assert slack.calls("chat.appendStream") == []


async def test_what_grows_beyond_a_message_shows_its_end(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    state = working(slack, root, text="first words")
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    text = "first words " + "and more " * 3_000 + "last words"
    messages.update(replace(state, text=text), ts)
    await slack.wait_until(lambda: "last words" in str(message.blocks), WITHIN)
    assert "first words" not in str(message.blocks)


async def test_words_whose_arrival_was_not_confirmed_are_not_shown_twice(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    state = working(slack, root)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    slack.faults.next("chat.appendStream", Fault.answer_lost())
    messages.update(replace(state, text="once"), ts)
    await slack.wait_until(lambda: message.text == "once", WITHIN)
    messages.update(replace(state, text="once and again"), ts)
    await slack.wait_until(lambda: "once and again" in message.text, WITHIN)
    assert message.text.count("once") == 1


async def test_a_stream_whose_start_was_never_confirmed_is_found_among_our_other_messages(
    slack: FakeSlack, root: Message, messages: LiveMessages, time: list[float]
) -> None:
    client = web_client(slack)
    other: dict[str, Any] = {"channel": root.channel, "thread_ts": root.ts}
    await client.chat_postMessage(**other, text="an answer", metadata=histories.marked("k0"))
    state = working(slack, root)
    slack.faults.next("chat.startStream", Fault.answer_lost())
    with pytest.raises(Unknown):
        await messages.open(state)
    await client.chat_postMessage(**other, text="another", metadata=histories.marked("k2"))
    next_life = process(slack)
    found = await next_life.find(state)
    assert found is not None
    await next_life.remove(state, found.platform_message_id)
    assert [message.text for message in ours(slack, root.channel)] == ["an answer", "another"]
    assert await next_life.find(state) is None


async def test_the_next_life_of_the_bot_goes_on_with_the_message_of_the_last(
    slack: FakeSlack, root: Message, messages: LiveMessages, time: list[float]
) -> None:
    state = working(slack, root)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    next_life = process(slack)
    next_life.update(replace(state, text="back again"), ts)
    await slack.wait_until(lambda: "back again" in message.text, WITHIN)
    await next_life.close()
    await process(slack).remove(state, ts)
    assert ours(slack, root.channel) == []


async def test_a_conversation_that_is_closed_to_us_gets_no_live_message(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    slack.archive(root.channel)
    with pytest.raises(Rejected):
        await messages.open(working(slack, root))


STEPS = plan.of(["Read"], "Compare", ["Write"])


def cards(message: Message) -> dict[str, str]:
    """Titles and states of the steps, the last of each counting; of the plan too, under its own name."""
    assert message.stream is not None
    found: dict[str, str] = {}
    for chunk in message.stream.chunks:
        if chunk["type"] == "task_update":
            found[chunk["id"]] = f"{chunk['title']}: {chunk['status']}"
        elif chunk["type"] == "plan_update":
            found["plan"] = chunk["title"]
    return found


async def test_a_plan_is_cards_in_the_stream_which_change_and_come_after(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    state = working(slack, root, plan=STEPS)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    assert slack.calls("chat.startStream")[0].args["task_display_mode"] == "plan"
    assert cards(message) == {
        "plan": "Working: searching the web",
        "k1-0": "Read: complete",
        "k1-1": "Compare: in_progress",
        "k1-2": "Write: pending",
    }
    messages.update(replace(state, plan=plan.of(["Read", "Compare"], "Write", ["Ask <!here>"])), ts)
    await slack.wait_until(lambda: "k1-3" in cards(message), WITHIN)
    assert list(cards(message).values())[1:] == [
        "Read: complete",
        "Compare: complete",
        "Write: in_progress",
        "Ask <\u200b!here>: pending",
    ]
    [appended] = slack.calls("chat.appendStream")
    assert len(appended.args["chunks"]) == 3  # what stands as it is is not said again
    await messages.remove(state, ts)
    assert ours(slack, root.channel) == []


async def test_a_plan_that_is_made_anew_goes_on_as_a_list_in_the_same_message(
    slack: FakeSlack, root: Message, messages: LiveMessages
) -> None:
    state = working(slack, root, plan=STEPS)
    ts = (await messages.open(state)).platform_message_id
    [message] = ours(slack, root.channel)
    messages.update(replace(state, plan=plan.of([], "Begin again", [])), ts)
    await slack.wait_until(lambda: "- ▸ Begin again" in str(message.blocks), WITHIN)
    assert "Compare" not in str(message.blocks)


@pytest.mark.parametrize("refusal", ["invalid_blocks", "invalid_chunks"])
async def test_a_workspace_that_refuses_cards_once_has_lists_from_then_on(
    slack: FakeSlack, root: Message, messages: LiveMessages, refusal: str
) -> None:
    slack.faults.next("chat.startStream", Fault.refuse(refusal))
    for key in ("k1", "k2"):
        state = replace(working(slack, root, plan=STEPS), key=key)
        ts = (await messages.open(state)).platform_message_id
        [message] = ours(slack, root.channel)
        assert message.stream is None
        assert "- ✓ Read\\n- ▸ Compare\\n- ○ Write" in str(message.blocks)
        await messages.remove(state, ts)
    assert len(slack.calls("chat.startStream")) == 1
    await messages.open(replace(working(slack, root), key="k3"))  # what has no plan is streamed
    assert len(slack.calls("chat.startStream")) == 2
