"""What people see and order without an agent, through the whole system."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.discord import Message, User, limits
from tests.support.town import Town


async def told(town: Town, by: User, name: str, options: dict[str, Any] | None = None) -> str:
    act = town.discord.run_command(by, town.channel, name, options)
    await town.until(lambda: act.original is not None and not act.original.loading)
    assert act.original is not None
    assert act.original.ephemeral
    return act.original.content


async def test_a_person_asks_what_became_of_a_message_and_what_it_cost(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    thread = await town.answered(question)
    link = f"https://discord.com/channels/{town.guild.id}/{town.channel.id}/{question.id}"
    story = await told(town, town.ada, "why", {"message": link})
    assert "Message" in story
    assert "an answer was posted" in story
    assert "<t:" in story  # by the reader's own clock
    assert "$0.00" in await told(town, town.ada, "usage")
    assert town.said(thread) == ["hello"]


async def test_an_owner_opens_a_channel_to_every_message_and_others_may_not(town: Town) -> None:
    town.config = (
        f'[access]\nowners = ["discord:{town.ada.id}"]\n[agents.default]\nmodels = ["claude-haiku-4-5"]'
    )
    await town.up()
    eve = town.discord.add_user("eve", town.guild)
    assert "owner" in await told(town, eve, "config")
    opened = town.discord.run_command(town.ada, town.channel, "config")
    await town.until(lambda: opened.modal)
    sent = {"agent": "default", "engage": "always", "budget": ""}
    sent |= {"model": "claude-haiku-4-5", "instructions": "Speak of doves."}
    submitted = town.discord.submit_modal(town.ada, opened, sent)
    await town.until(
        lambda: submitted.original is not None and "answer everything" in submitted.original.content
    )
    question = town.discord.say(eve, town.channel, "without a mention\n@@model\n@@told")
    thread = await town.answered(question)
    assert "without a mention\nclaude-haiku-4-5\nSpeak of doves." in town.said(thread)

    opened = town.discord.run_command(town.ada, town.channel, "config", {"part": "limits"})
    await town.until(lambda: opened.modal)
    fewer = {"effort": "low", "tools": ["memory"], "askers": [str(town.ada.id)]}
    limited = town.discord.submit_modal(town.ada, opened, fewer)
    await town.until(lambda: limited.original is not None and "asked by 1 person" in limited.original.content)
    refused = town.discord.say(eve, town.channel, "May I?")
    question = town.discord.say(town.ada, town.channel, "@@effort\n@@tools")
    thread = await town.answered(question)
    assert town.said(thread) == ["low\nmemory, mock_append, mock_die"]
    assert refused.thread is None
    assert "version 1" not in await told(town, town.ada, "config", {"revert": 1})
    question = town.discord.say(eve, town.channel, "May I now?\n@@effort")
    assert "May I now?\nas the API has it" in town.said(await town.answered(question))


async def test_stop_in_a_channel_finds_the_thread_that_runs(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "never said\n@@sleep 600", mention_bot=True)
    await town.until(lambda: town.discord.calls("POST /channels/{}/typing"))
    assert await told(town, town.ada, "stop") == "Stopping."
    thread = await town.answered(question)
    assert "never said" not in town.said(thread)


async def test_a_task_is_listed_paused_and_cancelled_by_buttons_that_outlive_the_host(town: Town) -> None:
    await town.up()
    wish = {"title": "Report", "prompt": "the report", "cron": "0 9 * * 1-5", "zone": "Europe/Berlin"}
    order = f"@@call schedule_task {json.dumps(wish)}"
    question = town.discord.say(town.ada, town.channel, f"{order}\n@@results", mention_bot=True)
    await town.answered(question)
    listed = town.discord.run_command(town.ada, town.channel, "tasks")
    await town.until(lambda: "Pause" in labels(listed.original))
    assert listed.original is not None
    assert listed.original.ephemeral
    await town.down()
    await town.up()
    town.discord.click(town.ada, listed.original, labels(listed.original)["Pause"])
    await town.until(lambda: "Resume" in labels(listed.original))
    town.discord.click(town.ada, listed.original, labels(listed.original)["Cancel…"])
    await town.until(lambda: "Yes, cancel it" in labels(listed.original))
    town.discord.click(town.ada, listed.original, labels(listed.original)["Yes, cancel it"])
    await town.until(lambda: not labels(listed.original))


def labels(message: Message | None) -> dict[str, str]:
    """The buttons of a message: their ids by label."""
    parts = limits.walk(message.components if message is not None else [])
    return {part["label"]: part["custom_id"] for _, part in parts if "label" in part}
