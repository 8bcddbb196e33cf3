"""A fake Discord, and the real `dovecote up` beside it as a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.discord import FakeDiscord
from tests.support.town import Town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with FakeDiscord() as discord:
        guild = discord.add_guild("Dovetown")
        channel = discord.add_text_channel(guild)
        ada = discord.add_user("ada", guild)
        found = Town(discord, guild, channel, ada, tmp_path)
        try:
            yield found
            assert discord.world.fetched == [], "no preview was made of what the bot said"
        finally:
            await found.down()
