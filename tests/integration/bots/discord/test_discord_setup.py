"""Discord's part of `dovecote setup`, step by step against a Discord."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bots.discord.setup.guide import DiscordGuide
from host.ports.setup import Greeter, SecretRefused, SetUpFailed
from tests.fakes.discord import FakeDiscord, Intent, Permission
from tests.fakes.discord.client import pointed_at
from tests.support.guided import Guided
from tests.support.hosting import config


async def running(server: FakeDiscord, folder: Path, desk: Guided, token: str | None = None) -> Greeter:
    urls = {"api_url": server.api_url, "gateway_url": server.gateway_url}
    environment = {"DISCORD_BOT_TOKEN": server.token if token is None else token}
    with pointed_at(server):
        async with asyncio.timeout(60):
            return await DiscordGuide(30.0).visit(config(folder, discord=urls), environment, desk)


async def test_set_up_waits_for_the_invitation_greets_and_hears_a_hello(tmp_path: Path) -> None:
    desk = Guided()
    async with FakeDiscord() as server:
        task = asyncio.create_task(running(server, tmp_path, desk))
        await desk.until("Invite the bot")
        guild = server.add_guild("Dovetown")  # invited
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        await desk.until("Said hello")
        server.say(ada, channel, "hello", mention_bot=True)
        assert await task == Greeter(str(ada.id), "Ada")
        assert server.messages(channel)[-1].content == "I hear you. Everything works."
        assert server.world.commands
    assert any("oauth2/authorize" in line for line in desk.said)


@pytest.mark.parametrize(
    ("token", "words"), [("", "Reset Token"), ("wrong", "refuses the token"), ("two words", "in one line")]
)
async def test_a_token_that_does_not_work_is_named_and_can_be_asked_for_again(
    tmp_path: Path, token: str, words: str
) -> None:
    async with FakeDiscord() as server:
        with pytest.raises(SecretRefused, match=words) as refused:
            await running(server, tmp_path, Guided(), token=token)
    assert refused.value.variable == "DISCORD_BOT_TOKEN"


async def test_set_up_names_a_missing_intent(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        server.settings.enabled_intents &= ~Intent.MESSAGE_CONTENT
        with pytest.raises(SetUpFailed, match="Message Content Intent"):
            await running(server, tmp_path, Guided())


async def test_set_up_names_a_missing_permission(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild("Dovetown")
        server.add_text_channel(guild)
        everyone = server.everyone(guild)
        lacking = everyone.permissions & ~Permission.CREATE_PUBLIC_THREADS
        server.set_role_permissions(guild, everyone, Permission(lacking))
        with pytest.raises(SetUpFailed, match="create_public_threads"):
            await running(server, tmp_path, Guided())


async def test_set_up_names_a_channel_where_the_bot_is_hindered_and_goes_on(tmp_path: Path) -> None:
    desk = Guided()
    async with FakeDiscord() as server:
        guild = server.add_guild("Dovetown")
        channel = server.add_text_channel(guild)
        hall = server.add_text_channel(guild, "hall")
        server.set_overwrite(hall, server.everyone(guild), deny=Permission.READ_MESSAGE_HISTORY)
        ada = server.add_user("ada", guild)
        task = asyncio.create_task(running(server, tmp_path, desk))
        await desk.until("In #hall it lacks read_message_history")
        await desk.until("Said hello")
        server.say(ada, channel, "hello", mention_bot=True)
        assert await task
