"""Payloads that the library cannot read: an item's error, live and in a history, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import discord
import pytest

from bots.discord.reading import receiver
from tests.fakes.discord import FakeDiscord, Fault, payloads
from tests.support.discording import Notebook, online
from tests.support.discording import place as place_of

ODD: dict[str, dict[str, Any]] = {
    "attachments": {"attachments": "none"},
    "embeds": {"embeds": [{"type": "rich", "fields": 5}]},
    "a poll": {"poll": {"question": "Which?"}},
    "components": {"components": [{"type": 1, "components": 7}]},
    "stickers": {"sticker_items": [{"name": "wave"}]},
    "a reference": {"message_reference": "above"},
}


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of which not even the library's own class can be made, whatever is left out."""
    made = discord.Message.__init__

    def odd(self: discord.Message, *, state: Any, channel: Any, data: Any) -> None:
        if data.get("content") == "UNREADABLE":
            raise TypeError("a payload that the library does not understand")
        made(self, state=state, channel=channel, data=data)

    monkeypatch.setattr(discord.Message, "__init__", odd)


@pytest.mark.usefixtures("unreadable")
async def test_a_message_that_cannot_be_read_silences_nobody_live_nor_in_the_history(tmp_path: Path) -> None:
    """repro_unparsable_message."""
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel, other = server.add_text_channel(guild), server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "first", mention_bot=True)
            server.say(ada, other, "first elsewhere", mention_bot=True)
            await notebook.next(2)
            server.say(ada, channel, "UNREADABLE")
            server.say(ada, channel, "after", mention_bot=True)
            server.say(ada, other, "after elsewhere", mention_bot=True)
            heard = [await notebook.next(number) for number in (3, 4)]
            assert {event.text for event in heard} == {"after", "after elsewhere"}
        server.say(ada, channel, "UNREADABLE")
        server.say(ada, channel, "while nobody was there", mention_bot=True)
        async with online(server, tmp_path, notebook=notebook) as (_, notebook):
            assert (await notebook.next(5)).text == "while nobody was there"


async def test_a_message_of_a_history_that_we_cannot_read_silences_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library made it, and what we asked of it broke: the life of the whole bot ended, and each that followed."""
    made: Callable[[discord.Message], datetime] = vars(discord.Message)["created_at"].fget

    def odd(self: discord.Message) -> datetime:
        if self.content.endswith("UNREADABLE"):
            raise OverflowError("a time that is none")
        return made(self)

    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.add_thread(channel, ada)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "first", mention_bot=True)
            await notebook.next()
        for place in (channel, thread):
            server.say(ada, place, "UNREADABLE", mention_bot=True)
            server.say(ada, place, "while nobody was there", mention_bot=True)
        monkeypatch.setattr(discord.Message, "created_at", property(odd))
        async with online(server, tmp_path, notebook=notebook) as (_, notebook):
            found = [await notebook.next(number) for number in (2, 3)]
    assert [event.text for event in found] == ["while nobody was there"] * 2
    assert [len(event.thread_so_far) for event in found if event.address.thread_id] == [0]


async def test_a_missed_message_whose_author_discord_never_tells_takes_nothing_from_those_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without roles nobody is let in; those behind it are."""
    monkeypatch.setattr(receiver, "AGAIN_AFTER", 0.0)
    notebook = Notebook()
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada, bob = server.add_user("ada", guild), server.add_user("bob", guild)
        keepers = server.add_role(guild, "keepers")
        notebook.marks[place_of(channel)] = str(server.say(ada, channel, "seen before").id)
        server.say(ada, channel, "missed by ada")
        server.say(bob, channel, "missed by bob")
        server.faults.next("GET /guilds/{}/members/{}", Fault.unavailable(), times=receiver.MOST_TRIES)
        async with online(server, tmp_path, notebook, access={"groups": [f"discord:{keepers.id}"]}):
            assert (await notebook.next()).text == "missed by bob"


@pytest.mark.parametrize("odd", ODD)
async def test_of_a_message_with_one_odd_field_the_words_arrive(tmp_path: Path, odd: str) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (_, notebook):
            said = server.say(ada, channel, "first", mention_bot=True)
            await notebook.next()
            whole = {**payloads.message(said, server.bot), "guild_id": str(guild.id)}
            strange = {**whole, "id": str(said.id + 1), "content": f"<@{server.bot.id}> strange", **ODD[odd]}
            server.gateway.dispatch("MESSAGE_CREATE", strange)
            async with asyncio.timeout(20):
                text = (await notebook.next(2)).text
                assert text.split("\n") == ["strange", *(["[sticker: wave]"] if odd == "stickers" else [])]
