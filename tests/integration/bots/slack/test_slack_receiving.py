"""What the bot makes of what people say: strangers, closed channels, long threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import workspace
from bots.slack.client import transport
from bots.slack.reading import backfill, histories, turns
from bots.slack.reading.threads import MOST_READ
from host.ports.events import EventClass
from sessiondb import Address
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.faults import Fault
from tests.support.discording import Notebook
from tests.support.slack_app import clear_proxies, free_port
from tests.support.slacking import online


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=1.5, retry_delays=(0.0, 0.5, 1.0)) as made:
        yield made


async def test_of_a_long_thread_the_beginning_and_the_latest_are_read(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """LESSONS 46."""
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    root = slack.say(ann, channel, "how it began")
    for number in range(230):
        slack.say(ann, channel, f"remark {number}", root.ts)
    async with online(slack, tmp_path) as (_, notebook):
        slack.say(ann, channel, f"{slack.mention()} what now?", root.ts)
        event = await notebook.next()
    said = [one.text for one in event.thread_so_far]
    assert said[0] == "how it began"
    assert said[-1] == "remark 229"
    assert "181 messages in between are left out" in said[1]
    assert len(said) == MOST_READ + 1


async def test_a_person_whom_slack_does_not_show_is_a_stranger_and_is_not_asked_about_for_ever(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """LESSONS 51."""
    ann, bob = slack.add_user("ann"), slack.add_user("bob")
    channel = slack.add_channel("general", members=[ann, bob])
    async with online(slack, tmp_path) as (_, notebook):
        said = slack.say(ann, channel, f"{slack.mention()} hello")
        await notebook.next()
        slack.faults.next("users.info", Fault.refuse("user_not_visible"))
        slack.react(bob, said, "eyes")
        event = await notebook.next(2)
    assert (event.event_class, event.author.id) == (EventClass.REACTION, bob.id)
    assert event.author.external


async def test_a_channel_that_is_closed_to_the_bot_holds_up_no_other(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 1)  # so that the refusal meets the channel that is listed first
    ann = slack.add_user("ann")
    slack.add_channel("closed", members=[ann])
    channel = slack.add_channel("general", members=[ann])
    notebook = Notebook()
    async with online(slack, tmp_path, notebook=notebook):
        slack.say(ann, channel, f"{slack.mention()} first")
        await notebook.next()
        await notebook.until(lambda: len(notebook.marks) > 2)
    slack.say(ann, channel, f"{slack.mention()} while nobody listened")
    slack.courier.close()
    slack.faults.next("conversations.history", Fault.refuse("channel_not_found"))
    async with online(slack, tmp_path, notebook=notebook):
        event = await notebook.next(2)
    assert event.text.endswith("while nobody listened")


async def test_a_channel_and_a_thread_that_slack_can_never_tell_hold_up_no_other_and_are_asked_for_again(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `internal_error` about one of them ended the whole bot, and again at each start."""
    monkeypatch.setattr(backfill, "AT_ONCE", 1)
    monkeypatch.setattr(turns, "PAUSE", 0.0)
    monkeypatch.setattr(workspace, "ASK_AGAIN", 0.05)
    monkeypatch.setattr(transport, "LOOK_EVERY", 0.05)
    ann = slack.add_user("ann")
    sick, well = slack.add_channel("sick", members=[ann]), slack.add_channel("well", members=[ann])
    notebook = Notebook()
    async with online(slack, tmp_path, notebook=notebook):
        for channel in (sick, well):
            slack.say(ann, channel, f"{slack.mention()} first")
        await notebook.next(2)
        await notebook.until(lambda: len(notebook.marks) > 3)
    for channel in (sick, well):
        root = slack.say(ann, channel, f"{slack.mention()} missed in {channel.name}")
        slack.say(ann, channel, "a reply", root.ts)
    slack.courier.close()
    slack.faults.next("conversations.history", Fault.refuse("internal_error"), times=turns.TRIES)
    slack.faults.next("conversations.replies", Fault.refuse("internal_error"), times=turns.TRIES)
    async with online(slack, tmp_path, notebook=notebook):
        assert (await notebook.next(3)).text.endswith("missed in well")
        slack.say(ann, sick, f"{slack.mention()} live")
        await notebook.until(lambda: sum("missed in sick" in event.text for event in notebook.events) == 1)


async def test_a_look_up_passes_by_what_is_no_message(slack: FakeSlack) -> None:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    for odd in ("x", {"event_payload": ["id"]}, {"event_payload": {"id": {"a": 1}}}, None):
        assert histories.key_of({"metadata": odd}) == ""
    slack.say(ann, channel, "something")
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    place = Address("slack", slack.team_id, channel.id)
    looks = histories.Looks(client)
    assert [one["text"] async for one in looks.said_since("k", place, 0)] == ["something"]


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_message_that_slack_gave_up_while_the_host_was_full_is_read_afterwards(
    slack: FakeSlack, tmp_path: Path, mode: str
) -> None:
    """LESSONS 42."""
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    port = free_port()
    async with online(slack, tmp_path, mode=mode, port=port) as (_, notebook):
        if mode == "http":
            await slack.use_http(f"http://127.0.0.1:{port}/slack/events")
        slack.say(ann, channel, "before")
        await slack.deliveries("message")[0].acknowledged()  # so that the first reading is over
        notebook.busy = 4  # one event brings it, and Slack tries that four times
        slack.say(ann, channel, "into a full disk")
        event = await notebook.next(2)
    assert event.text == "into a full disk"
    assert len(slack.deliveries("message")[1].attempts) == 4


async def test_a_channel_shared_with_another_organisation_shares_nothing_with_the_public_ones(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """LESSONS 45."""
    ann, guest = slack.add_user("ann"), slack.add_user("guest", external=True)
    shared = slack.add_channel("shared", members=[ann, guest])
    inside = slack.add_channel("inside", members=[ann])
    async with online(slack, tmp_path) as (_, notebook):
        for number, (channel, expected) in enumerate([(shared, "private"), (inside, "public")], 1):
            slack.say(ann, channel, f"{slack.mention()} hello")
            event = await notebook.next(number)
            assert (event.address.platform_id, event.privacy) == (channel.id, expected)


async def test_a_host_that_is_busy_for_a_moment_keeps_its_bot_while_a_gap_is_filled(
    slack: FakeSlack, tmp_path: Path
) -> None:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    notebook = Notebook()
    async with online(slack, tmp_path, notebook=notebook):
        slack.say(ann, channel, "first")
        await notebook.next()
        await notebook.until(lambda: len(notebook.marks) > 2)
    slack.say(ann, channel, "while nobody listened")
    slack.courier.close()
    notebook.busy = 2
    opened = len(slack.calls("apps.connections.open"))
    async with online(slack, tmp_path, notebook=notebook):
        event = await notebook.next(2)
        assert len(slack.calls("apps.connections.open")) == opened + 3  # one look, two sockets: one life
    assert event.text == "while nobody listened"
