"""Questions in Slack, in front of a host that only writes down what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bots.common import words
from bots.slack import SlackBot
from sessiondb import Address, content
from tests.fakes.slack import Channel, FakeSlack, Message, User
from tests.support.discording import Notebook
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online

WITHIN = 30.0  # s for one thing to happen
LONG = [f"{'the same beginning ' * 6}and the end {end}" for end in ("A", "B")]


@dataclass
class Place:
    slack: FakeSlack
    bot: SlackBot
    notebook: Notebook
    ann: User
    channel: Channel

    async def ask(self, options: tuple[str, ...]) -> Message:
        root = self.slack.say(self.ann, self.channel, "root")
        await self.notebook.next()
        self.notebook.events.clear()
        place = Address("slack", self.slack.team_id, self.channel.id, root.ts)
        question = delivery(self.bot, content.Question("Which?", options), place, question=f"q{root.ts}")
        ts = (await self.bot.send(question)).platform_message_id
        return self.channel.messages[ts]

    async def closed(self, message: Message) -> None:
        await self.slack.wait_until(lambda: "✅" in str(message.blocks), WITHIN)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as slack, online(slack, tmp_path) as (bot, notebook):
        await slack.connected(2)
        ann = slack.add_user("ann")
        yield Place(slack, bot, notebook, ann, slack.add_channel("general", members=[ann]))


async def test_an_option_too_long_for_its_button_is_shown_and_answered_in_full(place: Place) -> None:
    for number, expected in ((1, LONG[1]), (2, "neither | nor")):
        message = await place.ask((*LONG, "neither | nor"))
        shown = str(message.blocks[:-1])
        assert "and the end A" in shown
        assert "and the end B" in shown
        value = message.blocks[-1]["elements"][number]["value"]
        await place.slack.click(place.ann, message, value=value).acknowledged()
        assert (await place.notebook.next()).value == expected
        await place.closed(message)
        place.notebook.events.clear()


async def test_an_item_of_a_menu_that_is_cut_can_be_told_from_the_others(place: Place) -> None:
    message = await place.ask((*LONG, *"cdefg"))
    assert "and the end B" in str(message.blocks[:-1])
    menu = message.blocks[-1]["elements"][0]
    choice = menu["options"][1]["value"]
    await place.slack.select(place.ann, message, menu["action_id"], choice).acknowledged()
    assert (await place.notebook.next()).value.startswith("2. the same beginning")


async def test_whoever_answers_while_the_host_cannot_take_it_is_told_so(place: Place) -> None:
    message = await place.ask(("yes", "no"))
    place.notebook.busy = 1
    value = message.blocks[-1]["elements"][0]["value"]
    await place.slack.click(place.ann, message, value=value).acknowledged()
    [told] = await place.slack.wait_until(lambda: place.slack.ephemerals(place.ann), WITHIN)
    assert told.text == words.BUSY
    assert message.blocks[-1]["type"] == "actions"


async def test_a_command_asks_with_names_and_leaves_nothing_when_the_host_cannot_take_it(
    place: Place,
) -> None:
    place.notebook.busy = 1
    place.slack.slash(place.ann, place.channel, "/dovecote", "ask [a]: http://example.org")
    [told] = await place.slack.wait_until(lambda: place.slack.ephemerals(place.ann), WITHIN)
    assert told.text == words.BUSY
    assert place.slack.messages(place.channel) == []
    place.slack.slash(place.ann, place.channel, "/dovecote", f"ask <@{place.ann.id}|ann>, what & when?")
    event = await place.notebook.next()
    assert event.text == "@ann, what & when?"
    [posted] = place.slack.messages(place.channel)
    assert "ann, what &amp; when?" in posted.text
