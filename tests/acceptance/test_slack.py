"""A person in a Slack workspace and the agent in it, through the whole system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def test_a_mention_is_answered_in_its_thread_and_the_thread_goes_on_without_one(office: Office) -> None:
    await office.start()
    asked = office.ask("hello there")
    [answer] = await office.answered(asked)
    assert "hello there" in answer.text
    office.slack.say(office.bob, office.channel, "and again", asked.ts)
    first, second = await office.answered(asked, 2)
    assert first.ts == answer.ts
    assert "and again" in second.text
    top_level = office.slack.messages(office.channel)
    assert [message.bot_id for message in top_level] == [None]


async def test_a_chat_with_the_app_is_named_by_the_model_after_its_first_answer_and_nothing_else_is(
    office: Office,
) -> None:
    await office.start()
    slack, dm = office.slack, office.slack.open_dm(office.ann)
    chat = slack.say(office.ann, dm, "just us")
    titled = slack.workspace.assistant_thread(dm.id, chat.ts)
    slack.say(office.ann, dm, "in the chat\n@@title Just the two of us", chat.ts)
    await slack.wait_until(lambda: titled.title, PATIENCE)
    slack.say(office.ann, dm, "again\n@@title Something else", chat.ts)
    root = office.ask("in the channel\n@@title Of a thread that has no name")
    await office.answered(root)
    last = slack.say(office.ann, dm, "another chat")
    other = slack.workspace.assistant_thread(dm.id, last.ts)
    slack.say(office.ann, dm, "hello\n@@title The other", last.ts)
    await slack.wait_until(lambda: other.title == "The other", PATIENCE)
    assert titled.title == "Just the two of us"
    assert len(slack.calls("assistant.threads.setTitle")) == 2


async def test_a_thread_is_given_to_another_agent_which_is_asked_at_once_and_survives_a_crash(
    office: Office,
) -> None:
    routes = f"""[agents.default]
[agents.reviewer]
[[routes]]
platform = "slack"
channel = "{office.channel.id}"
[[routes]]
platform = "slack"
agent = "reviewer"
engage = "always"
"""
    office.configure(more=routes)
    await office.start()
    root = office.ask("the word is heron")
    await office.answered(root)
    office.slack.say(
        office.ann, office.channel, "!handoff @reviewer @@call read_thread {}\n@@results", root.ts
    )
    _, *later = await office.answered(root, 3)
    told = [message for message in later if "is with" in message.text]
    [known] = [message for message in later if message not in told]
    assert [message.text.split(",")[0] for message in told] == ["This thread is with reviewer now"]
    assert "the word is heron" in known.text

    office.slack.say(office.ann, office.channel, "slowly\n@@sleep 3", root.ts)
    office.slack.say(office.ann, office.channel, "!handoff default", root.ts)
    await office.answered(root, 4)
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    answers = await office.answered(root, 6)
    texts = [message.text for message in answers]
    assert texts[3].startswith("reviewer is at work here")
    assert sorted(text.split(",")[0] for text in texts[4:]) == ["This thread is with default now", "slowly"]
    office.slack.say(office.ann, office.channel, "and on", root.ts)
    texts = [message.text for message in await office.answered(root, 7)]
    assert texts.count("and on") == 1  # and no order of before was read in the history and obeyed once more


async def test_a_direct_message_needs_no_mention(office: Office) -> None:
    await office.start()
    dm = office.slack.open_dm(office.ann)
    office.slack.say(office.ann, dm, "just us")
    answer = await office.slack.wait_for(
        lambda m: m.channel == dm.id and m.bot_id == office.slack.bot_id, PATIENCE
    )
    assert "just us" in answer.text
    assert answer.thread_ts is None
