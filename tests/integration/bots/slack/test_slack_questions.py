"""Questions in Slack, in front of a host that only writes down what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from bots.common import words
from bots.slack.bot import SlackBot
from host.ports.bot import Live
from host.ports.controls import ChannelRules
from sessiondb import Address, content
from tests.fakes.slack import Channel, FakeSlack, Fault, Message, User, View
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

    async def ask(
        self, options: tuple[str, ...], audience: tuple[str, ...] = (), *, free_text: bool = False
    ) -> Message:
        root = self.slack.say(self.ann, self.channel, "root")
        await self.notebook.next()
        self.notebook.events.clear()
        place = Address("slack", self.slack.team_id, self.channel.id, root.ts)
        question = delivery(
            self.bot, content.Question("Which?", options, free_text), place, question=f"q{root.ts}"
        )
        question = replace(question, audience=audience)
        ts = (await self.bot.send(question)).platform_message_id
        return self.channel.messages[ts]

    def views(self, count: int) -> list[View]:
        """The newest forms, once there are so many."""
        found = [view for view in self.slack.workspace.views.values() if view.user == self.ann.id]
        return found[-count:] if len(found) >= count else []

    async def closed(self, message: Message) -> None:
        await self.slack.wait_until(lambda: "✅" in str(message.blocks), WITHIN)
        assert "✅" in message.text  # for whoever cannot see blocks


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


async def test_more_people_than_a_button_names_may_all_answer_and_the_host_says_who_may_not(
    place: Place,
) -> None:
    message = await place.ask(("Allow", "Deny"), (*(f"U{number}" for number in range(30)), place.ann.id))
    allow = message.blocks[-1]["elements"][0]["value"]
    await place.slack.click(place.ann, message, value=allow).acknowledged()
    assert (await place.notebook.next()).author.id == place.ann.id


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
    await place.slack.wait_until(lambda: "ann, what &amp; when?" in posted.text, WITHIN)


async def test_a_click_whose_thread_is_only_in_its_message_is_answered_and_told_there(place: Place) -> None:
    """Published payloads promise no `container.thread_ts`; a server written by others sends none."""
    message = await place.ask(("yes", "no"))
    value = message.blocks[-1]["elements"][0]["value"]
    click = place.slack.click(place.ann, message, value=value)
    click.payload["container"].pop("thread_ts", None)
    click.payload["message"]["thread_ts"] = message.thread_ts
    await click.acknowledged()
    answer = await place.notebook.next()
    assert (answer.value, answer.address.thread_id) == ("yes", message.thread_ts)
    await place.closed(message)


async def test_a_click_that_names_no_thread_at_all_is_answered_and_its_question_closed(place: Place) -> None:
    message = await place.ask(("yes", "no"))
    value = message.blocks[-1]["elements"][0]["value"]
    click = place.slack.click(place.ann, message, value=value)
    for part in ("container", "message"):
        click.payload[part].pop("thread_ts", None)
    await click.acknowledged()
    assert (await place.notebook.next()).value == "yes"
    await place.closed(message)


async def test_a_click_that_names_no_channel_and_is_of_somebody_unknown_to_slack_now_counts_or_is_told(
    place: Place,
) -> None:
    """Whose question it is, its key says; who answers it has to be found out."""
    message = await place.ask(("yes", "no"))
    value = message.blocks[-1]["elements"][0]["value"]
    bob = place.slack.add_user("bob")
    place.slack.join(bob, place.channel)
    place.slack.faults.next("users.info", Fault.refuse("fatal_error"))
    await place.slack.click(bob, message, value=value).acknowledged()
    [told] = await place.slack.wait_until(lambda: place.slack.ephemerals(bob), WITHIN)
    assert "did not let me" in told.text
    assert place.notebook.events == []
    click = place.slack.click(bob, message, value=value)
    click.payload["container"].pop("channel_id")
    click.payload.pop("channel", None)
    await click.acknowledged()
    assert (await place.notebook.next()).value == "yes"


async def test_what_a_form_does_not_bring_back_changes_nothing_and_is_told_below_its_first_field(
    place: Place,
) -> None:
    controls = place.notebook.controls
    controls.owners, controls.channel_rules = (place.ann.id,), ChannelRules(askers=("U5",), tools=("bash",))
    await place.slack.slash(place.ann, place.channel, "/dovecote", "config").acknowledged()
    question = await place.ask(("yes",), free_text=True)
    buttons = question.blocks[-1]["elements"]
    await place.slack.click(place.ann, question, value=buttons[-1]["value"]).acknowledged()
    rules, words = await place.slack.wait_until(lambda: place.views(2), WITHIN)
    for view, lost in ((rules, "askers"), (rules, "tools"), (words, "words")):
        sent = place.slack.submit_view(place.ann, view, {"words": {"words": "mine"}})
        del sent.payload["view"]["state"]["values"][lost]
        await sent.acknowledged()
        await place.slack.wait_until(partial(view.body.get, "errors"), WITHIN)
        assert "try again" in str(view.body.pop("errors"))
    assert controls.channel_rules == ChannelRules(askers=("U5",), tools=("bash",))
    assert place.notebook.events == []


async def test_a_second_copy_of_a_click_or_command_changes_nothing_and_hides_nothing(place: Place) -> None:
    message = await place.ask(("yes", "no"))
    value = message.blocks[-1]["elements"][0]["value"]
    click = place.slack.click(place.ann, message, value=value)
    copy = place.slack.courier.submit("interactive", click.payload)
    await click.acknowledged()
    await copy.acknowledged()
    await place.closed(message)
    assert f"yes* — <@{place.ann.id}>" in str(message.blocks)
    assert place.slack.ephemerals(place.ann) == []
    place.notebook.events.clear()
    asked = place.slack.slash(place.ann, place.channel, "/dovecote", "ask why?")
    again = place.slack.courier.submit("slash_commands", asked.payload)
    await asked.acknowledged()
    await again.acknowledged()
    await place.slack.wait_until(lambda: "why?" in place.slack.messages(place.channel)[-1].text, WITHIN)
    assert [m.text for m in place.slack.messages(place.channel)].count(f"<@{place.ann.id}> asks: why?") == 1
    assert len(place.notebook.events) == 1


async def test_nothing_that_is_said_lets_slack_fetch_an_address(place: Place) -> None:
    way_out = "https://evil.example/?q=secret and [docs](https://evil.example/b) or evil.example/c"
    message = await place.ask(("yes", f"no, see {way_out}"[:60]))
    address = Address("slack", place.slack.team_id, place.channel.id, message.thread_ts or "")
    sent = await place.bot.send(delivery(place.bot, content.Text(way_out), address))
    edit = delivery(place.bot, content.Edit("o1", f"{way_out}!"), address, target=sent.platform_message_id)
    await place.bot.send(edit)
    private = delivery(
        place.bot, content.Text(way_out), address, private_to=place.ann.id, key="00ff00ff00ff00fe"
    )
    await place.bot.send(private)
    live = Live("00ff00ff00ff00fd", address, message.thread_ts or "", place.ann.id, "searching", way_out)
    receipt = await place.bot.open_live(live)
    await place.bot.update_live(replace(live, text=f"{way_out} again"), receipt.platform_message_id)
    await place.slack.wait_until(lambda: place.slack.calls("chat.appendStream"), WITHIN)
    await place.bot.remove_live(live, receipt.platform_message_id)
    value = message.blocks[-1]["elements"][-1]["value"]
    await place.slack.click(place.ann, message, value=value).acknowledged()
    await place.closed(message)
    await place.slack.slash(place.ann, place.channel, "/dovecote", f"ask {way_out}").acknowledged()
    await place.slack.wait_until(lambda: "asks:" in place.slack.messages(place.channel)[-1].text, WITHIN)
    assert place.slack.fetches == []
