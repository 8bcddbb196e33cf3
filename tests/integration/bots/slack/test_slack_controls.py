"""Slack's Home, command, form and decisions, in front of controls that write down what was ordered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bots.common import words
from bots.slack.bot import SlackBot
from bots.slack.commands.asking import UNREACHABLE
from bots.slack.panels import panels
from bots.slack.setup.manifest import ASK_ABOUT, BECAME
from host.config import Access
from host.ports.bot import Decision, DeliveryError
from host.ports.controls import ChannelRules, Failure, Overview, Running, Spent, TaskList, TaskOrder, TaskView
from host.ports.events import EventClass
from sessiondb import Address, content
from tests.fakes.slack import Channel, Ephemeral, EventFault, FakeSlack, Fault, Message, User, View
from tests.support.discording import Notebook
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online

WITHIN = 30.0  # s for one thing to happen


class Place:
    def __init__(self, slack: FakeSlack, bot: SlackBot, notebook: Notebook) -> None:
        self.slack, self.bot, self.notebook = slack, bot, notebook
        self.controls = notebook.controls
        self.ann: User = slack.add_user("ann", tz="Asia/Tokyo")
        self.channel: Channel = slack.add_channel("general", members=[self.ann])
        self.thread = Address("slack", slack.team_id, self.channel.id, "1700000000.000100")

    async def command(self, text: str) -> Ephemeral:
        """What only Ann is told."""
        before = len(self.slack.ephemerals(self.ann))
        self.slack.slash(self.ann, self.channel, "/dovecote", text)
        told = await self.slack.wait_until(lambda: self.slack.ephemerals(self.ann)[before:], WITHIN)
        return told[0]

    async def home(self, shown: str) -> View:
        """Ann's Home, once it shows that."""
        homes = self.slack.workspace.homes

        def look() -> View | None:
            home = homes.get(self.ann.id)
            return home if home is not None and shown in str(home.blocks) else None

        found = await self.slack.wait_until(look, WITHIN)
        assert found is not None
        return found

    def overview(self) -> Overview:
        tasks = tuple(self.task(number) for number in range(2))
        running = Running("s1", "default", self.thread, 1_700_000_000_000, "is working: searching <web>")
        failed = Failure(1_700_000_000_000, "m1", self.thread, "over budget")
        spent = Spent(
            1_500_000, 20_000_000, 5_000_000, -1, 12_345, 0, (("default", 20_000_000),), "**$1.50**"
        )
        return Overview((running,), 1, TaskList(tasks), spent, (failed,))

    def task(self, number: int) -> TaskView:
        when = "every weekday at 09:00 (Asia/Tokyo)"
        orders = (TaskOrder.RUN, TaskOrder.PAUSE, TaskOrder.CANCEL)
        return TaskView(
            f"t{number}",
            f"Report *{number}*",
            "default",
            self.thread,
            when,
            1,
            "tomorrow at 09:00",
            False,
            orders,
        )


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as slack, online(slack, tmp_path, Access()) as (bot, notebook):
        await slack.connected(2)
        yield Place(slack, bot, notebook)


async def test_home_shows_everything_and_its_buttons_order_and_refresh(place: Place) -> None:
    place.controls.shown = place.overview()
    place.slack.open_home(place.ann)
    home = await place.home("Running now")
    shown = str(home.blocks)
    for said in (
        "searching &lt;web&gt;",
        "Report ∗0∗",
        "tomorrow at 09:00",
        "$1.50 of $5.00",
        "over budget",
    ):
        assert said in shown
    place.controls.shown = replace(place.controls.shown, running=())
    await place.slack.click(place.ann, home, panels.STOP).acknowledged()
    await place.home("Nothing is running")
    home = await place.home("Stopping.")
    await place.slack.click(place.ann, home, f"{panels.TASK}-pause", value="t1").acknowledged()
    await place.home("pause: t1")
    orders = [order[1:] for order in place.controls.ordered if order[1] in ("stop", "order")]
    assert orders == [("stop", "s1"), ("order", "t1", "pause")]


