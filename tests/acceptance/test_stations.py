"""A search for a platform's id in the log of `dovecote up`, on both platforms, as text and as JSON: six stations in order."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.model_api import FakeModelAPI
from tests.support import on_slack
from tests.support.town import Town

STATIONS = ["in", "stored", "claimed", "model_call", "out", "receipt"]
WORDS, ANSWER = "How many doves are there?", "Twenty-two doves."


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as made:
        made.answer_with(lambda _: ANSWER)
        monkeypatch.setenv("ANTHROPIC_API_KEY", made.key)
        yield made


def sections(api: FakeModelAPI, form: str) -> str:
    return (
        f'[model]\nbase_url = "{api.base_url}"\n[log]\nformat = "{form}"\n'
        '[agents.default]\nprovider = "claude"\n'
    )


def stations(log: str, platform_id: str, form: str) -> list[str]:
    """What `grep` finds, by its action; in JSON what a program finds. Only the first of each."""
    assert "\x1b" not in log  # it is no terminal
    assert WORDS not in log
    assert ANSWER not in log
    found = []
    for line in log.splitlines():
        if platform_id in line:
            told = re.search(r"\baction=(\S+)", line)
            action = json.loads(line)["action"] if form == "json" else told[1] if told else ""
            if action in STATIONS and action not in found:
                found.append(action)
    if form == "json":
        assert all(isinstance(json.loads(line), dict) for line in log.splitlines() if line.startswith("{"))
    return found


@pytest.mark.parametrize("form", ["json", "text"])
async def test_a_slack_message_is_found_at_every_station(
    api: FakeModelAPI, tmp_path: Path, form: str
) -> None:
    async with on_slack.office(tmp_path) as office:
        office.configure(more=sections(api, form))
        await office.start()
        asked = office.ask(WORDS)
        await office.answered(asked)
        await office.stop()
        assert stations(office.log(), asked.ts, form) == STATIONS


@pytest.mark.parametrize("form", ["json", "text"])
async def test_a_discord_message_is_found_at_every_station(
    api: FakeModelAPI, tmp_path: Path, form: str
) -> None:
    async with FakeDiscord() as discord:
        guild = discord.add_guild("Dovetown")
        ada = discord.add_user("ada", guild)
        town = Town(discord, guild, discord.add_text_channel(guild), ada, tmp_path, sections(api, form))
        try:
            await town.up()
            asked = discord.say(ada, town.channel, WORDS, mention_bot=True)
            await town.answered(asked)
        finally:
            await town.down()
        assert stations(town.log(), str(asked.id), form) == STATIONS
