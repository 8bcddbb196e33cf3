"""Slash commands, lists with buttons, forms and decisions: what they order, and who sees what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from host.ports.bot import Decision
from host.ports.commands import COMMANDS
from host.ports.controls import ChannelRules, Overview, Running, TaskList, TaskOrder, TaskView
from host.ports.events import EventClass
from sessiondb import content
from tests.fakes.controls import FakeControls
from tests.fakes.discord import (
    Channel,
    FakeDiscord,
    Fault,
    Guild,
    Interaction,
    Message,
    Permission,
    Upload,
    User,
)
from tests.fakes.discord import limits as fake_limits
from tests.support.discording import Notebook, delivery, online, place

ALL = (TaskOrder.PAUSE, TaskOrder.RUN, TaskOrder.CANCEL)
REGISTER = "PUT /applications/{}/commands"
SHOWN = "PATCH /webhooks/{}/{}/messages/{}"


@dataclass
class Room:
    server: FakeDiscord
    guild: Guild
    channel: Channel
    ada: User
    notebook: Notebook
    folder: Path
    bot: Any

    @property
    def controls(self) -> FakeControls:
        return self.notebook.controls

    async def run(self, name: str, options: dict[str, Any] | None = None, *, by: User | None = None) -> str:
        """What the command's author is told, who alone sees it."""
        return await self.told(self.server.run_command(by or self.ada, self.channel, name, options))

    async def told(self, act: Interaction) -> str:
        await self.server.wait_for(lambda: act.original is not None and not act.original.loading)
        assert act.original is not None
        assert act.original.ephemeral
        return text_of(act.original)

    async def whispered(self, act: Interaction) -> str:
        await self.server.wait_for(lambda: act.followups)
        assert all(message.ephemeral for message in act.followups)
        return text_of(act.followups[-1])

    def task(self, number: int = 1, **more: Any) -> TaskView:
        known: dict[str, Any] = {
            "id": f"t{number}",
            "title": f"Report {number}",
            "agent": "default",
            "when": "every day",
        }
        known |= {"address": place(self.channel), "next_at": 1_800_000_000_000, "next_words": "tomorrow"}
        return TaskView(**{**known, "paused": False, "orders": ALL, **more})

    def running(self, number: int = 1) -> Running:
        return Running(
            f"s{number}", "default", place(self.channel, str(number)), 1_000, "is working: reading"
        )


OneLife = Callable[[], AbstractAsyncContextManager[Room]]


def text_of(message: Message | None) -> str:
    assert message is not None
    shown = [part.get("content", "") for _, part in fake_limits.walk(message.components)]
    return "\n".join(filter(None, [message.content, *shown]))


def buttons(message: Message | None) -> list[str]:
    assert message is not None
    return [part["label"] for _, part in fake_limits.walk(message.components) if part.get("type") == 2]


def button(message: Message | None, label: str, number: int = 0) -> str:
    assert message is not None
    parts = [part for _, part in fake_limits.walk(message.components) if part.get("label") == label]
    return str(parts[number]["custom_id"])


@asynccontextmanager
async def town(server: FakeDiscord, folder: Path, known: tuple[Guild, Channel, User]) -> AsyncIterator[Room]:
    """One life of the bot."""
    before = len(server.calls(REGISTER))
    async with online(server, folder) as (bot, notebook):
        await server.wait_for(lambda: len(server.calls(REGISTER)) > before)
        yield Room(server, *known, notebook, folder, bot)


@asynccontextmanager
async def another_life(folder: Path) -> AsyncIterator[tuple[OneLife, OneLife]]:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        known = guild, server.add_text_channel(guild), server.add_user("ada", guild)
        yield (lambda: town(server, folder, known)), (lambda: town(server, folder, known))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with another_life(tmp_path) as (life, _), life() as found:
        yield found


async def test_usage_and_why_are_told_to_their_author_alone(room: Room) -> None:
    assert "$0.00" in await room.run("usage")
    assert "m1" in await room.run("why")
    link = f"https://discord.com/channels/{room.guild.id}/{room.channel.id}/1234567890"
    await room.run("why", {"message": link})
    assert [order[1:] for order in room.controls.ordered] == [
        ("usage",),
        ("why", ""),
        ("why", "1234567890"),
    ]
    assert room.server.messages(room.channel)[0].ephemeral


