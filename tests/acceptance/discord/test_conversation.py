"""`dovecote up` against a Discord: what a person in a server and in a DM sees."""

from __future__ import annotations

import functools
import re
from typing import Any

from tests.fakes.discord import Channel
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

    # The same words as commands: a wish is shown under its author's name, an order is carried out as if it were typed.
    town.discord.run_command(town.ada, thread, "aside", {"words": "between us once more"})
    town.discord.run_command(town.ada, thread, "queue", {"question": "fourth"})
    await town.until(lambda: "fourth" in town.said(thread))
    town.discord.run_command(town.ada, thread, "mute")
    await town.until(lambda: town.said(thread).count(muted) == 2)
    town.discord.say(town.ada, thread, "not for you either")
    town.discord.say(town.ada, thread, "fifth", mention_bot=True)
    await town.until(lambda: "fifth" in town.said(thread))
    town.discord.run_command(town.ada, thread, "clear")
    await town.until(lambda: "Forgotten. We start afresh." in town.said(thread))
    shown = [message.content for message in town.discord.messages(thread)]
    assert "**Ada** says: between us once more" in shown
    assert "**Ada** asks: fourth" in shown
    assert "not for you either" not in town.said(thread)


async def test_the_host_answers_what_is_typed_to_it_and_asks_about_a_near_miss_also_after_a_restart(
    town: Town,
) -> None:
    town.config = '[commands.aliases]\nhilfe = "help"'
    await town.up()
    question = town.discord.say(town.ada, town.channel, "first", mention_bot=True)
    thread = await town.answered(question)
    town.discord.say(town.ada, thread, "!hilfe")
    await town.answered(question, 2)
    assert "`!status`" in town.said(thread)[1]
    town.discord.say(town.ada, thread, "!important news")
    await town.answered(question, 3)
    town.discord.say(town.ada, thread, "!stpo the presses")
    await town.answered(question, 4)
    [hint] = [message for message in town.discord.messages(thread) if "Did you mean" in message.content]
    send = hint.components[0]["components"][0]
    assert send["label"] == "Send it as written"
    await town.down()
    await town.up()
    eve = town.discord.add_user("eve", town.guild)
    refused = town.discord.click(eve, hint, send["custom_id"])
    await town.until(lambda: refused.followups)
    assert "whoever wrote it" in refused.followups[0].content
    town.discord.click(town.ada, hint, send["custom_id"])
    town.discord.click(town.ada, hint, send["custom_id"])
    await town.answered(question, 5)
    await town.until(lambda: not hint.components)
    assert "Sent as it was written" in hint.content
    town.discord.say(town.ada, thread, "last")
    await town.answered(question, 6)
    assert town.said(thread)[2] == "!important news"
    assert town.said(thread)[4:] == ["!stpo the presses", "last"]
    await notes_are_shown_corrected_and_forgotten_where_they_were_made(town, thread)


async def notes_are_shown_corrected_and_forgotten_where_they_were_made(town: Town, thread: Channel) -> None:
    """In the channel's thread, in Ada's direct messages, and behind the slash command."""
    note = '@@call memory {"command": "create", "path": "/memories/team.md", "file_text": "%s"}'
    look = '@@call memory {"command": "view", "path": "/memories/team.md"}\n@@results'
    dm = town.discord.open_dm(town.ada)

    async def told(words: str, channel: Channel = dm) -> str:
        """The agent's next message there."""
        before = len(town.said(channel))
        town.discord.say(town.ada, channel, words)
        await town.until(lambda: len(town.said(channel)) > before)
        return town.said(channel)[before]

    async def whispered(options: dict[str, Any], channel: Channel = dm) -> str:
        asked = town.discord.run_command(town.ada, channel, "memory", options)
        await town.until(lambda: asked.original is not None and asked.original.content)
        assert asked.original is not None
        return asked.original.content

    await told(note % "We meet on Tuesdays\\nAll of us", thread)
    await told(note % "I like cocoa\\nI am called Addy")
    shown, own = await told("!memory", thread), await told("!memory")
    assert "We meet on Tuesdays" in shown
    assert "cocoa" not in shown
    assert "I like cocoa" in own
    assert "Tuesdays" not in own
    mark, drink = re.search(r"([0-9a-f]{4,})  We", shown), re.search(r"([0-9a-f]{4,})  I like", own)
    assert mark is not None
    assert drink is not None
    assert "an owner alone" in await told(f"!memory forget {mark[1]} yes", thread)
    assert "no such mark" in await told(
        f"!memory forget {mark[1]} yes"
    )  # of the channel, asked for elsewhere
    assert "We meet on Tuesdays" in await whispered({}, thread)
    assert "Corrected" in await whispered({"correct": drink[1], "words": "I like coffee"})
    seen = await told(look)  # by the agent in its next turn
    assert "I like coffee" in seen
    assert "cocoa" not in seen
    assert "2 lines in 1 file" in await told("!memory forget everything")
    assert "It is forgotten" in await whispered({"forget": "everything", "sure": True})
    assert "does not exist" in await told(look)