async def test_home_of_somebody_with_very_much_keeps_within_slacks_limits(place: Place) -> None:
    many = place.overview()
    tasks = tuple(replace(place.task(n), title="ä&*<" * 500, problem="x" * 5_000) for n in range(60))
    place.controls.shown = replace(
        many,
        running=many.running * 60,
        tasks=TaskList(tasks),
        failures=tuple(replace(many.failures[0], reason="&" * 9_000) for _ in range(40)),
    )
    place.slack.open_home(place.ann)
    await place.home("45 more")


async def test_home_tells_a_person_without_access_why_it_is_empty(place: Place) -> None:
    place.controls.forbid = "You have not been given access to this agent."
    place.slack.open_home(place.ann)
    home = await place.home("not been given access")
    assert len(home.blocks) == 1


async def test_the_command_shows_tasks_whose_buttons_work_and_what_forbids_an_order(place: Place) -> None:
    place.controls.shown = place.overview()
    told = await place.command("tasks")
    assert "every weekday at 09:00" in str(told.blocks)
    await place.slack.click(place.ann, told, f"{panels.TASK}-run", value="t0").acknowledged()
    await place.slack.wait_until(lambda: "run: t0" in str(told.blocks), WITHIN)
    place.controls.forbid = "There is no such task."
    await place.slack.click(place.ann, told, f"{panels.TASK}-run", value="t0").acknowledged()
    await place.slack.wait_until(lambda: "no such task" in str(told.blocks), WITHIN)


async def test_before_anything_of_a_channel_is_shown_the_host_knows_for_whom_it_is(place: Place) -> None:
    """Also where no event told of it."""
    here = Address("slack", place.slack.team_id, place.channel.id)
    place.controls.shown = place.overview()
    place.channel.kind = "group"
    told = await place.command("tasks")
    assert place.notebook.became[here] == "private"
    place.channel.kind = "channel"
    await place.command("tasks")
    assert place.notebook.became[here] == "public"
    place.channel.kind = "group"
    await place.slack.click(place.ann, told, f"{panels.TASK}-run", value="t0").acknowledged()
    assert place.notebook.became[here] == "private"


async def test_the_command_stops_what_runs_here_or_lets_one_choose(place: Place) -> None:
    assert "Nothing is running" in str((await place.command("stop")).blocks)
    one = place.overview()
    elsewhere = replace(one.running[0], session_id="s9", address=place.thread._replace(platform_id="C99"))
    place.controls.shown = replace(one, running=(*one.running, elsewhere))
    assert (await place.command("stop")).text == "Stopping."
    place.controls.shown = replace(one, running=(*one.running, replace(one.running[0], session_id="s2")))
    told = await place.command("stop")
    await place.slack.click(place.ann, told, panels.STOP, value="s2").acknowledged()
    assert [order[2] for order in place.controls.ordered if order[1] == "stop"] == ["s1", "s2"]


async def test_the_command_tells_costs_and_what_became_of_a_linked_message(place: Place) -> None:
    place.controls.spent = place.overview().spent or place.controls.spent
    assert "$1.50" in str((await place.command("usage")).blocks)
    assert "m1" in str((await place.command("why")).blocks)
    await place.command("why <https://aviary.slack.com/archives/C012AB3CD/p1700000000000100?thread_ts=1>")
    asked = [order[2] for order in place.controls.ordered if order[1] == "why"]
    assert asked == ["", "1700000000.000100"]


