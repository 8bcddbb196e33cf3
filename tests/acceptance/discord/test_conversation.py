"""`dovecote up` against a Discord: what a person in a server and in a DM sees."""

from __future__ import annotations

from tests.support.town import Town


async def test_a_mention_opens_a_thread_named_from_the_question_and_is_answered_there(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "How do doves find home?", mention_bot=True)
    thread = await town.answered(question)
    assert thread.name == "How do doves find home?"
    assert town.said(thread) == ["How do doves find home?"]
    assert town.said(town.channel) == []


async def test_a_thread_goes_on_without_mentions(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "first", mention_bot=True)
    thread = await town.answered(question)
    town.discord.say(town.ada, thread, "second")
    await town.answered(question, 2)
    assert town.said(thread) == ["first", "second"]


async def test_a_direct_message_is_answered_without_a_mention(town: Town) -> None:
    await town.up()
    dm = town.discord.open_dm(town.ada)
    town.discord.say(town.ada, dm, "hello")
    await town.until(lambda: town.said(dm) == ["hello"])


async def test_what_is_not_meant_for_the_agent_gets_no_answer(town: Town) -> None:
    await town.up()
    bob = town.discord.add_user("otherbot", town.guild, bot=True)
    town.discord.say(town.ada, town.channel, "not for you")
    town.discord.say(bob, town.channel, "beep")
    question = town.discord.say(town.ada, town.channel, "for you", mention_bot=True)
    await town.answered(question)
    assert [c.name for c in town.discord.world.channels.values() if c.is_thread] == ["for you"]


async def test_people_steer_a_thread_by_typed_orders(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "first", mention_bot=True)
    thread = await town.answered(question)
    town.discord.say(town.ada, thread, "!aside between us")
    town.discord.say(town.ada, thread, "second")
    await town.answered(question, 2)
    town.discord.say(town.ada, thread, "!mute")
    await town.answered(question, 3)
    town.discord.say(town.ada, thread, "not for you")
    town.discord.say(town.ada, thread, "third", mention_bot=True)
    await town.answered(question, 4)
    muted = "I stay out of this thread until I am mentioned."
    assert town.said(thread) == ["first", "second", muted, "third"]
