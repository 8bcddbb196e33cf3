"""A long turn is shown while it lasts, and leaves one final state whatever happened (law 6, LESSONS 48)."""

from __future__ import annotations

import json
import re

from tests.fakes.discord import Channel, Fault, Message
from tests.support.town import Town

TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
LONG = "the answer\n@@sleep 6"
POST = "POST /channels/{}/messages"
EDIT = "PATCH /channels/{}/messages/{}"


async def working(town: Town, question: Message) -> Channel:
    """The thread, once it shows that somebody works in it."""
    await town.until(lambda: town.live(town.thread_of(question)))
    thread = town.thread_of(question)
    assert thread is not None
    return thread


async def test_a_long_turn_that_says_nothing_is_shown_to_go_on_and_only_its_answer_stays(town: Town) -> None:
    town.first = "import host.live.policy as l; l.OPEN_AFTER = 0.3; l.SIGN_EVERY = 0.4"
    town.config = '[agents.default]\nname = "Scribe"\nicon = ":owl:"\n'
    await town.up()
    question = town.discord.say(town.ada, town.channel, LONG, mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    assert shown.content.startswith("-# ⏳ 🦉 Scribe is working")
    await town.until(lambda: re.search(r" · ([3-9]|1\d) min", shown.content))
    await town.answered(question)
    await town.until(lambda: not town.live(thread))
    assert town.said(thread) == ["-# 🦉 Scribe\nthe answer"]
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


async def test_a_token_in_an_answer_is_masked_while_it_is_written_and_when_it_stands(town: Town) -> None:
    await town.up()
    words = " ".join(f"word{number}" for number in range(12))
    asked = f"The token is {TOKEN} and {words}\n@@stream 0.5"
    question = town.discord.say(town.ada, town.channel, asked, mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    await town.until(lambda: shown.deleted or "‹masked: github-token› and" in shown.content)
    await town.answered(question)
    await town.until(lambda: not town.live(thread))
    assert town.said(thread) == [f"The token is ‹masked: github-token› and {words}"]
    said = [call.json for route in (POST, EDIT) for call in town.discord.calls(route)]
    assert TOKEN[:12] not in json.dumps(said)


async def test_the_agents_plan_is_shown_while_it_works_and_not_what_it_names(town: Town) -> None:
    plan = '@@call update_plan {"done": ["Read report.xlsx"], "now": "Compare the lofts", "todo": ["Write it up"]}'
    await town.up()
    question = town.discord.say(town.ada, town.channel, f"the answer\n{plan}\n@@sleep 6", mention_bot=True)
    thread = await working(town, question)
    [shown] = town.live(thread)
    await town.until(lambda: "(1 of 3 done)\n✓ Read …\n▸ Compare the lofts\n○ Write it up" in shown.content)
    await town.kill()
    await town.up()
    await town.answered(question)
    await town.until(lambda: not town.live(thread))
    assert town.said(thread) == ["the answer"]


async def test_whoever_is_alone_with_the_agent_reads_its_plan_whole_but_for_secrets(town: Town) -> None:
    await town.up()
    dm = town.discord.open_dm(town.ada)
    plan = f'@@call update_plan {{"now": "Read report.xlsx", "todo": ["Try {TOKEN}"]}}'
    town.discord.say(town.ada, dm, f"the answer\n{plan}\n@@sleep 6")
    await town.until(lambda: town.live(dm))
    [shown] = town.live(dm)
    await town.until(lambda: "▸ Read report.xlsx\n○ Try ‹masked: github-token›" in shown.content)
    await town.until(lambda: town.said(dm) == ["the answer"] and not town.live(dm))
    said = [call.json for route in (POST, EDIT) for call in town.discord.calls(route)]
    assert TOKEN[:12] not in json.dumps(said)


async def test_a_question_that_is_deleted_while_it_is_worked_on_ends_its_turn(town: Town) -> None:
    await town.up()
    first = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    thread = await town.answered(first)
    question = town.discord.say(town.ada, thread, "@@sleep 600\nnever said")
    await town.until(lambda: town.live(thread))
    town.discord.delete(town.ada, question)
    await town.until(lambda: not town.live(thread))
    town.discord.say(town.ada, thread, "and now?")
    await town.answered(first, 2)
    assert town.said(thread) == ["hello", "and now?"]
