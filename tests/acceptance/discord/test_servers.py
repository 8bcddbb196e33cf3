"""Several servers in one Dovecote, through the whole system: each by its own rules, and none learns of another."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.discord import Channel, Interaction, User, limits
from tests.support.town import Town

SECRET = "Kestrel"
LOOKS = ("help", "status", "tasks", "usage", "grants", "memory", "why", "config")


async def test_nothing_of_one_server_is_seen_on_another_and_each_has_its_own_rules(town: Town) -> None:
    elsewhere = town.discord.add_guild("Elsewhere")
    lobby = town.discord.add_text_channel(elsewhere, "lobby")
    bob = town.discord.add_user("bob", elsewhere)
    town.discord.add_member(elsewhere, town.ada)
    town.config = (
        f'[[routes]]\nplatform = "discord"\nworkspace = "{elsewhere.id}"\nengage = "always"\n'
        '[[routes]]\nplatform = "discord"\n'
    )
    await town.up()
    wish = {"title": SECRET, "prompt": SECRET, "cron": "0 9 * * 1-5", "zone": "Europe/Berlin"}
    asked = town.discord.say(town.ada, town.channel, call("schedule_task", wish), mention_bot=True)
    thread = await town.answered(asked)
    noted = {"command": "create", "path": "/memories/team.md", "file_text": f"{SECRET} nests here."}
    town.discord.say(town.ada, thread, call("memory", noted))
    await town.answered(asked, 2)

    unheard = town.discord.say(town.ada, town.channel, "among people")
    question = town.discord.say(bob, lobby, "without a mention")
    there = await town.answered(question)
    assert unheard.thread is None
    await town.kill()
    await town.up()

    link = f"https://discord.com/channels/{town.guild.id}/{town.channel.id}/{asked.id}"
    seen = list[str]()
    for who in (bob, town.ada):
        seen += [await shown(town, who, lobby, name) for name in LOOKS]
        seen.append(await shown(town, who, lobby, "why", {"message": link}))
    town.discord.say(bob, there, call("memory", {"command": "view", "path": "/memories"}))
    await town.answered(question, 2)
    seen += [text for channel in (lobby, there) for text in town.said(channel)]
    assert [text for text in seen if SECRET in text or str(town.channel.id) in text] == []
    assert SECRET in await shown(town, town.ada, town.channel, "tasks")
    assert SECRET in await shown(town, town.ada, town.channel, "memory")


def call(tool: str, arguments: dict[str, Any]) -> str:
    return f"@@call {tool} {json.dumps(arguments)}\n@@results"


async def shown(
    town: Town, who: User, channel: Channel, name: str, options: dict[str, Any] | None = None
) -> str:
    """All that a command shows to whoever gave it."""
    act: Interaction = town.discord.run_command(who, channel, name, options)
    await town.until(lambda: act.modal or (act.original is not None and not act.original.loading))
    if act.original is None:
        return json.dumps(act.modal)
    assert act.original.ephemeral
    parts = [part for _, part in limits.walk(act.original.components)]
    return "\n".join([act.original.content, *(str(part.get("content", "")) for part in parts)])