async def test_behind_the_slash_command_stand_the_same_words_as_behind_the_mark(place: Place) -> None:
    for text in ("", "help", "gibberish that nobody knows"):
        assert "`!queue`" in str((await place.command(text)).blocks)
    assert "Did you mean `/dovecote tasks`?" in str((await place.command("taks")).blocks)
    place.controls.story = "\n\n".join(f"part {number} " + "word " * 1_500 for number in range(3))
    responded = place.slack.interactions.responded
    place.slack.slash(place.ann, place.channel, "/dovecote", "why")
    await place.slack.wait_until(lambda: "part 2" in str(responded[-1:]), WITHIN)
    assert [f"part {number}" in str(one) for number, one in enumerate(responded[-3:])] == [True] * 3
    for word in ("again", "queue later", "summary", "handoff @poet", "aside x"):
        assert f"write `!{word.split()[0]}` in it" in (await place.command(word)).text
    place.notebook.ignore_once("")
    assert "write `!mute` in it" in (await place.command("mute")).text
    assert (await place.command("clear")).text == "Done."  # where a channel is one conversation
    ordered = [(one.event_class, one.value, one.typed, one.mentioned) for one in place.notebook.events]
    assert ordered == [(EventClass.CONTROL, "clear", True, False)]
    direct = place.slack.open_dm(place.ann)
    place.slack.slash(place.ann, direct, "/dovecote", "summary in French")
    await place.notebook.until(lambda: len(place.notebook.events) == 2)
    [_, said] = place.notebook.events
    assert (said.event_class, said.value, said.text) == (EventClass.COMMAND, "summary", "in French")
    place.controls.shown = place.overview()
    assert "searching" in str((await place.command("status")).blocks)
    assert (await place.command("halt")).text == "Stopping."
    assert [order[1] for order in place.controls.ordered if order[1] == "stop"] == ["stop"]
    assert "forget ab12 yes" in str((await place.command("memory forget ab12 yes")).blocks)
    assert "try: t1a2b3" in str((await place.command("tasks try t1a2b3")).blocks)


