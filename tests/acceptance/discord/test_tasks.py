"""Scheduled tasks in a Discord server: the post in the channel, and the thread people open from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.acceptance.discord.conftest import Town


async def test_a_thread_opened_from_a_tasks_post_goes_on_with_it(town: Town) -> None:
    town.config = '[host]\nzone = "Europe/Berlin"\n'
    await town.up()
    at = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    wish = {
        "title": "News",
        "prompt": "the news",
        "at": at,
        "destination": "channel",
        "mentions": [str(town.ada.id)],
    }
    asked = f"@@call schedule_task {json.dumps(wish)}\n@@results"
    question = town.discord.say(town.ada, town.channel, asked, mention_bot=True)
    thread = await town.answered(question)
    assert "Europe/Berlin" in town.said(thread)[0]  # Discord knows nobody's zone
    said = f"<@{town.ada.id}> the news"
    await town.until(lambda: town.said(town.channel) == [said])
    [post] = [m for m in town.discord.messages(town.channel) if m.content == said]
    opened = town.discord.start_thread(town.ada, post, "about the news")
    town.discord.say(town.ada, opened, "tell me more")
    await town.until(lambda: town.said(opened) == ["tell me more"])
    assert len(list(town.folder.glob("data/sessions/*"))) == 2
