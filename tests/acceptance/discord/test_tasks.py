"""Scheduled tasks in a Discord server: the post in the channel, and how people go on from it (LESSONS 40)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.fakes.discord import Message, Upload
from tests.support.town import Town


async def posted(town: Town) -> Message:
    """What a task has posted into the channel, in the name of the person who asked for it."""
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
    assert post.mentions == [town.ada]
    return post


async def test_a_thread_opened_from_a_tasks_post_goes_on_with_it(town: Town) -> None:
    post = await posted(town)
    opened = town.discord.start_thread(town.ada, post, "about the news")
    town.discord.say(town.ada, opened, "tell me more")
    await town.until(lambda: town.said(opened) == ["tell me more"])
    assert len(list(town.folder.glob("data/sessions/*"))) == 2


async def test_a_reply_to_a_tasks_post_is_answered_in_the_posts_thread_by_the_task(town: Town) -> None:
    post = await posted(town)
    town.discord.say(town.ada, town.channel, "what else?", reply_to=post)
    thread = await town.answered(post)
    town.discord.say(town.ada, town.channel, "and tomorrow?", reply_to=post, ping=False)
    await town.answered(post, 2)
    assert town.said(thread) == ["what else?", "and tomorrow?"]
    assert len(list(town.folder.glob("data/sessions/*"))) == 2


async def test_a_reaction_a_file_and_words_in_a_channel_begin_what_waits_for_them(town: Town) -> None:
    town.config = '[access]\nunknown = "allow"\n'
    await town.up()
    for number, what in enumerate(({"reaction": ":ticket:"}, {"file": "csv"}, {"words": "deploy failed"})):
        wish = {"title": f"W{number}", "prompt": f"case {number}", "destination": "channel", **what}
        asked = f"@@call schedule_task {json.dumps(wish)}\n@@results"
        thread = await town.answered(town.discord.say(town.ada, town.channel, asked, mention_bot=True))
        assert "whenever somebody" in town.said(thread)[0]

    def cases(number: int) -> list[str]:
        return [one for one in town.said(town.channel) if one.startswith(f"case {number}")]

    bob = town.discord.add_user("bob", town.guild)
    said = town.discord.say(bob, town.channel, "the printer is on fire")
    town.discord.react(town.ada, said, "🎫")
    await town.until(lambda: cases(0))
    assert "reacted with 🎫" in cases(0)[0]
    assert "the printer is on fire" in cases(0)[0]  # what was reacted to
    town.discord.say(bob, town.channel, "figures", attachments=[Upload("sales.csv", b"a,b")])
    await town.until(lambda: cases(1))
    town.discord.say(town.ada, town.channel, "The deploy failed again, deploy failed!")
    await town.until(lambda: cases(2))
    await town.kill()
    await town.up()
    town.discord.react(bob, said, "🎫")
    await town.until(lambda: len(cases(0)) == 2)
    assert [len(cases(number)) for number in range(3)] == [2, 1, 1]
