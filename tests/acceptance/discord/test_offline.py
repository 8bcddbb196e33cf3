"""What was said while the bot was away (LESSONS 42), and what a crash leaves behind."""

from __future__ import annotations

from tests.support.town import Town


async def test_what_was_said_while_the_host_was_down_is_answered_when_it_is_back(town: Town) -> None:
    await town.up()
    first = town.discord.say(town.ada, town.channel, "before", mention_bot=True)
    thread = await town.answered(first)
    dm = town.discord.open_dm(town.ada)
    town.discord.say(town.ada, dm, "dm before")
    await town.until(lambda: town.said(dm) == ["dm before"])
    await town.down()

    missed = town.discord.say(town.ada, town.channel, "missed mention", mention_bot=True)
    for number in range(3):
        town.discord.say(town.ada, thread, f"missed {number}")
    town.discord.say(town.ada, dm, "dm missed")
    await town.up()

    await town.answered(missed)
    await town.answered(first, 4)
    await town.until(lambda: len(town.said(dm)) == 2)
    assert town.said(thread) == ["before", "missed 0", "missed 1", "missed 2"]
    assert town.said(town.thread_of(missed)) == ["missed mention"]
    assert town.said(dm) == ["dm before", "dm missed"]


async def test_a_channel_seen_for_the_first_time_is_not_read_backwards(town: Town) -> None:
    old = town.discord.say(town.ada, town.channel, "said long ago", mention_bot=True)
    await town.up()
    question = town.discord.say(town.ada, town.channel, "said now", mention_bot=True)
    await town.answered(question)
    assert town.thread_of(old) is None
    await town.kill()
    await town.up()
    await town.answered(town.discord.say(town.ada, town.channel, "said later", mention_bot=True))
    assert town.thread_of(old) is None, "nor by a later life"


async def test_a_lost_session_is_made_up_for_from_the_history(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "one", mention_bot=True)
    thread = await town.answered(question)
    town.discord.gateway.lose_next(2)
    town.discord.say(town.ada, thread, "lost one")
    town.discord.say(town.ada, thread, "lost two")
    town.discord.gateway.forget_sessions()
    town.discord.gateway.drop()
    await town.answered(question, 3)
    assert town.said(thread) == ["one", "lost one", "lost two"]


async def test_a_host_that_is_killed_in_mid_turn_answers_once_after_its_restart(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "slowly\n@@sleep 2", mention_bot=True)
    await town.until(lambda: town.discord.calls("POST /channels/{}/typing"))
    await town.kill()
    await town.up()
    thread = await town.answered(question)
    after = town.discord.say(town.ada, thread, "and now")
    await town.answered(question, 2)
    assert town.said(thread) == ["slowly", "and now"]
    assert after.channel is thread


async def test_a_payload_that_the_library_does_not_understand_costs_nothing_beside_it(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "one", mention_bot=True)
    thread = await town.answered(question)
    town.discord.gateway.dispatch("MESSAGE_CREATE", {"id": None})
    town.discord.say(town.ada, thread, "two")
    await town.answered(question, 2)
    assert town.said(thread) == ["one", "two"]
    assert "discord_unreadable" in town.log()
    assert "discord_broke" not in town.log()


async def test_who_waits_for_an_answer_that_discord_holds_up_for_minutes_is_told_so(town: Town) -> None:
    """No thread can be opened: nothing can be said where the answer belongs."""
    town.discord.quotas.wide["POST /channels/{}/messages/{}/threads"] = (300.0, 0)
    await town.up()
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    dm = town.discord.open_dm(town.ada)
    await town.until(lambda: town.said(dm))
    assert "comes by itself" in town.said(dm)[0]
    assert town.said(town.channel) == []
    assert town.thread_of(question) is None