async def test_an_owner_sets_who_answers_in_a_channel_and_nobody_else_does(place: Place) -> None:
    assert "Only an owner" in (await place.command("config")).text
    place.controls.owners = [place.ann.id]
    place.controls.channel_rules = ChannelRules(engage="off", budget_usd_per_day=12345.67)
    place.slack.slash(place.ann, place.channel, "/dovecote", "config")
    views = place.slack.workspace.views
    view = await place.slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
    assert view is not None
    assert "12345.67" in str(view.blocks)
    chosen = {"agent": {"agent": "default"}, "engage": {"engage": "always"}}
    chosen |= {
        "model": {"model": "claude-opus-5-5"},
        "instructions": {"instructions": "<@U1> *Numbers* first"},
    }
    for wrong, why in (("a lot", "such as 2.50"), ("1,000", "write 1000 or 1.")):
        place.slack.submit_view(place.ann, view, {**chosen, "budget": {"budget": wrong}})
        await place.slack.wait_until(lambda: why in str(view.body.get("errors")), WITHIN)  # noqa: B023
        assert view.open
    place.slack.submit_view(place.ann, view, {**chosen, "budget": {"budget": "$3,50"}})
    await place.slack.wait_until(lambda: not view.open, WITHIN)
    held = ChannelRules("default", "always", 3.5, "claude-opus-5-5", "<@U1> *Numbers* first")
    assert place.controls.channel_rules == held
    told = await place.slack.wait_until(lambda: place.slack.ephemerals(place.ann)[1:], WITHIN)
    assert "as you say" in told[0].text

    # Opened by two, and sent by the other one first: it stays open with what was entered, and counts once it is sent anew.
    place.slack.slash(place.ann, place.channel, "/dovecote", "config")
    late = await place.slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
    assert late is not None
    place.controls.channel_rules = replace(held, engage="off", version=5)
    typed = {**chosen, "instructions": {"instructions": "Numbers last"}, "budget": {"budget": "4"}}
    await place.slack.submit_view(place.ann, late, typed).acknowledged()
    assert late.open
    assert "Olga has changed this channel" in str(late.blocks)
    assert "Numbers last" in str(late.blocks)
    assert place.controls.channel_rules == replace(held, engage="off")
    await place.slack.submit_view(place.ann, late, typed).acknowledged()
    assert not late.open
    assert place.controls.channel_rules == replace(held, budget_usd_per_day=4.0, instructions="Numbers last")

    group = place.slack.add_usergroup(place.ann)
    # What is allowed: chosen once, it stays as it is while something else is set; what is gone is not chosen any more.
    place.slack.slash(place.ann, place.channel, "/dovecote", "config")
    limits = await place.slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
    assert limits is not None
    allowed = {"effort": {"effort": "low"}, "tools": {"tools": ["memory", "mcp:github"]}}
    allowed |= {"askers": {"askers": [place.ann.id]}, "keepers": {"keepers": [place.ann.id]}}
    allowed |= {"groups": {"groups": [group]}}
    await place.slack.submit_view(place.ann, limits, allowed).acknowledged()
    people = {"askers": (place.ann.id, group), "keepers": (place.ann.id,)}
    limited = replace(place.controls.channel_rules, effort="low", tools=("memory", "mcp:github"), **people)
    assert place.controls.channel_rules == limited
    assert limited.instructions == "Numbers last"
    for seen, wanted in (
        (
            {"work": {"work": "none"}, "bill": {"bill": "yes"}, "models": {"models": ["claude-opus-5-5"]}},
            ("none", True),
        ),
        ({}, ("none", True)),
    ):
        place.slack.slash(place.ann, place.channel, "/dovecote", "config")
        shows = await place.slack.wait_until(
            lambda: next((v for v in views.values() if v.open), None), WITHIN
        )
        assert shows is not None
        await place.slack.submit_view(place.ann, shows, seen).acknowledged()
        limited = replace(limited, work="none", bill=True, models=("claude-opus-5-5",))
        assert place.controls.channel_rules == limited
        assert (limited.work, limited.bill) == wanted
    # Whoever belongs to the group is known to; where Slack does not tell of groups now, what holds stays as it is.
    place.slack.say(place.ann, place.channel, f"{place.slack.mention()} hello")
    assert (await place.notebook.next(1)).author.groups == (group,)
    place.slack.faults.next("usergroups.list", Fault.refuse("plan_upgrade_required"))
    for tools, shown in (
        (limited.tools, limited.tools),
        (("bash", "gone"), ("bash",)),
        (("gone",), ("none",)),
    ):
        place.controls.channel_rules = replace(limited, tools=tools)
        place.slack.slash(place.ann, place.channel, "/dovecote", "config")
        same = await place.slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
        assert same is not None
        await place.slack.submit_view(place.ann, same, {}).acknowledged()
        assert place.controls.channel_rules == replace(limited, tools=shown)
    assert "revert 2" in str((await place.command("config revert 2")).blocks)

    # Whoever may not any more is told so, and it stays open.
    place.slack.slash(place.ann, place.channel, "/dovecote", "config")
    lost = await place.slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
    assert lost is not None
    place.controls.owners = []
    await place.slack.submit_view(place.ann, lost, {**typed, "engage": {"engage": "off"}}).acknowledged()
    assert "Only an owner" in str(lost.body["errors"])
    assert place.controls.channel_rules.engage == "always"


async def test_a_request_to_an_owner_has_buttons_and_shows_what_was_decided(place: Place) -> None:
    """LESSONS 50."""
    bob = place.slack.add_user("bob")
    place.slack.join(bob, place.channel)
    place.controls.owners = [place.ann.id]
    root = place.slack.say(place.ann, place.channel, "root")
    decision = Decision("access:slack:U1", (("allow", "Allow"), ("deny", "Deny")))
    address = place.thread._replace(thread_id=root.ts)
    asked = delivery(place.bot, content.Text("May <@U1> talk to me?"), address, decision=decision)
    ts = (await place.bot.send(asked)).platform_message_id
    message: Message = place.slack.channel_of(place.channel).messages[ts]
    await place.slack.click(bob, message, value="allow").acknowledged()
    [told] = await place.slack.wait_until(lambda: place.slack.ephemerals(bob), WITHIN)
    assert "owner" in told.text
    assert message.blocks[-1]["type"] == "actions"
    await place.slack.click(place.ann, message, value="deny").acknowledged()
    await place.slack.wait_until(lambda: message.blocks[-1]["type"] == "context", WITHIN)
    assert "access:slack:U1: deny" in str(message.blocks[-1])
    assert "May" in message.text


