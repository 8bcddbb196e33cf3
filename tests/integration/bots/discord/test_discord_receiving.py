"""What Discord says, as the host is given it (LESSONS 41 to 46, 51)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bots.discord.bot import DiscordBot
from bots.discord.client import watch
from bots.discord.reading import receiver
from host.ports.bot import BotStuck
from host.ports.events import EventClass, InboundEvent, Ingested
from tests.fakes.discord import FakeDiscord, Fault, Upload
from tests.fakes.discord.client import pointed_at
from tests.support.discording import Notebook, online, place
from tests.support.hosting import config


async def test_a_mention_says_who_where_and_which_thread_it_would_open(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        role = server.add_role(guild, "keepers")
        server.set_roles(guild, ada, [role])
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "hello **you**", mention_bot=True)
            event = await notebook.next()
    assert (event.text, event.mentioned, event.privacy) == ("hello **you**", True, "public")
    assert event.address == place(channel)
    assert event.opens_thread == event.platform_message_id == event.natural_id == str(said.id)
    assert (event.author.id, event.author.groups) == (str(ada.id), (str(role.id),))


async def test_only_a_message_that_names_the_bot_is_a_mention(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "just talk")
            server.say(ada, channel, f"{server.bot.mention}")
            await notebook.next(2)
    assert [event.mentioned for event in notebook.events] == [False, True]


async def test_an_edit_is_told_but_a_link_preview_is_not(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "look: https://example.org")
            await notebook.next()
            server.unfurl(said, {"title": "Example"})
            server.edit(ada, said, "never mind")
            edit = await notebook.next(2)
            server.unfurl(said, {"title": "Another"})
            server.delete(ada, said)
            deletion = await notebook.next(3)
    assert (edit.event_class, edit.text, edit.platform_message_id) == (
        EventClass.EDIT,
        "never mind",
        str(said.id),
    )
    assert (deletion.event_class, deletion.platform_message_id) == (EventClass.DELETE, str(said.id))


async def test_a_reaction_is_told_and_its_taking_back(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "hi")
            await notebook.next()
            server.react(ada, said, "🎉")
            server.unreact(ada, said, "🎉")
            await notebook.next(3)
            server.gateway.duplicate_next()
            server.react(ada, said, "🎉")
            server.say(ada, channel, "so there")
            await notebook.until(lambda: notebook.events[-1].text == "so there")
            assert notebook.events.pop().event_class is EventClass.MESSAGE
    assert [event.value for event in notebook.events[1:]] == ["🎉", "🎉 (taken back)", "🎉"]
    assert {event.event_class for event in notebook.events[1:]} == {EventClass.REACTION}


@pytest.mark.parametrize("told", [True, False], ids=["told whose", "not told whose"])
async def test_a_reaction_to_an_answer_of_the_bot_is_to_the_bot(tmp_path: Path, told: bool) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            ours = server.say(server.bot, channel, "an answer")
            server.say(ada, channel, "hi")
            await notebook.next()
            reaction = {
                "user_id": str(ada.id),
                "channel_id": str(channel.id),
                "guild_id": str(guild.id),
                "message_id": str(ours.id),
                "emoji": {"id": None, "name": "👀"},
                "burst": False,
                "type": 0,
                **({"message_author_id": str(server.bot.id)} if told else {}),
            }
            server.gateway.dispatch("MESSAGE_REACTION_ADD", reaction)
            event = await notebook.next(2)
            assert (event.value, event.text, event.mentioned) == ("👀", "to your “an answer”", True)


async def test_a_forum_post_is_a_thread_of_its_forum(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        forum = server.add_forum(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            thread, _ = server.post_in_forum(ada, forum, "A topic", f"{server.bot.mention} what now?")
            event = await notebook.next()
    assert event.address == place(thread)
    assert (event.mentioned, event.opens_thread) == (True, "")
    assert event.text == "A topic\n\nwhat now?"


async def test_what_becomes_of_a_message_is_as_private_as_the_message(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        ada = server.add_user("ada", server.add_guild())
        dm = server.open_dm(ada)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, dm, "between us")
            await notebook.next()
            server.edit(ada, said, "only between us")
            server.react(ada, said, "👍")
            server.delete(ada, said)
            await notebook.next(4)
    assert {event.privacy for event in notebook.events} == {"dm"}


async def test_an_edit_that_the_host_could_not_take_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "TELL_AGAIN", (0.01, 0.01))
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "yes")
            await notebook.next()
            notebook.busy = 2
            server.edit(ada, said, "no")
            assert (await notebook.next(2)).text == "no"


async def test_an_edited_forum_post_keeps_its_title(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        forum = server.add_forum(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            post, first = server.post_in_forum(ada, forum, "Doves", "how do they find home?")
            await notebook.next()
            server.edit(ada, first, "how?")
            later = server.say(ada, post, "please")
            await notebook.next(3)
            server.edit(ada, later, "pretty please")
            await notebook.next(4)
    assert [event.text for event in notebook.events][1::2] == ["Doves\n\nhow?", "pretty please"]


async def test_a_forum_post_that_is_filed_or_called_otherwise_is_told_as_its_first_messages_edit(
    tmp_path: Path,
) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        forum = server.add_forum(guild, tags=["bug", "wish"])
        bug, wish = (int(tag["id"]) for tag in forum.tags)
        ada = server.add_user("ada", guild)
        changes: list[dict[str, Any]] = [{"applied_tags": [wish]}, {"applied_tags": [bug]}, {"name": "Bills"}]
        async with online(server, tmp_path) as (_, notebook):
            post, _ = server.post_in_forum(ada, forum, "Beaks", "are too short", tags=["bug"])
            await notebook.next()
            for change in changes:
                count = len(notebook.events)
                server.edit_thread(ada, post, **change)
                await notebook.next(count + 1)
            server.edit_thread(ada, post, auto_archive_duration=60)  # nothing that is read
            server.set_tags(forum, named={"bug": "fault"}, required=True)
            server.post_in_forum(ada, forum, "Wings", "are wet", tags=["fault"])
            await notebook.next(5)
            server.edit_thread(ada, post, applied_tags=[bug, wish])
            await notebook.next(6)
    assert [event.text.replace("\n", " ") for event in notebook.events] == [
        "Beaks [tags: bug]  are too short",
        "Beaks [tags: wish]  are too short",
        "Beaks [tags: bug]  are too short",
        "Bills [tags: bug]  are too short",
        "Wings [tags: fault]  are wet",
        "Bills [tags: fault, wish]  are too short",
    ]
    edits = [event for event in notebook.events if event.event_class is EventClass.EDIT]
    assert {event.platform_message_id for event in edits} == {str(post.id)}
    assert len({event.key for event in edits}) == len(edits) == 4
    assert not any(event.mentioned for event in edits)


async def test_a_thread_that_a_message_opened_brings_that_message(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.start_thread(ada, server.say(ada, channel, "the build is red"))
        server.say(ada, thread, "since noon")
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, thread, "why?", mention_bot=True)
            await notebook.until(lambda: any(event.mentioned for event in notebook.events))
    [event] = [event for event in notebook.events if event.mentioned]
    assert [said.text for said in event.thread_so_far] == ["the build is red", "since noon"]


async def test_a_hidden_channel_is_private_and_a_private_thread_is_a_place_of_its_own(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        ada = server.add_user("ada", guild)
        hidden = server.add_text_channel(guild, "hidden", private_to=[ada, server.bot])
        public = server.add_text_channel(guild, "public")
        thread = server.add_thread(public, ada, private=True)
        server.add_to_thread(thread, server.bot)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, hidden, "psst", mention_bot=True)
            server.say(ada, thread, "psst", mention_bot=True)
            await notebook.next(2)
    by_channel = {event.address.platform_id: event.privacy for event in notebook.events}
    assert by_channel == {str(hidden.id): "private", str(thread.id): "private"}


async def test_a_first_mention_in_a_thread_brings_what_was_said_before(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.add_thread(channel, ada)
        server.say(ada, thread, "the build is red")
        server.say(ada, thread, "since noon")
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, thread, "why?", mention_bot=True)
            await notebook.until(lambda: any(event.mentioned for event in notebook.events))
    [event] = [event for event in notebook.events if event.mentioned]
    assert [said.text for said in event.thread_so_far] == ["the build is red", "since noon"]


async def test_what_a_history_brought_first_is_not_taken_again_when_its_event_comes(tmp_path: Path) -> None:
    """Before a mention it was nobody's business; after it, it would look like a second question."""
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path, notebook):
            server.say(ada, channel, "seen")
            await notebook.until(lambda: place(channel) in notebook.marks)
            notebook.ignore_once("since noon")
            thread = server.add_thread(channel, ada)
            server.say(ada, thread, "since noon")  # its event waits while the history brings both
            server.say(ada, thread, "why?", mention_bot=True)
            server.say(ada, thread, "thank you")
            await notebook.until(lambda: notebook.events and notebook.events[-1].text == "thank you")
    assert [event.text for event in notebook.events] == ["seen", "why?", "thank you"]


