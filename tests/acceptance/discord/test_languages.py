"""What the host itself says on Discord is in the language of the place: in one that shows whatever was not marked."""

from __future__ import annotations

import json

from bots.common.judging import DISCORD_ID
from tests.fakes.discord import Channel, Interaction, limits
from tests.support import marking
from tests.support.marking import LANGUAGE, read, unmarked
from tests.support.town import Town

WISH = {"title": "Zzz", "prompt": "zzz", "cron": "0 9 * * 1-5", "zone": "Europe/Berlin"}
NOT_OURS = (
    "Zzz",
    "zzz",
    "default",
    "Europe/Berlin",
    "bash",
    "low",
    "medium",
    "high",
    "max",
    "memory",
    "echo",
)
NAMES = ("English", "Deutsch", "Español", "日本語", "中文", "简体", "Ada", "ada", "Eve", "eve")


def shown(act: Interaction) -> list[str]:
    messages = [one for one in (act.original, *act.followups) if one is not None]
    return [text for one in messages for text in (one.content, *read(one.components))] + list(
        read(act.modal or {})
    )


async def told(town: Town, name: str, part: str = "") -> list[str]:
    act = town.discord.run_command(town.ada, town.channel, name, {"part": part} if part else None)
    await town.until(lambda: act.modal or (act.original is not None and not act.original.loading))
    return shown(act)


async def answered(town: Town, act: Interaction) -> None:
    await town.until(lambda: act.original is not None and not act.original.loading)


async def latest(town: Town, thread: Channel, count: int) -> str:
    await town.until(lambda: len(town.said(thread)) == count)
    return town.said(thread)[-1]


async def test_everything_that_the_host_says_is_marked(town: Town) -> None:
    town.config = (
        f'[host]\nlanguage = "{LANGUAGE}"\n[access]\nowners = ["discord:{town.ada.id}"]\nunknown = "ask"\n'
        '[agents.default]\noptions = { tools = ["bash", "schedule_task"], approve = ["bash"] }'
    )
    town.first, said = marking.SPOKEN, list[str]()
    town.ada.locale = f"{LANGUAGE}-XX"
    await town.up()
    call = f"@@call schedule_task {json.dumps(WISH)}\n@@results"
    await town.answered(town.discord.say(town.ada, town.channel, call, mention_bot=True))
    for name in ("help", "status", "tasks", "usage", "grants", "memory", "stop", "config"):
        said += await told(town, name)
    for part in ("limits", "shown", "versions"):
        said += await told(town, "config", part)

    call = '@@call bash {"command": "echo zzz"}\n@@results'
    thread = await town.answered(town.discord.say(town.ada, town.channel, call, mention_bot=True))
    question = town.discord.messages(thread)[-1]
    buttons = [part["custom_id"] for _, part in limits.walk(question.components) if "custom_id" in part]
    said += [question.content, *read(question.components)]
    eve = town.discord.add_user("eve", town.guild)
    for act in (
        town.discord.click(eve, question, buttons[0]),
        town.discord.click(town.ada, question, buttons[-1]),  # what would run
    ):
        await answered(town, act)
        said += shown(act)
    town.discord.click(town.ada, question, buttons[0])
    await town.until(lambda: len(town.said(thread)) == 2)
    said.append(question.content)
    answer = town.discord.messages(thread)[-1]
    said += read(answer.components)
    judge = next(
        part["custom_id"]
        for _, part in limits.walk(answer.components)
        if part.get("custom_id", "").startswith(f"{DISCORD_ID}bad")
    )
    pressed = town.discord.click(town.ada, answer, judge)
    await town.until(lambda: pressed.modal)
    said += shown(pressed)
    for number, word in enumerate(("!help", "!status", "!tasks", "!stopp", "!config")):
        town.discord.say(town.ada, thread, word)
        said.append(await latest(town, thread, 3 + number))
    assert unmarked(said, (*NOT_OURS, *NAMES)) == []

    # As an owner sets it for the channel, and only there.
    form = town.discord.run_command(town.ada, town.channel, "config", {"part": "shown"})
    await town.until(lambda: form.modal)
    sent = town.discord.submit_modal(town.ada, form, {"language": "ja"})
    await town.until(lambda: sent.original is not None and "日本語" in sent.original.content)
    town.discord.say(town.ada, thread, "!status")
    await town.until(lambda: town.said(thread)[-1] == "ここでは何も実行中ではありません。")