async def test_the_options_of_memory_are_the_words_that_are_typed_for_it(room: Room) -> None:
    for options in (
        {},
        {"words": "of doves"},
        {"correct": "ab12", "words": "They fly"},
        {"forget": "ab12"},
        {"forget": "ab12", "sure": True},
    ):
        assert "memory" in await room.run("memory", options)
    said = ["", "of doves", "correct ab12 They fly", "forget ab12", "forget ab12 yes"]
    assert [order[1:] for order in room.controls.ordered] == [("memory", text) for text in said]


async def test_help_and_status_are_told_to_their_author_alone(room: Room) -> None:
    told = await room.run("help")
    assert "`!stop`" in told
    assert "`/ask`" in told
    room.controls.shown = Overview((room.running(),))
    assert "reading" in await room.run("status")


async def test_every_word_of_the_help_is_a_command_and_those_of_a_thread_count_there(room: Room) -> None:
    registered = {command["name"] for command in room.server.calls(REGISTER)[-1].json}
    assert registered >= set(COMMANDS)
    for name, options in (("summary", {}), ("queue", {"question": "x"}), ("aside", {"words": "x"})):
        act = room.server.run_command(room.ada, room.channel, name, options)
        assert "in the thread that it is about" in await room.told(act)
    thread = room.server.add_thread(room.channel, room.ada)
    for name, options in (("summary", {}), ("queue", {"question": "x"}), ("aside", {"words": "y"})):
        room.server.run_command(room.ada, thread, name, options)
    await room.notebook.until(lambda: len(room.notebook.events) == 3)
    said = [(one.event_class, one.value, one.text, one.address) for one in room.notebook.events]
    assert said == [
        (EventClass.COMMAND, value, text, place(thread))
        for value, text in (("summary", ""), ("queue", "x"), ("aside", "y"))
    ]
    for name in ("clear", "mute"):
        assert "Done." in await room.told(room.server.run_command(room.ada, thread, name))
    ordered = [(one.event_class, one.value, one.typed, one.mentioned) for one in room.notebook.events[3:]]
    assert ordered == [(EventClass.CONTROL, name, True, False) for name in ("clear", "mute")]
    room.notebook.ignore_once("")
    assert "in the thread that it is about" in await room.run("clear")


async def test_a_server_is_greeted_where_it_is_talked_when_it_lets_the_bot_in(room: Room) -> None:
    """Once for the server, and not again when the bot connects anew."""
    elsewhere = room.server.add_guild("Elsewhere", with_bot=False)
    silent = room.server.add_text_channel(elsewhere, "announcements")
    room.server.set_overwrite(silent, room.server.everyone(elsewhere), deny=Permission.SEND_MESSAGES)
    lobby = room.server.add_text_channel(elsewhere, "lobby")
    room.server.let_in(elsewhere)
    await room.notebook.until(lambda: bool(room.notebook.joins))
    assert room.notebook.joins == [place(lobby)]


async def test_a_server_that_let_the_bot_in_while_nobody_listened_is_greeted_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel, ada = server.add_text_channel(guild), server.add_user("ada", guild)
        notebook = Notebook()
        async with online(server, tmp_path, notebook):
            server.say(ada, channel, "hello")
            await notebook.next()
        assert notebook.joins == []  # where nothing was ever taken in, no server is new
        elsewhere = server.add_guild("Elsewhere")
        lobby = server.add_text_channel(elsewhere, "lobby")
        async with online(server, tmp_path, notebook):
            await notebook.until(lambda: bool(notebook.joins))
    assert notebook.joins == [place(lobby)]


async def test_a_messages_menu_tells_what_became_of_it(room: Room) -> None:
    said = room.server.say(room.ada, room.channel, "hello?")
    assert "m1" in await room.told(room.server.run_message_command(room.ada, said, "What became of it?"))
    assert room.controls.ordered == [(str(room.ada.id), "why", str(said.id))]


async def test_what_the_host_forbids_is_told_in_its_words(room: Room) -> None:
    for command in ("usage", "why", "tasks"):
        room.controls.forbid = "You may not see that."
        assert await room.run(command) == "You may not see that."