async def test_an_attachment_comes_with_its_name_type_and_size(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "see", attachments=[Upload("a.csv", b"x,y\n", "text/csv")])
            event = await notebook.next()
    [file] = event.files
    assert (file.name, file.media_type, file.bytes) == ("a.csv", "text/csv", 4)


class SlowDisk(Notebook):
    """What says "slow" becomes durable when `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def ingest(self, event: InboundEvent) -> Ingested:
        if event.text == "slow":
            await self.gate.wait()
        return await super().ingest(event)


async def test_a_channel_whose_event_takes_long_holds_up_only_itself(tmp_path: Path) -> None:
    notebook = SlowDisk()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        one, other = server.add_text_channel(guild), server.add_text_channel(guild, "other")
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path, notebook):
            server.say(ada, one, "slow")
            server.say(ada, one, "behind it")
            server.say(ada, other, "quick")
            server.say(ada, other, "quicker")
            await notebook.next(2)
            notebook.gate.set()
            await notebook.next(4)
    assert [event.text for event in notebook.events] == ["quick", "quicker", "slow", "behind it"]


async def test_an_event_that_could_not_be_made_durable_is_read_again(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "first")
            await notebook.until(lambda: notebook.marks.get(place(channel), "") != "")
            await notebook.next()
            notebook.busy = 1
            server.say(ada, channel, "kept on the platform")
            event = await notebook.next(2)
    assert event.text == "kept on the platform"


async def test_a_history_that_cannot_be_read_is_tried_again_and_nothing_is_skipped(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        first = server.say(ada, channel, "seen before")
        notebook.marks[place(channel)] = str(first.id)
        for number in range(150):
            server.say(ada, channel, f"missed {number}")
        server.faults.next("GET /channels/{}/messages", Fault.unavailable())
        async with online(server, tmp_path, notebook):
            await notebook.next(150)
    assert [event.text for event in notebook.events] == [f"missed {number}" for number in range(150)]


async def test_a_thread_that_went_to_sleep_with_unread_words_is_read(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.add_thread(channel, ada)
        notebook.marks[place(channel)] = str(channel.id)
        notebook.marks[place(thread)] = str(server.say(ada, thread, "seen before").id)
        notebook.taking_part = [(place(thread), 1)]
        server.say(ada, thread, "said while the bot was away for days")
        server.archive(thread)
        async with online(server, tmp_path, notebook):
            event = await notebook.next()
    assert (event.text, event.address) == ("said while the bot was away for days", place(thread))


async def test_a_mention_in_a_channel_brings_what_it_replies_to(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada, ben = server.add_user("ada", guild), server.add_user("ben", guild)
        async with online(server, tmp_path) as (_, notebook):
            claim = server.say(ben, channel, "doves are *pigeons*")
            server.say(ada, channel, "is that so?", reply_to=claim, mention_bot=True)
            event = await notebook.next(2)
    assert [(part.author, part.text) for part in event.parts] == [("Ben", "doves are *pigeons*")]


@pytest.mark.parametrize("said", ["@everyone look", "hello @here"])
async def test_a_call_to_everyone_is_no_mention_of_the_bot(tmp_path: Path, said: str) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(guild.owner, channel, said)
            event = await notebook.next()
    assert not event.mentioned


async def test_an_event_that_discord_sends_twice_is_one_event(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.gateway.duplicate_next()
            server.say(ada, channel, "once", mention_bot=True)
            server.say(ada, channel, "then", mention_bot=True)
            await notebook.next(2)
    assert [event.text for event in notebook.events] == ["once", "then"]


async def test_a_socket_that_fell_silent_is_replaced_and_what_it_missed_is_read(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        server.settings.heartbeat_interval = 0.2
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path, notebook, {"heartbeat_timeout": 2.0}):
            server.say(ada, channel, "heard")
            await notebook.next()
            server.gateway.silence()
            server.say(ada, channel, "said into the silence")
            event = await notebook.next(2)
    assert event.text == "said into the silence"


async def test_what_was_missed_comes_with_its_authors_roles(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        keepers = server.add_role(guild, "keepers")
        server.set_roles(guild, ada, [keepers])
        gone = server.add_user("gone", guild)
        notebook.marks[place(channel)] = str(server.say(ada, channel, "seen before").id)
        server.say(ada, channel, "missed")
        server.say(gone, channel, "bye")
        server.remove_member(guild, gone)
        access = {"groups": [f"discord:{keepers.id}"], "unknown": "deny"}
        async with online(server, tmp_path, notebook, access=access):
            await notebook.next(2)
    assert [event.author.groups for event in notebook.events] == [(str(keepers.id),), ()]


async def test_who_cannot_be_looked_up_waits_and_is_not_let_in_without_roles(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        keepers = server.add_role(guild, "keepers")
        server.set_roles(guild, ada, [keepers])
        notebook.marks[place(channel)] = str(server.say(ada, channel, "seen before").id)
        server.say(ada, channel, "missed")
        server.faults.next("GET /guilds/{}/members/{}", Fault.unavailable())
        async with online(
            server, tmp_path, notebook, access={"groups": [f"discord:{keepers.id}"], "unknown": "deny"}
        ):
            event = await notebook.next()
            assert len(server.calls("GET /guilds/{}/members/{}")) == 2
    assert event.author.groups == (str(keepers.id),)


async def test_a_connection_that_brings_nothing_is_found_out_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "heard")
            await notebook.next()
            server.gateway.deafen()
            server.say(ada, channel, "said to the deaf")
            event = await notebook.next(2)
            assert event.text == "said to the deaf"
            assert server.gateway.identifies == 2


async def test_when_every_connection_is_deaf_the_process_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)

        async def talk() -> None:
            """Each connection brings the history of what was said before it, and nothing else."""
            while True:
                count = len(notebook.events)
                server.say(ada, channel, "anybody there?")
                await notebook.next(count + 1)
                server.gateway.deafen(new_too=True)

        urls = {"api_url": server.api_url, "gateway_url": server.gateway_url}
        with pointed_at(server):
            bot = DiscordBot(config(tmp_path, discord=urls), tmp_path, server.token)
            ready = asyncio.Event()
            running = asyncio.create_task(bot.run(notebook, ready.set))
            async with asyncio.timeout(60):
                await ready.wait()
                talking = asyncio.create_task(talk())
                with pytest.raises(BotStuck):
                    await running
            talking.cancel()


async def test_a_bot_that_is_asked_to_opens_several_connections_and_hears_every_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(*_: object, **__: object) -> None:
        return

    monkeypatch.setattr("discord.Client.before_identify_hook", at_once)
    async with FakeDiscord() as server:
        server.settings.shards = 2
        guilds = [server.add_guild(f"Town {number}") for number in range(4)]
        ada = server.add_user("ada", *guilds)
        channels = [server.add_text_channel(guild) for guild in guilds]
        async with online(server, tmp_path) as (_, notebook):
            for channel in channels:
                server.say(ada, channel, "hello", mention_bot=True)
            server.say(ada, server.open_dm(ada), "hello")
            await notebook.next(5)
            assert server.gateway.connections == 2
    assert {event.address for event in notebook.events} >= {place(channel) for channel in channels}


async def test_a_bot_without_starts_left_waits_instead_of_losing_its_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeDiscord() as server:
        server.settings.session_starts, server.settings.session_reset = 0, 0.1
        server.add_guild()
        async with online(server, tmp_path):
            assert server.gateway.identifies == 1
    assert "discord_no_starts" in [getattr(record, "action", "") for record in caplog.records]


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SILENCE", 0.2)
    monkeypatch.setattr(watch, "IN_FLIGHT", 0.1)
    monkeypatch.setattr("bots.discord.bot.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("bots.discord.bot.LONGEST_PAUSE", 0.01)


async def test_an_edit_that_names_the_bot_is_a_mention_and_a_later_one_is_not(tmp_path: Path) -> None:
    """discord-edit-adds-mention"""
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "look at the build")
            await notebook.next()
            server.edit(ada, said, f"{server.bot.mention} look at the build")
            await notebook.next(2)
            server.edit(ada, said, f"{server.bot.mention} look at the big build")
            server.unfurl(said, {"title": "Build"})
            server.say(ada, channel, "so there")
            await notebook.until(lambda: notebook.events[-1].text == "so there")
    first, second, third, _ = notebook.events
    assert [event.mentioned for event in (first, second, third)] == [False, True, False]
    assert (second.event_class, second.opens_thread) == (EventClass.EDIT, str(said.id))


async def test_a_thread_on_an_alert_brings_its_words_and_the_files_since(tmp_path: Path) -> None:
    """discord-thread-on-alert"""
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada, ben = server.add_user("ada", guild), server.add_user("ben", guild)
        pager = server.add_user("pager", guild, bot=True)
        shown = {"title": "Alert: disk full", "description": "db-3 has 2% left"}
        alert = server.say(pager, channel, "", embeds=[shown])
        thread = server.start_thread(ada, alert)
        server.say(ben, thread, "", attachments=[Upload("df.txt", b"98%", "text/plain")])
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, thread, "what is this?", mention_bot=True)
            await notebook.until(lambda: any(event.mentioned for event in notebook.events))
    [event] = [event for event in notebook.events if event.mentioned]
    said, file = event.thread_so_far
    assert said.text == "Alert: disk full\ndb-3 has 2% left"
    assert [one.name for one in file.files] == ["df.txt"]


async def test_a_thread_that_the_gateway_never_told_of_is_asked_for_after_the_gap(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (bot, notebook):
            server.say(ada, channel, "seen")
            await notebook.until(lambda: place(channel) in notebook.marks)
            server.gateway.lose_next(3)  # the thread, its first words, and what they do to it
            thread = server.start_thread(ada, server.say(ada, channel, "hidden"))
            server.gateway.lose_next(3)
            server.say(ada, thread, "anybody there?", mention_bot=True)
            assert bot._client is not None
            bot._client.receiver.look_again()
            await notebook.until(lambda: any(event.address == place(thread) for event in notebook.events))
