"""Agents with names of their own on Discord."""

from __future__ import annotations

import asyncio

from tests.fakes.discord.faults import Fault
from tests.support.town import Town

FACES = """\
[agents.default]
name = "Scribe"
icon = ":owl:"
[agents.poet]
name = "Poet"
[[routes]]
platform = "discord"
channel = "CHANNEL"
[[routes]]
platform = "discord"
agent = "poet"
"""
READ = "@@call read_thread {}\n@@results"
POST = "POST /channels/{}/messages"


async def test_each_agent_is_named_above_its_words_once_also_after_a_crash(town: Town) -> None:
    town.config = FACES.replace("CHANNEL", str(town.channel.id))
    await town.up()
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    thread = await town.answered(question)
    assert town.said(thread) == ["-# 🦉 Scribe\nhello"]
    town.discord.say(town.ada, thread, "word " * 398)
    await town.answered(question, 3)
    _, first, last = town.said(thread)
    assert first.startswith("-# 🦉 Scribe\nword")
    assert last.startswith("word")

    # Posted, and the host dies before it has heard so: it is found, and said once.
    never = asyncio.Event()
    town.discord.faults.next(POST, Fault.answer_held(never))
    town.discord.say(town.ada, thread, "Once?")
    await town.answered(question, 4)
    await town.kill()
    await town.up()
    town.discord.say(town.ada, thread, "!handoff @poet Sing")
    await town.until(lambda: any(said.startswith("-# Poet\n") for said in town.said(thread)))
    assert sum("Once?" in said for said in town.said(thread)) == 1


async def test_an_agent_is_called_by_its_name_and_a_person_of_that_name_is_not(town: Town) -> None:
    town.config = FACES.replace("CHANNEL", str(town.channel.id))
    poet = town.discord.add_user("poet", town.guild)
    await town.up()
    talk = [
        town.discord.say(town.ada, town.channel, said)
        for said in (
            f"{poet.mention} do you sing?",
            "The poet, I hear, sings",
            "Poet, do you sing?",
            "@scribe do you?",
        )
    ]
    both = town.discord.say(town.ada, town.channel, "do you?", mention_bot=True)
    threads = [await town.answered(question) for question in (*talk[2:], both)]
    assert [town.said(thread) for thread in threads] == [
        ["-# Poet\nPoet, do you sing?"],
        ["-# 🦉 Scribe\n@scribe do you?"],
        ["-# 🦉 Scribe\ndo you?"],
    ]
    town.discord.say(town.ada, threads[0], "again")
    await town.answered(talk[2], 2)
    assert town.said(threads[0])[1] == "-# Poet\nagain"
    assert [town.thread_of(one) for one in talk[:2]] == [None, None]

    # In a thread of people it knows what they said before.
    people = town.discord.start_thread(town.ada, talk[1], "Birds")
    town.discord.say(poet, people, "The word is heron")
    town.discord.say(town.ada, people, f"Poet, which word?\n{READ}")
    await town.until(lambda: town.said(people))
    assert town.said(people)[0].startswith("-# Poet\n")
    assert "The word is heron" in town.said(people)[0]