async def test_a_task_is_paused_from_the_list_and_the_list_shows_what_became_of_it(room: Room) -> None:
    room.controls.shown = Overview(tasks=TaskList((room.task(1), room.task(2, paused=True, orders=()))))
    listed = room.server.run_command(room.ada, room.channel, "tasks")
    shown = await room.told(listed)
    assert "**Report 1**" in shown
    assert "<t:1800000000:f>" in shown
    assert "paused" in shown
    assert buttons(listed.original) == ["Pause", "Run now", "Cancel…", "Refresh"]
    assert listed.original is not None
    clicked = room.server.click(room.ada, listed.original, button(listed.original, "Pause"))
    await room.server.wait_for(lambda: "pause: t1" in text_of(listed.original))
    assert clicked.acknowledged
    assert (str(room.ada.id), "order", "t1", "pause") in room.controls.ordered


async def test_a_refused_click_leaves_the_list_as_it_is(room: Room) -> None:
    room.controls.shown = Overview(tasks=TaskList((room.task(),)))
    listed = room.server.run_command(room.ada, room.channel, "tasks")
    before = await room.told(listed)
    room.controls.forbid = "Only its author may do that."
    assert listed.original is not None
    refused = room.server.click(room.ada, listed.original, button(listed.original, "Pause"))
    assert await room.whispered(refused) == "Only its author may do that."
    assert text_of(listed.original) == before


async def test_a_task_is_cancelled_at_the_second_click_only(room: Room) -> None:
    room.controls.shown = Overview(tasks=TaskList((room.task(1), room.task(2))))
    listed = room.server.run_command(room.ada, room.channel, "tasks")
    await room.told(listed)
    for answer in ("Keep it", "Yes, cancel it"):
        assert listed.original is not None
        room.server.click(room.ada, listed.original, button(listed.original, "Cancel…", 1))
        await room.server.wait_for(lambda: "Keep it" in buttons(listed.original))
        assert not any("cancel" in order for order in room.controls.ordered)
        room.server.click(room.ada, listed.original, button(listed.original, answer))
        await room.server.wait_for(lambda: "Keep it" not in buttons(listed.original))
    assert (str(room.ada.id), "order", "t2", "cancel") in room.controls.ordered


async def test_the_lists_buttons_work_in_another_life_of_the_bot(tmp_path: Path) -> None:
    async with another_life(tmp_path) as (first, later):
        async with first() as room:
            room.controls.shown = Overview(tasks=TaskList((room.task(),)))
            listed = room.server.run_command(room.ada, room.channel, "tasks")
            await room.told(listed)
        async with later() as room:
            assert listed.original is not None
            room.server.click(room.ada, listed.original, button(listed.original, "Run now"))
            await room.server.wait_for(lambda: any("run" in order for order in room.controls.ordered))


async def test_many_tasks_are_turned_page_by_page_within_discords_limits(room: Room) -> None:
    wordy = "_*`~|> @everyone " * 40
    tasks = [room.task(n, title=f"T{n} {wordy}", when=wordy, problem=wordy) for n in range(12)]
    room.controls.shown = Overview(tasks=TaskList(tuple(tasks), 1_234))
    listed = room.server.run_command(room.ada, room.channel, "tasks")
    assert "T0" in await room.told(listed)
    assert listed.original is not None
    room.server.click(room.ada, listed.original, button(listed.original, "More ▶"))
    await room.server.wait_for(lambda: "T5" in text_of(listed.original))
    room.server.click(room.ada, listed.original, button(listed.original, "More ▶"))
    await room.server.wait_for(lambda: "T10" in text_of(listed.original))
    assert "More ▶" not in buttons(listed.original)
    assert "and 1234 more" in text_of(listed.original)
    room.server.click(room.ada, listed.original, button(listed.original, "◀ Back"))
    await room.server.wait_for(lambda: "T5" in text_of(listed.original))


async def test_stop_in_a_channel_stops_the_one_that_runs_there(room: Room) -> None:
    elsewhere = replace(room.running(9), address=place(room.channel)._replace(platform_id="1"))
    room.controls.shown = Overview(running=(room.running(), elsewhere))
    assert await room.run("stop") == "Stopping."
    assert (str(room.ada.id), "stop", "s1") in room.controls.ordered


