"""Payloads that the library cannot read: an item's error, live and in a history, and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.fakes.discord import FakeDiscord, payloads
from tests.support.discording import online

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
