"""The message that shows a long turn: one, changing at leisure, found again by whoever looks, gone at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bots.discord.bot import DiscordBot
from bots.discord.live import message as live_messages
from host.ports.bot import Live, ShowsLive, Unknown, Unsent
from host.ports.events import EventClass
from tests.fakes.discord import Channel, FakeDiscord, Fault, Guild, Message, User
from tests.support.discording import Notebook, online, place

POST = "POST /channels/{}/messages"
EDIT = "PATCH /channels/{}/messages/{}"
KEY = "00ff00ff00ff00ff"


@dataclass
class Room:
    server: FakeDiscord
    guild: Guild
    channel: Channel
    thread: Channel
    ada: User
    bot: DiscordBot
    notebook: Notebook
    folder: Path

    def live(self, **more: Any) -> Live:
        now = int(time.time() * 1000)
        known = {"key": KEY, "address": place(self.thread), "answers": "1", "asked_by": str(self.ada.id)}
        return Live(**{**known, "status": "reading", "text": "", "opened_at": now, **more})

    def own(self, channel: Channel | None = None) -> list[Message]:
        return [m for m in self.server.messages(channel or self.thread) if m.author is self.server.bot]


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(live_messages, "EDIT_EVERY", 0.05)
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.add_thread(channel, ada)
        async with online(server, tmp_path) as (bot, notebook):
            yield Room(server, guild, channel, thread, ada, bot, notebook, tmp_path)


async def test_it_opens_with_the_status_is_edited_and_goes(room: Room) -> None:
    assert isinstance(room.bot, ShowsLive)
    live = room.live()
    receipt = await room.bot.open_live(live)
    [message] = room.own()
    assert (str(message.id), message.content) == (receipt.platform_message_id, "-# ⏳ is working: reading")
    await room.bot.update_live(replace(live, text="So **far**"), receipt.platform_message_id)
    await room.server.wait_for(lambda: message.content == "-# ⏳ is writing…\nSo **far**")
    await room.bot.remove_live(live, receipt.platform_message_id)
    await room.bot.remove_live(live, receipt.platform_message_id)  # whoever removed it
    assert room.own() == []


async def test_it_opens_the_thread_of_the_answer(room: Room) -> None:
    question = room.server.say(room.ada, room.channel, "why?", mention_bot=True)
    await room.notebook.next()
    await room.bot.open_live(room.live(address=place(room.channel, str(question.id))))
    thread = room.server.world.channels[question.id]
    assert thread.name == "why?"
    assert len([m for m in room.own(thread) if m.content.startswith("-#")]) == 1


async def test_opened_again_after_a_lost_answer_it_stands_once(room: Room) -> None:
    room.server.faults.next(POST, Fault.answer_lost())
    receipt = await room.bot.open_live(room.live())
    assert [str(m.id) for m in room.own()] == [receipt.platform_message_id]


async def test_another_life_finds_it_by_its_key_whatever_it_says_by_then(room: Room) -> None:
    live = room.live()
    receipt = await room.bot.open_live(live)
    [message] = room.own()
    await room.bot.update_live(replace(live, text="much later"), receipt.platform_message_id)
    await room.server.wait_for(lambda: "much later" in message.content)
    async with online(room.server, room.folder) as (later, _):
        assert await later.find_live(replace(live, status="", text="")) == receipt
        assert await later.find_live(replace(live, key="aa00aa00aa00aa00")) is None
        nowhere = replace(live, address=place(room.channel, "1234"), key="bb00bb00bb00bb00")
        assert await later.find_live(nowhere) is None


async def test_a_long_text_shows_its_end_within_the_limit(room: Room) -> None:
    text = "begin\n```py\n" + "".join(f"line_{n} = {n}\n" for n in range(400))
    await room.bot.open_live(room.live(text=text))
    [message] = room.own()
    assert len(message.content) <= 2000
    assert "line_399" in message.content
    assert "line_3 " not in message.content
    assert message.content.count("```") == 2


async def test_nobody_is_pinged_by_it(room: Room) -> None:
    receipt = await room.bot.open_live(room.live(text=f"{room.ada.mention} @everyone"))
    [message] = room.own()
    await room.bot.update_live(room.live(text=f"{room.ada.mention} again"), receipt.platform_message_id)
    await room.server.wait_for(lambda: "again" in message.content)
    assert (message.mentions, message.mention_everyone) == ([], False)


async def test_of_many_updates_the_last_one_is_shown_and_few_are_sent(room: Room) -> None:
    live = room.live()
    receipt = await room.bot.open_live(live)
    [message] = room.own()
    for number in range(100):
        await room.bot.update_live(replace(live, text=f"word {number}"), receipt.platform_message_id)
    await room.server.wait_for(lambda: message.content.endswith("word 99"))
    assert len(room.server.calls(EDIT)) <= 2


async def test_an_edit_that_is_refused_is_dropped_and_holds_no_answer_up(room: Room) -> None:
    live = room.live()
    receipt = await room.bot.open_live(live)
    [message] = room.own()
    slow = asyncio.Event()
    room.server.faults.next(EDIT, Fault.slow(slow), Fault.unavailable())
    await room.bot.update_live(replace(live, text="stuck"), receipt.platform_message_id)
    await room.server.wait_for(lambda: room.server.calls(EDIT))
    await room.bot.open_live(replace(live, key="cc00cc00cc00cc00"))  # posts go on meanwhile
    await room.bot.update_live(replace(live, text="refused"), receipt.platform_message_id)
    slow.set()
    await room.server.wait_for(lambda: len(room.server.calls(EDIT)) == 2)
    await room.bot.update_live(replace(live, text="shown"), receipt.platform_message_id)
    await room.server.wait_for(lambda: message.content.endswith("shown"))


@pytest.mark.parametrize(
    ("fault", "raised"), [(Fault.unavailable(), Unsent), (Fault.server_error(500), Unknown)]
)
async def test_what_fails_is_said_as_for_any_post(
    room: Room, fault: Fault, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_: float) -> None:
        return None

    room.server.faults.next(POST, fault, times=5)
    monkeypatch.setattr("discord.http.asyncio.sleep", at_once)
    with pytest.raises(raised):
        await room.bot.open_live(room.live())
    assert room.own() == []


async def test_its_button_stops_the_turn(room: Room) -> None:
    await room.bot.open_live(room.live())
    [message] = room.own()
    room.server.click(room.ada, message, f"dovecote:stop:{KEY}")
    event = await room.notebook.next()
    assert (event.event_class, event.value, event.address) == (
        EventClass.CONTROL,
        "stop",
        place(room.thread),
    )
