"""`dovecote conformance discord` as a process against the fake: the fake does what is assumed, and what differs is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bots.discord.setup.assumptions import ASSUMPTIONS
from bots.discord.setup.conformance import BUTTON
from tests.fakes.discord import Channel, FakeDiscord, Message, User, limits
from tests.fakes.discord.faults import Fault
from tests.support.commands import Command, Ended
from tests.support.conforming import unlike

pytestmark = pytest.mark.timeout(300)

# Made by the command. One from a real server may take its place: then the fake is held to that.
REPORT = Path(__file__).parents[3] / "fakes" / "discord" / "conformance.json"
POST = "POST /channels/{}/messages"
Json = dict[str, Any]


def command(folder: Path, discord: FakeDiscord) -> Command:
    (folder / "dovecote.toml").write_text(
        f'[discord]\napi_url = "{discord.api_url}"\ngateway_url = "{discord.gateway_url}"\n'
    )
    return Command(folder, {"DISCORD_BOT_TOKEN": discord.token})


def place(discord: FakeDiscord) -> tuple[User, Channel, Message]:
    """A channel in which somebody has said something, which is nobody's to remove."""
    guild = discord.add_guild("Dovetown")
    channel = discord.add_text_channel(guild, "trials")
    ada = discord.add_user("ada", guild)
    return ada, channel, discord.say(ada, channel, "Mine.")


def with_button(discord: FakeDiscord, channel: Channel) -> Message | None:
    shown = (message for message in discord.messages(channel) if BUTTON in json.dumps(message.components))
    return next(shown, None)


async def checked(folder: Path, discord: FakeDiscord) -> tuple[Ended, list[Json], list[Message]]:
    """What the command said and reported, with a person there who presses; and what it left in the channel."""
    ada, channel, mine = place(discord)
    work = asyncio.create_task(
        asyncio.to_thread(command(folder, discord).run, "conformance", "discord", str(channel.id))
    )
    shown = await discord.wait_for(lambda: with_button(discord, channel), 30.0)
    await discord.wait_for(lambda: discord.gateway.connections, 30.0)
    discord.click(ada, shown, BUTTON)
    ended = await work
    left = [message for message in discord.messages(channel) if message is not mine]
    for secret in (str(ada.id), str(channel.id), discord.token, "trials"):
        assert secret not in (folder / "conformance.json").read_text(), ended.said
    return ended, json.loads((folder / "conformance.json").read_text())["assumptions"], left


async def test_the_fake_does_all_that_is_assumed_and_nothing_that_was_posted_stays(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        ended, told, left = await checked(tmp_path, discord)

    assert [entry for entry in told if not entry["tried"] or entry["seen"] != entry["expected"]] == []
    assert ended.code == 0, ended.said
    assert [entry["assumption"] for entry in told] == [one.name for one in ASSUMPTIONS]
    assert left == []
    assert unlike(told, REPORT) == []


async def test_a_discord_that_differs_in_one_point_is_noticed_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BUTTON_LABEL", 70)
    async with FakeDiscord() as discord:
        ended, told, left = await checked(tmp_path, discord)

    differing = [entry["assumption"] for entry in told if entry["seen"] != entry["expected"]]
    assert differing == ["A button of 80 characters"]
    assert ended.code == 1
    assert "✗  A button of 80 characters" in ended.said
    assert left == []


async def test_without_a_person_a_click_is_not_tried_and_a_lost_answer_leaves_nothing(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        _, channel, mine = place(discord)
        discord.faults.next(POST, *[Fault.answer_lost()] * 5)
        ended = await asyncio.to_thread(
            command(tmp_path, discord).run, "conformance", "discord", str(channel.id), "--wait", "0"
        )
        left = discord.messages(channel)

    told = json.loads((tmp_path / "conformance.json").read_text())["assumptions"]
    untried = {entry["assumption"]: entry["why_not"] for entry in told if not entry["tried"]}
    assert untried.pop("A click's fields") == "nobody was asked to press the button"
    assert ended.code == 0, ended.said
    assert left == [mine], "also the posts whose answers were lost are removed"


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_what_was_posted_is_removed_when_the_command_is_stopped(
    tmp_path: Path, by: signal.Signals
) -> None:
    async with FakeDiscord() as discord:
        _, channel, mine = place(discord)
        process, _ = command(tmp_path, discord).start("conformance", "discord", str(channel.id))
        await discord.wait_for(lambda: with_button(discord, channel), 30.0)
        os.kill(process.pid or 0, by)
        await asyncio.to_thread(process.join, 120)
        assert process.exitcode == 130
        assert discord.messages(channel) == [mine]


async def test_a_channel_that_the_bot_cannot_read_is_said_and_nothing_is_posted(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        run = command(tmp_path, discord).run
        for channel, words in (("general", "by its id, a number"), ("123456789012345678", "code 10003")):
            ended = await asyncio.to_thread(run, "conformance", "discord", channel)
            assert ended.code == 2, ended.said
            assert words in " ".join(ended.said.split())
        assert discord.calls(POST) == []