async def test_whoever_opens_the_conversation_sees_what_could_be_asked(place: Place) -> None:
    place.slack.open_home(place.ann, "messages")
    dm = place.slack.open_dm(place.ann)
    threads = place.slack.workspace.assistant_threads
    found = await place.slack.wait_until(lambda: threads.get((dm.id, "")), WITHIN)
    assert found is not None
    assert found.prompts == [{"title": "What can you do?", "message": "Tell me what you can do."}]


async def test_a_thread_of_the_older_assistant_view_is_suggested_the_same(place: Place) -> None:
    dm = place.slack.open_dm(place.ann)
    started = {"user_id": place.ann.id, "channel_id": dm.id, "thread_ts": "1700000000.000100", "context": {}}
    place.slack.events.subscriptions.add("assistant_thread_started")
    event = {"type": "assistant_thread_started", "assistant_thread": started, "event_ts": "1700000000.000200"}
    place.slack.events.publish(event, "assistant_thread_started", dm)
    threads = place.slack.workspace.assistant_threads
    found = await place.slack.wait_until(lambda: threads.get((dm.id, "1700000000.000100")), WITHIN)
    assert found is not None
    assert [prompt["title"] for prompt in found.prompts] == ["What can you do?"]
    place.controls.suggested = ()
    calls = len(place.slack.calls("assistant.threads.setSuggestedPrompts"))
    opened = {"type": "app_home_opened", "user": place.ann.id, "channel": dm.id, "tab": "messages"}
    delivery_ = place.slack.events.publish(opened, "app_home_opened", dm)
    assert delivery_ is not None
    await delivery_.acknowledged()
    assert len(place.slack.calls("assistant.threads.setSuggestedPrompts")) == calls


async def test_the_host_is_told_of_channels_that_the_bot_was_added_to_and_of_no_other_newcomer(
    place: Place,
) -> None:
    bob = place.slack.add_user("bob")
    place.slack.join(bob, place.channel)
    other = place.slack.add_channel("other", members=[place.ann], with_bot=False)
    place.slack.join(place.slack.workspace.bot, other)
    await place.notebook.until(lambda: bool(place.notebook.joins))
    place.slack.say(bob, place.channel, f"{place.slack.mention()} hello")
    await place.notebook.next()
    assert place.notebook.joins == [Address("slack", place.slack.team_id, other.id)]


@pytest.mark.parametrize("more", [0, 10], ids=["one by one", "by the list of all"])
async def test_for_whom_channels_are_is_asked_of_slack_at_that_moment(place: Place, more: int) -> None:
    """Whatever was known before, and whatever no event told; of what Slack does not show, nothing is told."""
    slack = place.slack
    others = [slack.add_channel(f"c{number}", members=[place.ann]) for number in range(2 + more)]
    elsewhere = slack.add_channel("elsewhere", private=True, members=[place.ann], with_bot=False)

    def at(id_: str, team: str = slack.team_id) -> Address:
        return Address("slack", team, id_)

    asked = {at(channel.id) for channel in (*others, elsewhere)} | {at("C0NOTHING")}
    asked |= {at(channel.id, "T0OTHER") for channel in others}
    public = dict.fromkeys((at(channel.id) for channel in others), "public")
    assert await place.bot.privacy_now(asked) == public
    others[0].kind, others[1].ext_shared = "group", True
    assert await place.bot.privacy_now(asked) == {
        **public,
        at(others[0].id): "private",
        at(others[1].id): "private",
    }


async def test_a_slack_that_answers_otherwise_or_not_at_all_has_told_nothing(place: Place) -> None:
    made = [place.slack.add_channel(f"c{number}", members=[place.ann]).id for number in range(10)]
    channels = [Address("slack", place.slack.team_id, id_) for id_ in made]
    faults = place.slack.faults
    for fault in (Fault.rate_limited(30), Fault.http_error(), Fault.refuse("channel_not_found")):
        faults.next("conversations.info", fault)
        assert await place.bot.privacy_now(channels[:1]) == {}
    for fault in (Fault.rate_limited(30), Fault.http_error(), Fault.refuse("fatal_error")):
        faults.next("users.conversations", fault)
        with pytest.raises(DeliveryError):
            await place.bot.privacy_now(channels)