async def test_stop_in_a_channel_of_several_offers_a_choice(room: Room) -> None:
    room.controls.shown = Overview(running=(room.running(1), room.running(2)))
    listed = room.server.run_command(room.ada, room.channel, "stop")
    assert "is working: reading" in await room.told(listed)
    assert listed.original is not None
    room.server.click(room.ada, listed.original, button(listed.original, "Stop", 1))
    await room.server.wait_for(lambda: (str(room.ada.id), "stop", "s2") in room.controls.ordered)
    await room.server.wait_for(lambda: "Stopping." in text_of(listed.original))
    assert buttons(listed.original) == ["Stop"]


async def test_stop_where_nothing_runs_says_so(room: Room) -> None:
    assert "Nothing is running here." in await room.run("stop")


async def test_an_owner_sets_a_channels_rules_in_a_form(room: Room) -> None:
    room.controls.owners = (str(room.ada.id),)
    room.controls.channel_rules = ChannelRules(engage="always", budget_usd_per_day=2.5)
    opened = room.server.run_command(room.ada, room.channel, "config")
    modal = await room.server.wait_for(lambda: opened.modal)
    fields = {p["custom_id"]: p for _, p in fake_limits.walk(modal["components"]) if "custom_id" in p}
    assert fields["budget"]["value"] == "2.50"
    assert [o["value"] for o in fields["engage"]["options"] if o.get("default")] == ["always"]
    sent = {"agent": "default", "engage": "off", "budget": "1,50"}
    sent |= {"model": "claude-opus-5-5", "instructions": "<@1> **Numbers** first"}
    submitted = room.server.submit_modal(room.ada, opened, sent)
    assert await room.told(submitted) == "In this channel: as you say."
    held = ChannelRules("default", "off", 1.5, "claude-opus-5-5", "<@1> **Numbers** first")
    assert room.controls.channel_rules == held

    # Opened by two, and sent by the other one first: nothing is set, and what was entered comes back.
    late = room.server.run_command(room.ada, room.channel, "config")
    await room.server.wait_for(lambda: late.modal)
    room.controls.channel_rules = replace(held, engage="always", version=5)
    refused = room.server.submit_modal(room.ada, late, {**sent, "instructions": "Numbers last"})
    assert "Olga has changed this channel" in await room.told(refused)
    assert room.controls.channel_rules == replace(held, engage="always")
    [given_back] = await room.server.wait_for(lambda: refused.followups)
    assert [file.filename for file in given_back.attachments] == ["yours.txt"]


async def test_what_a_channel_allows_is_a_form_of_its_own_and_each_leaves_the_other_as_it_is(
    room: Room,
) -> None:
    room.controls.owners = (str(room.ada.id),)
    role = room.server.add_role(room.guild, "staff")
    asks = (str(room.ada.id), str(role.id))
    held = ChannelRules("default", "off", 1.5, instructions="Numbers first")
    room.controls.channel_rules = held
    for sent, becomes in (
        ({"effort": "low", "tools": ["memory"], "servers": ["mcp:github"]}, ("memory", "mcp:github")),
        ({}, ("memory", "mcp:github")),  # as it is shown
        ({"tools": [], "servers": ["mcp:github"]}, ("mcp:github",)),
        ({}, ("mcp:github",)),
        ({"tools": ["none"], "servers": []}, ("none",)),
        ({"askers": asks, "keepers": [str(room.ada.id)]}, ("none",)),
        ({"tools": []}, ()),
    ):
        opened = room.server.run_command(room.ada, room.channel, "config", {"part": "limits"})
        await room.server.wait_for(lambda: opened.modal)  # noqa: B023 - waited for at once
        assert (
            await room.told(room.server.submit_modal(room.ada, opened, sent))
            == "In this channel: as you say."
        )
        now = room.controls.channel_rules
        assert (now.effort, now.tools, now.instructions) == ("low", becomes, "Numbers first")
    assert (now.askers, now.keepers) == (asks, asks[:1])
    seen: dict[str, str]
    for seen in ({"work": "all", "bill": "yes", "models": "none"}, {}):
        opened = room.server.run_command(room.ada, room.channel, "config", {"part": "shown"})
        await room.server.wait_for(lambda: opened.modal)  # noqa: B023 - waited for at once
        await room.told(room.server.submit_modal(room.ada, opened, seen))
        now = replace(now, work="all", bill=True, models=("none",))
        assert room.controls.channel_rules == now
    opened = room.server.run_command(room.ada, room.channel, "config", {"part": "answers"})
    await room.server.wait_for(lambda: opened.modal)
    await room.told(room.server.submit_modal(room.ada, opened, {"budget": "2"}))
    assert room.controls.channel_rules == replace(now, budget_usd_per_day=2.0)
    for given, order in (
        ({"part": "versions"}, "versions"),
        ({"revert": 2}, "revert 2"),
        ({"revert": 0}, "revert 0"),
    ):
        told = await room.told(room.server.run_command(room.ada, room.channel, "config", given))
        assert told == f"**config** {order}"


