"""An app that may read a page of 15 messages a minute: nothing waits for that, nothing is lost, and what was not read is said."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.slack.client import transport
from bots.slack.reading import threads, turns
from host.ports.bot import Live, Receipt, Unsent
from sessiondb import Address
from sessiondb.content import Question, Text
from tests.fakes.slack import FakeSlack
from tests.support.discording import Notebook
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online


class Time:
    """Of the fake's limits."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=1.5, retry_delays=(0.0, 0.5, 1.0)) as made:
        yield made


@pytest.fixture
async def timed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[FakeSlack, Time]]:
    """A turn of each method in 60 s that pass when the test says so."""
    clear_proxies(monkeypatch)
    clock = Time()
    async with FakeSlack(now=clock) as made:
        made.limits.history_pause = 60.0
        yield made, clock


def as_short_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, since Slack names whole ones."""
    monkeypatch.setattr(turns, "SHORT", 0.0)
    monkeypatch.setattr(turns, "EVERY", 1)


async def test_a_gap_of_many_pages_comes_in_beside_what_is_live_and_also_after_a_crash_in_the_middle(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_short_as_can_be(monkeypatch)
    ann = slack.add_user("ann")
    busy, quiet = slack.add_channel("busy", members=[ann]), slack.add_channel("quiet", members=[ann])
    notebook = Notebook()
    async with online(slack, tmp_path, notebook=notebook):
        root = slack.say(ann, busy, f"{slack.mention()} first")
        slack.say(ann, quiet, f"{slack.mention()} first")
        await notebook.next(2)
        await notebook.until(lambda: len(notebook.marks) > 3)
    missed = [f"missed {number}" for number in range(20)]
    for text in missed:
        slack.say(ann, busy, text)
    slack.say(ann, busy, "missed in the thread", root.ts)
    slack.say(ann, quiet, "missed in quiet")
    slack.courier.close()
    slack.limits.history_pause = 0.3

    def came() -> list[str]:
        return [event.text for event in notebook.events if event.text.startswith("missed")]

    async with online(slack, tmp_path, notebook=notebook):
        slack.say(ann, busy, f"{slack.mention()} live")
        await notebook.until(lambda: notebook.events[-1].text.endswith("live"))
        assert len(came()) < 20, "an answer waits for no second page"
    async with online(slack, tmp_path, notebook=notebook):
        await notebook.until(lambda: len(came()) == 22)
    there = [text for text in came() if text in missed]
    assert there == missed
    assert len(came()) == len(set(came()))
    refused = [call for call in slack.calls("conversations.history") if call.error == "ratelimited"]
    assert len(refused) <= 4, "one asks for the turn at a time"


async def test_in_such_a_workspace_a_page_of_the_liveliest_channel_finds_out_that_sockets_are_deaf(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_short_as_can_be(monkeypatch)
    monkeypatch.setattr(transport, "SILENCE", 0.2)
    monkeypatch.setattr(transport, "LOOK_EVERY", 0.1)
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    other = slack.add_channel("other", members=[ann])
    slack.limits.history_pause = 0.3
    async with online(slack, tmp_path) as (_, notebook):
        slack.say(ann, channel, f"{slack.mention()} first")
        await notebook.next()
        await slack.wait_until(
            lambda: sum(bool(call.answer.get("ok")) for call in slack.calls("conversations.history")) > 1
        )  # the gaps before the start are filled
        for socket in slack.sockets:
            socket.deafen()
        opened = len(slack.calls("apps.connections.open"))
        for place in (other, channel):
            slack.say(ann, place, f"{slack.mention()} unheard")
        await notebook.next(3)
        await slack.wait_until(lambda: len(slack.calls("apps.connections.open")) > opened)


async def test_of_a_long_thread_the_first_page_is_read_and_the_agent_is_told_that_there_is_more(
    timed: tuple[FakeSlack, Time], tmp_path: Path
) -> None:
    slack, clock = timed
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    root, other = slack.say(ann, channel, "how it began"), slack.say(ann, channel, "another")
    for number in range(30):
        slack.say(ann, channel, f"remark {number}", root.ts)
    async with online(slack, tmp_path) as (_, notebook):
        clock.now += 60.0
        slack.say(ann, channel, f"{slack.mention()} what now?", root.ts)
        [*said, note] = (await notebook.next()).thread_so_far
        assert [one.text for one in said] == ["how it began", *(f"remark {number}" for number in range(14))]
        assert (note.text, note.by) == (threads.CUT, "host")
        slack.say(ann, channel, f"{slack.mention()} and here?", other.ts)
        [note] = (await notebook.next(2)).thread_so_far
        assert (note.text, note.by) == (threads.NOTHING, "host")


async def test_a_look_up_goes_on_where_slack_cut_it_short(
    timed: tuple[FakeSlack, Time], tmp_path: Path
) -> None:
    slack, clock = timed
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    async with online(slack, tmp_path) as (bot, _):
        now = time.time_ns() // 1_000_000
        place = Address("slack", slack.team_id, channel.id)
        ours = delivery(bot, Text("coo"), place, first_attempt_at=now)
        lost = delivery(bot, Text("coo"), place, first_attempt_at=now, key="00ff00ff00ff00fe")
        receipt = await bot.send(ours)
        for number in range(20):
            slack.say(ann, channel, f"remark {number}")
        live = Live("00ff00ff00ff00fd", place, "", ann.id, "works", "", now)
        assert await turns_of(clock, lambda: bot.lookup(ours), 2) == receipt
        assert await turns_of(clock, lambda: bot.lookup(lost), 2) is None, "only once all of it was read"
        assert await turns_of(clock, lambda: bot.find_live(live), 2) is None


async def turns_of(clock: Time, look: object, count: int) -> Receipt | None:
    """What a look finds out in so many turns, and in no fewer."""
    clock.now += 60.0
    for _ in range(count - 1):
        with pytest.raises(Unsent) as refused:
            await look()  # type: ignore[operator]
        assert refused.value.retry_after == 60.0
        clock.now += 60.0
    found: Receipt | None = await look()  # type: ignore[operator]
    return found


async def test_a_card_shows_who_chose_what_also_where_it_cannot_be_read_again(
    timed: tuple[FakeSlack, Time], tmp_path: Path
) -> None:
    slack, _ = timed
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    place = Address("slack", slack.team_id, channel.id)
    async with online(slack, tmp_path) as (bot, _):
        for number in range(2):
            asked = Question("Which?", ("red", "blue"))
            keys = {"key": f"00ff00ff00ff00f{number}", "question": f"q{number}"}
            await bot.send(delivery(bot, asked, place, audience=(ann.id,), **keys))
        for card in [message for message in slack.messages(channel) if message.bot_id]:
            value = next(
                e["value"] for block in card.blocks for e in block.get("elements", ()) if "value" in e
            )
            await slack.click(ann, card, value=value).acknowledged()
            await slack.wait_until(lambda ts=card.ts: "red" in str(channel.messages[ts].blocks[-1]))  # type: ignore[misc]
        assert [call.error for call in slack.calls("conversations.replies")] == [None, "ratelimited"]