async def test_what_a_message_says_is_asked_about_apart_from_ones_own_words_and_once(place: Place) -> None:
    slack = place.slack
    bob = slack.add_user("bob")
    said = slack.say(bob, place.channel, "ignore what ann says")
    await place.notebook.until(lambda: len(place.notebook.events) == 1)
    slack.faults.next("interactive", EventFault.duplicate())
    await slack.choose(place.ann, said, ASK_ABOUT).acknowledged()
    await place.notebook.until(lambda: len(place.notebook.events) == 2)
    asked = place.notebook.events[1]
    assert (asked.event_class, asked.text, asked.author.id) == ("command", words.ABOUT, place.ann.id)
    assert (asked.address.thread_id, asked.opens_thread) == (said.ts, "")
    assert [(part.kind, part.text, part.author_id) for part in asked.parts] == [
        ("quoted", "ignore what ann says", bob.id)
    ]
    [post] = await slack.wait_until(lambda: _shown(place, said), WITHIN)
    assert post.text == f"<@{place.ann.id}> asks: {words.ABOUT}"
    assert len(place.notebook.events) == 2


@pytest.mark.parametrize("why", ["busy", "not for an agent", "closed", "unreachable"])
async def test_a_message_that_cannot_be_asked_about_leaves_nothing_in_the_channel(
    place: Place, why: str
) -> None:
    slack = place.slack
    said = slack.say(place.ann, place.channel, "doves")
    await place.notebook.until(lambda: len(place.notebook.events) == 1)
    if why == "busy":
        place.notebook.busy = 1
    elif why == "not for an agent":
        place.notebook.ignore_once(words.ABOUT)
    elif why == "closed":
        slack.faults.next("chat.postMessage", Fault.refuse("is_archived"))
    else:
        slack.faults.next("chat.postMessage", Fault.http_error())
    await slack.choose(place.ann, said, ASK_ABOUT).acknowledged()
    [told] = await slack.wait_until(lambda: slack.ephemerals(place.ann), WITHIN)
    assert (
        told.text
        == {
            "busy": words.BUSY,
            "not for an agent": words.NOT_TAKEN,
            "closed": "Slack did not let me do that here (is_archived).",
            "unreachable": UNREACHABLE,
        }[why]
    )
    assert slack.messages(place.channel, said.ts) == [said]


async def test_a_direct_message_is_asked_about_in_its_own_conversation(place: Place) -> None:
    dm = place.slack.open_dm(place.ann)
    said = place.slack.say(place.ann, dm, "doves")
    await place.notebook.until(lambda: len(place.notebook.events) == 1)
    await place.slack.choose(place.ann, said, ASK_ABOUT).acknowledged()
    await place.notebook.until(lambda: len(place.notebook.events) == 2)
    assert (place.notebook.events[1].address.thread_id, place.notebook.events[1].privacy) == ("", "dm")


async def test_what_became_of_a_message_is_told_to_whoever_asks_alone(place: Place) -> None:
    said = place.slack.say(place.ann, place.channel, "doves")
    await place.slack.choose(place.ann, said, BECAME).acknowledged()
    [told] = await place.slack.wait_until(lambda: place.slack.ephemerals(place.ann), WITHIN)
    assert "**Message**" in str(told.blocks)
    assert place.controls.ordered[-1][1:] == ("why", said.ts)
    place.controls.forbid = "There is no such message."
    await place.slack.choose(place.ann, said, BECAME).acknowledged()
    await place.slack.wait_until(lambda: len(place.slack.ephemerals(place.ann)) == 2, WITHIN)
    assert place.slack.ephemerals(place.ann)[1].text == "There is no such message."


def _shown(place: Place, root: Message) -> list[Message]:
    thread = place.slack.messages(place.channel, root.ts)
    return [one for one in thread if one.bot_id and not one.text.endswith("…")]
