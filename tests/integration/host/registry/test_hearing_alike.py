"""Discord tells every node of everything: with its real bot and two nodes that serve, each thing is dealt with once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bots.discord.bot import DiscordBot
from bots.discord.reading import turns
from host.app import Host
from host.folders import share
from host.registry import errands
from tests.fakes.discord import Channel, FakeDiscord, Message
from tests.fakes.discord.client import pointed_at
from tests.support.hosting import config, serving
from tests.support.postgres import Server
from tests.support.tasking import call

WITHIN = 60.0  # s for one thing to happen
CALLBACKS = "POST /interactions/{}/{}/callback"
ASKS = call("ask_user_question", question="Which?", options=["red", "blue"])


class Nodes:
    def __init__(self, discord: FakeDiscord, folder: Path, url: str) -> None:
        self.discord = discord
        self._folder, self._url = folder, url
        self.guild = discord.add_guild()
        self.channel, self.other = (discord.add_text_channel(self.guild) for _ in range(2))
        self.ann = discord.add_user("ann", self.guild)
        (folder / "shared").mkdir()
        (folder / "shared" / share.MARK).touch()

    @asynccontextmanager
    async def serves(self, name: str, sessions: int = 1) -> AsyncIterator[Host]:
        data, discord = self._folder / name, self.discord
        settings = config(
            data,
            cluster={"database": self._url, "workspaces": str(self._folder / "shared")},
            discord={"api_url": discord.api_url, "gateway_url": discord.gateway_url},
            access={"owners": [f"discord:{self.ann.id}"]},
        )
        options: dict[str, Any] = {"guild_ready_timeout": 0.05}
        bot = DiscordBot(settings, data / "discord", discord.token, options)
        async with serving(settings, cast(Any, bot)) as (host, _):
            await self.until(lambda: discord.gateway.sessions == sessions and bool(discord.world.commands))
            yield host

    async def until(self, condition: Any) -> Any:
        return await self.discord.wait_for(condition, WITHIN)

    def until_given_back(self, server: Server) -> None:
        while server.says(self._url, "SELECT count(*) FROM serving WHERE live = 1") != "1":
            pass

    def until_it_waits(self, server: Server) -> None:
        while (
            server.says(
                self._url, "SELECT count(*) FROM mailbox_copies WHERE part = 'ask' AND content LIKE '%\"\"]'"
            )
            == "0"
        ):
            pass

    def ask(self, text: str) -> Message:
        return self.discord.say(self.ann, self.channel, text, mention_bot=True)

    def thread(self, asked: Message) -> Channel | None:
        return next((one for one in self.discord.world.channels.values() if one.id == asked.id), None)

    def answers(self, asked: Message) -> list[Message]:
        thread = self.thread(asked)
        said = self.discord.messages(thread) if thread is not None else []
        return [one for one in said if one.author is self.discord.bot and (one.content or one.components)]

    async def answered(self, asked: Message, count: int = 1) -> list[Message]:
        await self.until(lambda: len(self.answers(asked)) >= count)
        return self.answers(asked)


@pytest.fixture
async def nodes(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(turns, "LATER", 0.2)
    monkeypatch.setattr(errands, "PATIENCE", WITHIN)
    async with FakeDiscord() as discord:
        with pointed_at(discord):
            yield Nodes(discord, tmp_path, postgres.database())


async def test_each_message_is_answered_and_each_interaction_responded_to_once_by_two_nodes_that_hear_all(
    nodes: Nodes, postgres: Server
) -> None:
    discord, ann = nodes.discord, nodes.ann
    acts = 0
    async with nodes.serves("ada") as ada:
        await nodes.answered(nodes.ask("one"))
        async with nodes.serves("bob", 2):
            asked = nodes.ask(ASKS)
            [card] = await nodes.answered(asked)
            discord.click(ann, card, choice(card, "blue"))
            acts += 1
            said = await nodes.answered(asked, 2)
            assert [one.content for one in said[1:]] == ["blue"]
            for channel in (nodes.channel, nodes.other):  # the other is nobody's yet
                told = discord.run_command(ann, channel, "status")
                acts += 1
                await nodes.until(lambda told=told: told.original is not None and not told.original.loading)
            typed = discord.say(ann, nodes.channel, "!status", mention_bot=True)
            await nodes.until(lambda: any("Nothing is running" in m.content for m in replies(nodes, typed)))
            await nodes.answered(nodes.ask("two"))
            # A question that is in the book of a node that is gone.
            asked = nodes.ask(ASKS)
            [card] = await nodes.answered(asked)
            await asyncio.to_thread(nodes.until_it_waits, postgres)  # its turn is over, and the call waits
            ada.stop()
            await nodes.until(lambda: discord.gateway.sessions == 1)
            await asyncio.to_thread(nodes.until_given_back, postgres)
            discord.click(ann, card, choice(card, "blue"))
            acts += 1
            await nodes.until(lambda: any("blue" in one.content for one in nodes.answers(asked)[1:]))
    assert len(discord.calls(CALLBACKS)) == acts
    assert [call for call in discord.calls(CALLBACKS) if call.status != 200] == []
    assert len(replies(nodes, typed)) == 1


def choice(card: Message, label: str) -> str:
    parts = (part for row in card.components for part in row["components"])
    return next(str(part["custom_id"]) for part in parts if part.get("label") == label)


def replies(nodes: Nodes, typed: Message) -> list[Message]:
    discord = nodes.discord
    return [
        one
        for channel in (nodes.channel, nodes.thread(typed))
        if channel is not None
        for one in discord.messages(channel)
        if one.author is discord.bot and "Nothing is running" in one.content and not one.ephemeral
    ]
