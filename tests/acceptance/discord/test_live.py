"""A long turn is shown while it lasts, and leaves one final state whatever happened (law 6, LESSONS 48)."""

from __future__ import annotations

from tests.fakes.discord import Channel, Fault, Message
from tests.support.town import Town

LONG = "the answer\n@@sleep 6"
POST = "POST /channels/{}/messages"
EDIT = "PATCH /channels/{}/messages/{}"


async def working(town: Town, question: Message) -> Channel:
    """The thread, once it shows that somebody works in it."""
    await town.until(lambda: town.live(town.thread_of(question)))
    thread = town.thread_of(question)
    assert thread is not None
    return thread


async def test_a_long_turn_is_shown_and_only_its_answer_stays(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, LONG, mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    assert shown.content.startswith("-# ⏳ is working")
    await town.answered(question)
    await town.until(lambda: not town.live(thread))
    assert town.said(thread) == ["the answer"]
    assert len([call for call in town.discord.calls(POST) if call.status == 200]) == 2


async def test_text_grows_in_place_and_neither_lost_edits_nor_a_kill_leave_more_than_the_answer(
    town: Town,
) -> None:
    town.discord.faults.next(EDIT, Fault.answer_lost(), Fault.unavailable())
    words = " ".join(f"word{number}" for number in range(24))
    await town.up()
    question = town.discord.say(town.ada, town.channel, f"{words}\n@@stream 0.4", mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    await town.until(
        lambda: shown.deleted or ("word0 word1 " in shown.content and shown.edited_ms is not None)
    )
    await town.kill()
    await town.up()
    await town.answered(question)
    await town.until(lambda: not town.live(thread))
    assert town.said(thread) == [words]


async def test_its_button_stops_the_turn(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "never said\n@@sleep 600", mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    [button] = shown.components[0]["components"]
    town.discord.click(town.ada, shown, button["custom_id"])
    await town.until(lambda: town.said(thread) == ["Stopped."])
    await town.until(lambda: not town.live(thread))
