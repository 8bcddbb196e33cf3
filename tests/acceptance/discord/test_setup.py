"""`dovecote setup discord` as a process: what a server's owner reads, and what it takes (LESSONS 53)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bots.discord.client import wire
from tests.fakes.discord import FakeDiscord
from tests.support.town import DOVECOTE, TIMEOUT


async def test_an_owner_follows_what_set_up_prints_and_the_bot_hears_a_hello(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        file = tmp_path / "dovecote.toml"
        file.write_text(f'[discord]\napi_url = "{discord.api_url}"\ngateway_url = "{discord.gateway_url}"\n')
        process = await asyncio.create_subprocess_exec(
            str(DOVECOTE),
            *("setup", "discord", "--config", str(file), "--yes", "--no-start"),
            *("--launcher", "process", "--channel", "general"),
            env={**os.environ, "DISCORD_BOT_TOKEN": discord.token, "COLUMNS": "60"},
            stdout=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        assert process.stdout is not None
        read: list[str] = []
        async with asyncio.timeout(TIMEOUT):
            async for raw in process.stdout:
                read.append(line := raw.decode().strip())
                if line.startswith("Invite the bot into a server"):
                    guild = discord.add_guild("Dovetown")
                    channel = discord.add_text_channel(guild)
                    ada = discord.add_user("ada", guild)
                elif line.startswith("Said hello in #general (Dovetown)"):
                    discord.say(ada, channel, "hello", mention_bot=True)
            assert await process.wait() == 0
        assert discord.messages(channel)[-1].content == "I hear you. Everything works."
    [link] = [line for line in read if line.startswith("https://")]
    asked = parse_qs(urlsplit(link).query)
    assert asked["scope"] == ["bot applications.commands"]
    assert asked["permissions"] == [str(wire.PERMISSIONS.value)]
    assert "✓ Ada is an owner: they let people in and allow money" in read
    assert not [line for line in read if line.startswith("✗")]
