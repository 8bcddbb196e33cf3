"""A thousand messages a platform, made of what its published types allow: after each hundred the next "hello" is answered."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord import Channel, FakeDiscord
from tests.fakes.model_api import FakeModelAPI, RecordedRequest
from tests.fakes.slack import Message
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office
from tests.support.town import Town
from tests.support.typescript import Maker

UNIT = Path(__file__).resolve().parents[1] / "unit" / "bots"
CONVERSATIONS, MESSAGES = 5, 200
BY_PERSON = 50  # every so many; each begins a turn
MODEL = """\
[model]
base_url = "{url}"
[agents.default]
provider = "claude"
"""

Json = dict[str, Any]

pytestmark = pytest.mark.timeout(600)


def defined(platform: str) -> Json:
    found: Json = json.loads((UNIT / platform / "corpus" / "definitions.json").read_text("utf-8"))
    return found


def answered(request: RecordedRequest) -> str:
    """To each greeting by its own name."""
    word = (
        request.user_text.rpartition("hello ")[2].partition("<")[0] if "hello " in request.user_text else ""
    )
    return f"Here, {word}." if word else "Go on."


@asynccontextmanager
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as api:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        api.answer_with(answered)
        yield api


def slack_messages(seed: int) -> list[Json]:
    known, chance = defined("slack"), random.Random(seed)
    kinds = sorted(name for name in known if name.endswith("Block") and "fields" in known[name])
    made = []
    for number in range(MESSAGES):
        maker = Maker(known, seed * MESSAGES + number, optional=(0.0, 1.0, 0.5)[number % 3])
        message: Json = {"text": chance.choice(["", "words", "<@U", "&lt;", "\\ud83d"])}
        if number % 4:
            message["blocks"] = [maker.made(chance.choice(kinds))]
        if number % 4 != 1:
            message["attachments"] = [maker.made("MessageAttachment")]
        made.append(message)
    return made


async def test_no_message_that_slacks_types_allow_leaves_a_conversation_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with model(monkeypatch) as api, on_slack.office(tmp_path) as office:
        office.configure(more=MODEL.format(url=api.base_url))
        await office.start()
        slack = office.slack
        for seed in range(CONVERSATIONS):
            root = office.ask("begin")
            await office.answered(root)
            for number, message in enumerate(slack_messages(seed)):
                by = (
                    {"user": office.bob.id}
                    if number % BY_PERSON == 7
                    else {"bot_id": "B0APP", "username": "app"}
                )
                slack.post(office.channel, {**message, **by}, root.ts)
            for delivery in slack.deliveries("message"):
                await delivery.acknowledged(PATIENCE)
            slack.say(office.ann, office.channel, f"hello {seed}", root.ts)
            await slack.wait_until(partial(_greeted, office, root, seed), PATIENCE)


def _greeted(office: Office, root: Message, seed: int) -> bool:
    return f"Here, {seed}." in [message.text for message in office.answers(root)]


def discord_messages(seed: int) -> list[Json]:
    known = defined("discord")
    kinds = sorted(known["MessageType"]["values"].values())
    made = []
    for number in range(MESSAGES):
        maker = Maker(known, seed * MESSAGES + number, optional=(0.0, 1.0, 0.5)[number % 3], full_depth=2)
        message = maker.made("APIMessage")
        for field in ("id", "channel_id", "author", "webhook_id", "timestamp", "nonce", "thread"):
            message.pop(field, None)
        message["type"] = maker.chance.choice([0, 19, 20, 23, maker.chance.choice(kinds)])
        made.append(message)
    return made


async def test_no_message_that_discords_types_allow_leaves_a_conversation_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with model(monkeypatch) as api, FakeDiscord() as discord:
        guild = discord.add_guild()
        channel, ada = discord.add_text_channel(guild), discord.add_user("ada", guild)
        helper = discord.add_user("helper", guild, bot=True)
        town = Town(discord, guild, channel, ada, tmp_path, MODEL.format(url=api.base_url))
        try:
            await town.up()
            for seed in range(CONVERSATIONS):
                asked = discord.say(ada, channel, f"begin {seed}", mention_bot=True)
                thread = await town.answered(asked)
                for number, message in enumerate(discord_messages(seed)):
                    discord.post(ada if number % BY_PERSON == 7 else helper, thread, message)
                discord.say(ada, thread, f"hello {seed}")
                await town.until(partial(_heard, town, thread, seed))
        finally:
            await town.down()


def _heard(town: Town, thread: Channel, seed: int) -> bool:
    return f"Here, {seed}." in town.said(thread)


async def test_the_samples_are_as_many_and_as_odd_as_they_are_said_to_be() -> None:
    both = [await asyncio.to_thread(make, 1) for make in (slack_messages, discord_messages)]
    assert sum(map(len, both)) * CONVERSATIONS == 2_000
    slack, discord = both
    assert any("blocks" in one and "attachments" in one for one in slack)
    assert {"embeds", "components", "poll", "message_snapshots", "referenced_message"} <= {
        field for one in discord for field in one
    }