async def test_a_server_that_lets_the_bot_in_is_greeted_once(town: Town) -> None:
    prompts = '[[agents.default.prompts]]\ntitle = "Doves"\nmessage = "How do doves find home?"'
    town.config = prompts
    await town.up()
    elsewhere = town.discord.add_guild("Elsewhere", with_bot=False)
    lobby = town.discord.add_text_channel(elsewhere, "lobby")
    town.discord.let_in(elsewhere)
    await town.until(lambda: town.said(lobby))
    await town.down()
    town.discord.remove_member(elsewhere, town.discord.bot)
    await town.up()
    town.discord.let_in(elsewhere)
    bob = town.discord.add_user("bob", elsewhere)
    question = town.discord.say(bob, lobby, "hello", mention_bot=True)
    await town.answered(question)
    [greeting] = town.said(lobby)
    assert "How do doves find home?" in greeting


def _told(town: Town, thread: Channel, words: str) -> bool:
    return words in town.said(thread)[-1]


AGENTS = """
[agents.default]
[agents.reviewer]
[agents.secret]
[[routes]]
platform = "discord"
channel = "{channel}"
[[routes]]
platform = "discord"
agent = "reviewer"
engage = "pattern"
pattern = "review"
[[routes]]
platform = "slack"
agent = "secret"
"""


async def test_a_thread_is_given_to_another_agent_with_what_was_said_after_the_turn_that_runs(
    town: Town,
) -> None:
    """Two agents whose routes cover one channel: whatever names whom, each message is answered by one of them, once."""
    town.config = AGENTS.format(channel=town.channel.id)
    await town.up()
    asked = town.discord.say(town.ada, town.channel, "the word is heron; review it", mention_bot=True)
    thread = await town.answered(asked)
    for order, told in (
        ("!handoff", "Name the agent"),
        ("!handoff @nobody", "There is no agent 'nobody'. Here there are: default, reviewer."),
        ("!handoff @secret", "Agent 'secret' may not be used in this channel."),
        ("!handoff @default", "This thread is with **default** already."),
    ):
        town.discord.say(town.ada, thread, order)
        told_of = functools.partial(_told, town, thread, told)
        await town.until(told_of)

    count = len(town.said(thread))
    town.discord.say(town.ada, thread, "slowly\n@@sleep 2")
    await town.until(lambda: town.discord.calls("POST /channels/{}/typing"))
    town.discord.say(town.ada, thread, "!handoff @Reviewer")
    await town.until(lambda: len(town.said(thread)) == count + 3)
    waits, answer, given = town.said(thread)[count:]
    assert waits == "**default** is at work here: I give the thread to **reviewer** when it is done."
    assert answer == "slowly"
    assert given.startswith("This thread is with **reviewer** now")

    town.discord.say(town.ada, thread, "@@call read_thread {}\n@@results", mention_bot=True)
    await town.until(lambda: len(town.said(thread)) > count + 3)
    assert "the word is heron" in town.said(thread)[-1]
    assert "slowly" in town.said(thread)[-1]
    other = town.discord.say(town.ada, town.channel, "a review of both", mention_bot=True)
    await town.answered(other)
    town.discord.say(town.ada, thread, "last of all")
    await town.until(lambda: "last of all" in town.said(thread))
    assert len(town.said(town.thread_of(other))) == 1
    assert town.said(thread).count("last of all") == 1
    assert len(town.said(thread)) == count + 5


async def test_a_thread_is_named_by_the_model_after_its_first_answer_and_never_over_a_persons_name(
    town: Town,
) -> None:
    await town.up()
    discord, channel = town.discord, town.channel
    asked = discord.say(town.ada, channel, "hello there\n@@title “Why the *sea* is wide”", mention_bot=True)
    thread = await town.answered(asked)
    await town.until(lambda: thread.name == "Why the *sea* is wide")
    discord.say(town.ada, thread, "and on\n@@title Another")  # the first turn alone is asked for one
    await town.until(lambda: len(town.said(thread)) == 2)

    slow = discord.say(town.ada, channel, "slowly\n@@sleep 1\n@@title Mine", mention_bot=True)
    await town.until(lambda: town.thread_of(slow))
    theirs = town.thread_of(slow)
    assert theirs is not None
    discord.edit_thread(town.guild.owner, theirs, name="A person's own")
    await town.answered(slow)
    own = discord.start_thread(town.ada, discord.say(town.ada, channel, "mine"), "Opened by Ada")
    discord.say(town.ada, own, "hello\n@@title Stolen", mention_bot=True)
    await town.until(lambda: town.said(own))

    last = discord.say(town.ada, channel, "last\n@@title The last of all", mention_bot=True)
    ended = await town.answered(last)
    await town.until(lambda: ended.name == "The last of all")
    assert (thread.name, theirs.name, own.name) == (
        "Why the *sea* is wide",
        "A person's own",
        "Opened by Ada",
    )
    assert len(discord.calls("PATCH /channels/{}")) == 2
    assert town.said(thread) == ["hello there", "and on"]
