"""The first hour: from a clone to the first answer in a real terminal, in three commands and without a file written by hand."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from host.config import dotenv
from tests.fakes.discord import FakeDiscord
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.records import Message
from tests.support.dovecote import ROOT
from tests.support.terminals import DOWN, Terminal

PATIENCE = 90.0  # s
ANSWER = "Hello, and welcome to your first answer."
KEPT_OUT = ("ANTHROPIC_", "SLACK_", "DISCORD_", "ONECLI_", "DOVECOTE_")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """In an empty folder; no container engine is in sight."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(KEPT_OUT)}
    environment = {
        **clean,
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "PYTHONPATH": str(tmp_path / "dovecote"),
    }
    environment["PYTHON"] = sys.executable
    made = Terminal(tmp_path, environment)
    yield made
    made.closes()


async def cloned(terminal: Terminal, folder: Path) -> Path:
    """Commands one and two. The libraries are those that the tests run with: their download is nothing of ours to try."""
    source = folder / "source.git"
    await _ran(folder, "git", "-c", "safe.directory=*", "clone", "--quiet", "--bare", str(ROOT), str(source))
    await terminal.run(f"git clone -q {source} dovecote", "cd dovecote")
    clone = folder / "dovecote"
    await terminal.rests()
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (ROOT / ".venv" / ".ready").touch()  # younger than the clone's lock, so that make is content with it
    return clone


async def _ran(folder: Path, *command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


def flags(api: FakeModelAPI, **more: str) -> str:
    settings = {"model.base_url": api.base_url, **more}
    return " ".join(f"--set {key}={value}" for key, value in settings.items())


@asynccontextmanager
async def model() -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as api:
        api.answer_with(lambda request: ANSWER)
        yield api


def untracked(clone: Path) -> set[str]:
    """What a person, or the set-up for them, added to the clone."""
    listed = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout
    return {line[3:].rstrip("/") for line in listed.splitlines() if "__pycache__" not in line} - {".venv"}


async def test_three_commands_lead_from_a_clone_to_the_first_answer_in_slack(
    terminal: Terminal, tmp_path: Path
) -> None:
    async with model() as api, FakeSlack() as slack:
        ann = slack.add_user("ann")
        slack.add_channel("random", members=[ann])
        general = slack.add_channel("general", members=[ann])
        clone = await cloned(terminal, tmp_path)
        await terminal.run(f'make setup ARGS="{flags(api, **{"slack.api_url": slack.api_url})}"')

        await terminal.answers("Where does your team talk?")
        await terminal.sees("fills in the whole app")
        await terminal.answers("SLACK_BOT_TOKEN", slack.bot_token)
        await terminal.answers("SLACK_APP_TOKEN", slack.app_token)
        await terminal.answers("ANTHROPIC_API_KEY", api.key)
        await terminal.sees("takes the key")
        await terminal.answers("US dollars")
        await terminal.answers("How shall conversations run?", DOWN)
        await terminal.sees("the bot is @")
        await terminal.answers("Where shall I say hello?", DOWN)
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id, PATIENCE)
        assert greeting.channel == general.id
        slack.say(ann, general, "hello yourself", greeting.ts)
        await terminal.answers("Make them an owner?")
        await terminal.sees("everything is in")
        await terminal.sees("Starting")
        await terminal.sees("claude claude-sonnet-5-5")
        await slack.connected(2, PATIENCE)
        question = slack.say(ann, general, f"{slack.mention()} are you there?")
        answers = await slack.wait_until(lambda: _answers(slack, question), PATIENCE)
        assert ANSWER in answers[0].text
        terminal.interrupts()
        await terminal.rests()

        assert terminal.commands == [
            terminal.commands[0],
            "cd dovecote",
            terminal.commands[2],
        ]
        assert len(terminal.commands) <= 3
        assert untracked(clone) == {".env", "dovecote.toml", "data"}
        await _kept_as_it_should(clone, terminal, api, slack, ann.id)


def _answers(slack: FakeSlack, question: Message) -> list[Message]:
    thread = slack.messages(question.channel, question.ts)
    standing = [message for message in thread if message.bot_id == slack.bot_id and message.stream is None]
    return [message for message in standing if ANSWER in message.text]


async def _kept_as_it_should(
    clone: Path, terminal: Terminal, api: FakeModelAPI, slack: FakeSlack, owner: str
) -> None:
    tokens = {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "ANTHROPIC_API_KEY": api.key,
    }
    assert dotenv.read(clone / ".env") == tokens
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600
    assert not [token for token in tokens.values() if token in terminal.everything], "a secret was shown"
    assert tomllib.loads((clone / "dovecote.toml").read_text()) == {
        "model": {"base_url": api.base_url, "budget_usd_per_day": 10.0},
        "slack": {"api_url": slack.api_url},
        "runner": {"launcher": "process"},
        "access": {"owners": [f"slack:{owner}"]},
    }
    # Run again it asks for nothing that works, and changes only what is asked.
    file = clone / "dovecote.toml"
    file.write_text(f"# mine\n{file.read_text()}")
    before = file.read_text()
    again = ("setup", "slack", "--yes", "--budget", "3", "--no-start")
    await _ran(
        clone, str(clone / ".venv/bin/dovecote"), *again, PYTHONPATH=str(clone), DOCKER_HOST="unix:///none"
    )
    assert file.read_text() == before.replace("budget_usd_per_day = 10.0", "budget_usd_per_day = 3.0")


async def test_three_commands_lead_from_a_clone_to_the_first_answer_in_discord(
    terminal: Terminal, tmp_path: Path
) -> None:
    async with model() as api, FakeDiscord() as discord:
        clone = await cloned(terminal, tmp_path)
        urls = {"discord.api_url": discord.api_url, "discord.gateway_url": discord.gateway_url}
        await terminal.run(f'make setup ARGS="{flags(api, **urls)}"')

        await terminal.answers("Where does your team talk?", DOWN)
        await terminal.answers("DISCORD_BOT_TOKEN", discord.token)
        await terminal.answers("ANTHROPIC_API_KEY", api.key)
        await terminal.answers("US dollars", "\x7f\x7f5")
        await terminal.answers("How shall conversations run?", DOWN)
        await terminal.sees("Invite the bot into a server")
        guild = discord.add_guild("Dovetown")
        channel = discord.add_text_channel(guild)
        ada = discord.add_user("ada", guild)
        await terminal.sees("Said hello")
        discord.say(ada, channel, "hello", mention_bot=True)
        await terminal.answers("Make them an owner?")
        await terminal.sees("Starting")
        await discord.wait_for(lambda: len(discord.calls("PUT /applications/{}/commands")) > 1, PATIENCE)
        question = discord.say(ada, channel, "are you there?", mention_bot=True)

        def answered() -> bool:
            thread = discord.world.channels.get(question.id)
            return thread is not None and any(ANSWER in m.content for m in discord.messages(thread))

        await discord.wait_for(answered, PATIENCE)
        terminal.interrupts()
        await terminal.rests()

    assert len(terminal.commands) == 3
    assert untracked(clone) == {".env", "dovecote.toml", "data"}
    assert discord.token not in terminal.everything
    kept = tomllib.loads((clone / "dovecote.toml").read_text())
    assert kept["access"]["owners"] == [f"discord:{ada.id}"]
    assert kept["model"]["budget_usd_per_day"] == 5.0
