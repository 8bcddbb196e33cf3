"""`dovecote setup discord`, step by step against a Discord."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bots.discord.setup.guide import set_up
from host.ports.bot import Surroundings
from tests.fakes.discord import FakeDiscord, Intent, Permission
from tests.fakes.discord.client import pointed_at
from tests.support.hosting import config


class Lines(list[str]):
    """What set-up said, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def say(self, line: str) -> None:
        self.append(line)
        self._more.set()

    async def until(self, words: str) -> None:
        async with asyncio.timeout(30):
            while not any(words in line for line in self):
                self._more.clear()
                await self._more.wait()


async def running(server: FakeDiscord, folder: Path, lines: Lines, token: str | None = None) -> bool:
    urls = {"api_url": server.api_url, "gateway_url": server.gateway_url}
    environment = {"DISCORD_BOT_TOKEN": server.token if token is None else token}
    with pointed_at(server):
        async with asyncio.timeout(60):
            return await set_up(
                Surroundings(config(folder, discord=urls), folder, environment), lines.say, 30.0
            )


async def test_set_up_waits_for_the_invitation_greets_and_hears_a_hello(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        task = asyncio.create_task(running(server, tmp_path, lines))
        await lines.until("Waiting")
        guild = server.add_guild("Dovetown")  # invited
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        await lines.until("Said hello")
        server.say(ada, channel, "hello", mention_bot=True)
        assert await task
        assert server.messages(channel)[-1].content == "I hear you. Everything works."
        assert server.world.commands
    assert any("oauth2/authorize" in line for line in lines)


async def test_without_a_token_set_up_says_how_to_get_one(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        assert not await running(server, tmp_path, lines, token="")
    assert "Reset Token" in lines[0]


async def test_set_up_names_a_refused_token(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        assert not await running(server, tmp_path, lines, token="wrong")
    assert "refuses the token" in lines[-1]


async def test_set_up_names_a_missing_intent(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        server.settings.enabled_intents &= ~Intent.MESSAGE_CONTENT
        assert not await running(server, tmp_path, lines)
    assert "Message Content Intent" in lines[-1]


async def test_set_up_names_a_missing_permission(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        guild = server.add_guild("Dovetown")
        server.add_text_channel(guild)
        everyone = server.everyone(guild)
        lacking = everyone.permissions & ~Permission.CREATE_PUBLIC_THREADS
        server.set_role_permissions(guild, everyone, Permission(lacking))
        assert not await running(server, tmp_path, lines)
    assert any("create_public_threads" in line for line in lines)


async def test_set_up_names_a_channel_where_the_bot_is_hindered_and_goes_on(tmp_path: Path) -> None:
    lines = Lines()
    async with FakeDiscord() as server:
        guild = server.add_guild("Dovetown")
        channel = server.add_text_channel(guild)
        hall = server.add_text_channel(guild, "hall")
        server.set_overwrite(hall, server.everyone(guild), deny=Permission.READ_MESSAGE_HISTORY)
        ada = server.add_user("ada", guild)
        task = asyncio.create_task(running(server, tmp_path, lines))
        await lines.until("In #hall it lacks read_message_history")
        await lines.until("Said hello")
        server.say(ada, channel, "hello", mention_bot=True)
        assert await task
