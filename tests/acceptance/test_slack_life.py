"""What becomes of channels and people in Slack: archived, renamed, left, deleted, deactivated. Each is said in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.slack import Channel, Message, User
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def with_task(office: Office, person: User, channel: Channel, title: str) -> None:
    wish = {"title": title, "prompt": "the week", "cron": "0 9 * * 1", "destination": "channel"}
    asked = f"{office.slack.mention()}\n@@call schedule_task {json.dumps(wish)}\n@@results"
    await office.answered(office.slack.say(person, channel, asked))


async def told(office: Office, person: User, *words: str) -> Message:
    """In their direct messages with the bot."""
    room = office.slack.open_dm(person)
    return await office.slack.wait_for(
        lambda m: m.channel == room.id and all(word in m.text for word in words), PATIENCE
    )


async def test_tasks_of_a_channel_that_was_archived_rest_and_whoever_asked_is_told_alone(
    office: Office,
) -> None:
    side = office.slack.add_channel("side", members=[office.ann])
    await office.start()
    await with_task(office, office.ann, office.channel, "Weekly")
    await with_task(office, office.ann, side, "Sideways")
    office.slack.rename(office.channel, "roost")
    asked = office.ask("@@sleep 3\nlate")
    office.slack.archive(office.channel)
    await told(office, office.ann, "paused the task “Weekly”", "#roost", "was archived")
    # What was being written cannot be said there, nor that it cannot: whoever asked hears that there is one, not the answer.
    unsaid = await told(office, office.ann, "I have an answer", "the channel is archived")
    assert "late" not in unsaid.text
    assert not office.answers(asked)
    tasks = await listed(office, side)
    assert "paused: #roost was archived" in tasks
    # Opened again it is as before, whoever asked hears of it, and what rested is theirs to resume.
    office.slack.archive(office.channel, archived=False)
    await told(office, office.ann, "I can write in #roost again", "paused the task “Weekly”")
    await office.slack.slash(office.ann, office.channel, "/dovecote", "tasks").acknowledged()
    here = office.slack.ephemerals(office.ann)[-1]
    await office.slack.click(office.ann, here, "dovecote-task-resume").acknowledged()
    await office.slack.wait_until(lambda: "dovecote-task-pause" in str(here.blocks), PATIENCE)
    assert "was archived" not in str(here.blocks)
    # Made private, and public again: what is kept there is kept apart, and its people hear so.
    await converted(office, "group", "private")
    await converted(office, "channel", "public")
    # While nobody listens the bot is taken out of one channel and the other one is deleted: told at the next connect.
    await office.stop()
    office.slack.leave(office.slack.bot_user_id, office.channel)
    office.slack.remove_channel(side)
    await office.start()
    await told(office, office.ann, "paused the task “Weekly”", "lets me write no more")
    await told(office, office.ann, "paused the task “Sideways”", "#side", "is not there any more")
    assert "Traceback" not in office.log()


async def converted(office: Office, kind: Literal["channel", "group"], word: str) -> None:
    """The channel, by one of its people."""
    office.channel.kind = kind
    said = {"user": office.ann.id, "subtype": f"channel_convert_to_{word}", "text": ""}
    office.slack.post(office.channel, said)
    await office.slack.wait_for(
        lambda m: m.channel == office.channel.id and f"{word} now" in m.text, PATIENCE
    )


async def listed(office: Office, channel: Channel) -> str:
    """Ann's tasks everywhere, as Home shows them."""
    office.slack.open_home(office.ann)
    homes = office.slack.workspace.homes
    await office.slack.wait_until(
        lambda: office.ann.id in homes and "paused: " in str(homes[office.ann.id].blocks), PATIENCE
    )
    return str(homes[office.ann.id].blocks)


@pytest.mark.parametrize("listening", [True, False], ids=["at_once", "at_the_next_connect"])
async def test_tasks_of_somebody_who_was_deactivated_rest_until_an_owner_takes_them_over(
    office: Office, listening: bool
) -> None:
    office.configure(access=f'owners = ["slack:{office.ann.id}"]\nunknown = "allow"')
    await office.start()
    await with_task(office, office.bob, office.channel, "Weekly")
    if not listening:
        await office.stop()
    office.slack.deactivate(office.bob)
    if not listening:
        await office.start()
    await office.slack.wait_until(lambda: len(paused(office)) == 1, PATIENCE)
    assert "bob" in paused(office)[0].text
    if listening:  # a mistake: he is back, hears that his task rests, takes it up, and goes once more
        office.slack.deactivate(office.bob, deleted=False)
        await told(office, office.bob, "You are back", "paused the task “Weekly”")
        await office.slack.slash(office.bob, office.channel, "/dovecote", "tasks").acknowledged()
        his = office.slack.ephemerals(office.bob)[-1]
        await office.slack.click(office.bob, his, "dovecote-task-resume").acknowledged()
        await office.slack.wait_until(lambda: "dovecote-task-pause" in str(his.blocks), PATIENCE)
        office.slack.deactivate(office.bob)
        await office.slack.wait_until(lambda: len(paused(office)) == 2, PATIENCE)
    await office.slack.slash(office.ann, office.channel, "/dovecote", "tasks").acknowledged()
    here = office.slack.ephemerals(office.ann)[-1]
    assert "whoever asked for it is gone" in str(here.blocks)
    await office.slack.click(office.ann, here, "dovecote-task-resume").acknowledged()
    await office.slack.wait_until(lambda: "dovecote-task-pause" in str(here.blocks), PATIENCE)
    # It is hers now: it goes on although Bob is still gone.
    await office.slack.click(office.ann, here, "dovecote-task-run").acknowledged()
    await office.slack.wait_for(
        lambda m: m.channel == office.channel.id and m.thread_ts is None and "the week" in m.text, PATIENCE
    )


def paused(office: Office) -> list[Message]:
    """What the channel was told of it."""
    said = office.slack.messages(office.channel)
    return [message for message in said if "paused the task “Weekly”" in message.text]