async def test_a_wrong_amount_changes_nothing_and_is_explained(room: Room) -> None:
    room.controls.owners = (str(room.ada.id),)
    opened = room.server.run_command(room.ada, room.channel, "config")
    await room.server.wait_for(lambda: opened.modal)
    sent = {"agent": "as-configured", "engage": "as-configured", "budget": "much"}
    assert "number of dollars" in await room.told(room.server.submit_modal(room.ada, opened, sent))
    assert room.controls.channel_rules == ChannelRules()


async def test_the_form_is_not_for_others(room: Room) -> None:
    assert "owner" in await room.run("config")


async def test_a_form_that_was_open_while_the_bot_began_anew_still_counts(tmp_path: Path) -> None:
    async with another_life(tmp_path) as (first, later):
        async with first() as room:
            room.controls.owners = (str(room.ada.id),)
            opened = room.server.run_command(room.ada, room.channel, "config")
            await room.server.wait_for(lambda: opened.modal)
        async with later() as room:
            room.controls.owners = (str(room.ada.id),)
            sent = {"agent": "default", "engage": "mention", "budget": ""}
            assert await room.told(room.server.submit_modal(room.ada, opened, sent))
            assert room.controls.channel_rules.agent == "default"


async def test_a_decision_is_an_owners_and_stays_to_be_read(room: Room) -> None:
    boss = room.server.add_user("boss", room.guild)
    room.controls.owners = (str(boss.id),)
    decision = Decision("access:1234", (("allow", "Let them in"), ("deny", "Keep them out")))
    asked = delivery(room.bot, content.Text("Eve wants in."), place(room.channel), decision=decision)
    await room.bot.send(asked)
    [message] = [m for m in room.server.messages(room.channel) if not m.ephemeral]
    assert buttons(message) == ["Let them in", "Keep them out"]
    refused = room.server.click(room.ada, message, button(message, "Let them in"))
    assert "owner" in await room.whispered(refused)
    room.server.click(boss, message, button(message, "Keep them out"))
    await room.server.wait_for(lambda: not message.components)
    assert message.content == "Eve wants in.\n\n✔ access:1234: deny"


async def test_commands_that_discord_did_not_take_are_registered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.discord.commands.commands.REGISTER_AGAIN", 0.01)
    async with FakeDiscord() as server:
        server.add_guild()
        server.faults.next(REGISTER, Fault.unavailable(), Fault.dropped())
        async with online(server, tmp_path):
            await server.wait_for(lambda: server.world.commands)


async def test_a_question_that_was_taken_is_not_asked_for_again_when_it_cannot_be_shown(room: Room) -> None:
    room.server.faults.next(SHOWN, Fault.unavailable())
    act = room.server.run_command(room.ada, room.channel, "ask", {"question": "what is a dove?"})
    event = await room.notebook.next()
    await room.server.wait_for(lambda: room.server.calls(SHOWN))
    after = await room.run("usage")
    assert (event.text, act.followups) == ("what is a dove?", [])
    assert after


async def test_a_message_that_is_asked_about_comes_with_its_names_and_files(room: Room) -> None:
    files = [Upload("a.csv", b"x,y\n", "text/csv")]
    said = room.server.say(room.ada, room.channel, f"{room.ada.mention} coos", attachments=files)
    room.server.run_message_command(room.ada, said, "Ask about this message")
    event = await room.notebook.next(2)
    assert event.text == "What about this message?"
    assert [(part.kind, part.author, part.text) for part in event.parts] == [("quoted", "Ada", "@Ada coos")]
    assert [file.name for file in event.files] == ["a.csv"]
