"""One conversation in which every kind of content occurs: what reaches the model is what a person has read and found right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from host.intake.changed import DELETED, TOO_LATE
from tests.fakes.discord import Channel, FakeDiscord, Message, Upload
from tests.fakes.discord.model import Attachment
from tests.fakes.model_api import DropBeforeAnswer, FakeModelAPI, ToolUse, answer, overloaded
from tests.support.files import picture
from tests.support.golden import discord_messages as kinds
from tests.support.golden import reading
from tests.support.town import Town

pytestmark = pytest.mark.timeout(600)

MODEL = """\
[model]
base_url = "{url}"
[agents.default]
provider = "claude"
fallback_model = "claude-haiku-5-5"
reactions = "wake"
"""


class Conversation:
    """A thread in which one thing is said after the other, each answered before the next."""

    def __init__(self, town: Town, api: FakeModelAPI) -> None:
        self.town = town
        self.api = api
        self.bob = town.discord.add_user("bob", town.guild)
        self.bot = town.discord.add_user("helper", town.guild, bot=True)
        self.role = town.discord.add_role(town.guild, "keepers")
        self.thread: Channel | None = None
        self._asked = 0

    def post(self, fields: dict[str, Any], by: str = "ada", reply_to: Message | None = None) -> Message:
        names = {"bob": self.bob.id, "place": self.town.channel.id, "role": self.role.id}
        text = json.dumps(fields)
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", str(value))
        who = {"ada": self.town.ada, "bob": self.bob, "bot": self.bot}[by]
        return self.town.discord.post(
            who, self.thread or self.town.channel, json.loads(text), reply_to=reply_to
        )

    async def ask(self, fields: dict[str, Any], by: str = "ada", reply_to: Message | None = None) -> None:
        self.post(fields, by, reply_to)
        await self.turn()

    async def turn(self) -> None:
        self._asked += 1
        await self.town.until(lambda: len(self._answers()) >= self._asked)

    def _answers(self) -> list[str]:
        """Without what the host itself says of a question that was changed or deleted."""
        return [said for said in self.town.said(self.thread) if said not in (TOO_LATE, DELETED)]


@pytest.fixture
async def conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Conversation]:
    async with FakeModelAPI() as api, FakeDiscord() as discord:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        guild = discord.add_guild("Dovetown")
        channel = discord.add_text_channel(guild)
        ada = discord.add_user("ada", guild)
        town = Town(discord, guild, channel, ada, tmp_path, MODEL.format(url=api.base_url))
        numbers = iter(range(1, 1000))
        api.answer_with(lambda request: f"Answer {next(numbers)}.")
        for id_, (name, data, kind) in kinds.CONTENTS.items():
            discord.world.attachments[id_] = Attachment(id_, name, data, kind, "")
        try:
            yield Conversation(town, api)
        finally:
            await town.down()


async def test_forty_messages_of_every_kind_reach_the_model_as_people_see_them(
    conversation: Conversation,
) -> None:
    """discord-thread-on-alert, discord-webhook-embeds, discord-reply-to-embed, discord-reply-to-image, discord-poll."""
    talk, town = conversation, conversation.town
    discord = town.discord
    alert = talk.post(kinds.ALERT)
    talk.thread = thread = discord.start_thread(town.ada, alert)
    discord.say(talk.bob, thread, "", attachments=[Upload("df.txt", b"98%\n", "text/plain")])
    talk.post(kinds.POLL)
    talk.post(kinds.VOICE, "bob")
    talk.post(kinds.JOINED, "bob")
    await town.up()
    discord.say(town.ada, thread, "what is this?", mention_bot=True)
    await talk.turn()
    chart = Upload("chart.png", picture(), "image/png", "free space")
    shown = discord.say(talk.bob, thread, "", attachments=[chart])
    await talk.turn()
    await talk.ask({"content": "what does this show?"}, reply_to=shown)
    card = talk.post(kinds.CARD, "bot")
    await talk.ask({"content": "what changed here?"}, reply_to=card)
    gone = discord.say(talk.bob, thread, "I am wrong")
    await talk.turn()
    discord.delete(talk.bob, gone)
    await talk.ask({"content": "never mind"}, reply_to=gone)
    await talk.ask(kinds.FORWARD)
    await talk.ask(kinds.FORWARDED_FORWARD, "bob")
    for one in (
        kinds.PREVIEW,
        kinds.GIF,
        kinds.STICKER,
        kinds.NAMED,
        kinds.MARKDOWN,
        kinds.VOICE,
        kinds.INVITE,
        kinds.LONG,
    ):
        await talk.ask(one)
    for one in (kinds.V2, kinds.COMMAND, kinds.MENU):
        talk.post(one, "bot")
    for one in (kinds.POLL_RESULT, kinds.MODERATION, kinds.JOINED, kinds.PINNED, kinds.RENAMED):
        talk.post(one, "bob")
    await talk.ask({"content": "what do they all say?"}, "bob")
    discord.say(talk.bot, thread, "who is on duty?", mention_bot=True)
    await talk.turn()
    discord.say(talk.bob, thread, "", mention_bot=True)
    await talk.turn()
    await talk.ask({"content": "and the helper?", "poll": kinds.POLL["poll"]})
    said = discord.say(talk.bob, thread, "it is db-3")
    await talk.turn()
    answered = discord.messages(thread)[-1]
    discord.edit(talk.bob, said, "it is db-4")
    discord.react(town.ada, answered, "👀")
    await talk.turn()
    discord.react(talk.bob, said, "🎉")
    await talk.turn()
    await town.down()
    discord.say(town.ada, thread, "said while nobody listened")
    await town.up()
    await talk.turn()
    talk.api.script(answer(ToolUse("read_thread", {"count": 3})))
    await talk.ask({"content": "what were the last three things we said?"})
    found = reading.conversation(talk.api.requests[-1])
    reading.check("discord", found)

    # The model is away for as long as it is asked, and then for this turn alone.
    talk.api.fail_next(DropBeforeAnswer(), overloaded())
    await talk.ask({"content": "who answers this?"})
    assert town.said(thread)[-1].endswith(
        "(Answered by claude-haiku-5-5: claude-sonnet-5-5 is away right now.)"
    )
    await talk.ask({"content": "and this?"})
    assert "Answered by" not in town.said(thread)[-1]
    assert reading.paid_for(town.folder / "data", "claude-haiku-5-5") == 1
