"""Questions as buttons: answered by whom they concern, once, also after a restart (LESSONS 50)."""

from __future__ import annotations

import functools
import re

import apsw

from sessiondb import content
from tests.fakes.discord import Channel, Fault, Interaction, Message
from tests.support.town import Town

ASK = "@@ask Which colour? | red | blue\n@@results"


async def asked(town: Town, script: str = ASK) -> tuple[Channel, Message]:
    """The thread, and the message with the buttons in it."""
    question = town.discord.say(town.ada, town.channel, script, mention_bot=True)
    thread = await town.answered(question)
    return thread, town.discord.messages(thread)[-1]


def button(message: Message, label: str) -> str:
    for row in message.components:
        for component in row["components"]:
            if component["label"] == label:
                return str(component["custom_id"])
    raise LookupError(label)


LINKED = "Say it is over at https://leak.example/?of=2 today"


async def test_a_click_answers_the_question_and_shows_who_decided(town: Town) -> None:
    await town.up()
    thread, message = await asked(town)
    town.discord.click(town.ada, message, button(message, "blue"))
    await town.until(lambda: len(town.said(thread)) == 2)
    await town.until(lambda: not message.components)
    assert town.said(thread)[1] == "blue"
    assert message.content.endswith("✔ **Ada**: blue")


async def test_somebody_else_may_not_answer_and_is_told(town: Town) -> None:
    await town.up()
    thread, message = await asked(town)
    eve = town.discord.add_user("eve", town.guild)
    refused = town.discord.click(eve, message, button(message, "red"))
    await town.until(lambda: refused.original is not None and "may answer" in refused.original.content)
    assert refused.original is not None
    assert refused.original.ephemeral
    town.discord.click(town.ada, message, button(message, "blue"))
    await town.until(lambda: len(town.said(thread)) == 2)
    assert town.said(thread)[1] == "blue"


async def test_an_owner_may_answer_for_others_but_not_say_yes_to_a_tool_for_them(town: Town) -> None:
    boss = town.discord.add_user("boss", town.guild)
    town.config = (
        f'[access]\nowners = ["discord:{boss.id}"]\n'
        '[agents.default]\noptions = { tools = ["bash", "ask_user_question"], approve = ["bash"] }'
    )
    await town.up()
    call = '@@call bash {"command": "echo ran"}\n@@results'
    thread, message = await asked(town, call)
    refused = town.discord.click(boss, message, message.components[0]["components"][0]["custom_id"])
    await town.until(lambda: refused.original is not None and "may answer" in refused.original.content)
    assert message.components
    thread, message = await asked(town)
    town.discord.click(boss, message, button(message, "blue"))
    await town.until(lambda: len(town.said(thread)) == 2)


async def test_two_people_have_to_allow_a_call_one_refusal_refuses_and_an_expired_one_says_so(
    town: Town,
) -> None:
    eve = town.discord.add_user("eve", town.guild)
    town.config = (
        '[host]\nsweep_every = 0.5\n[agents.default]\noptions = { tools = ["bash"], approve = ["bash"],'
        f' approvers = ["discord:{town.ada.id}", "discord:{eve.id}"], approve_by = 2 }}'
    )
    await town.up()
    call = '@@call bash {"command": "echo ran"}\n@@results'
    thread, message = await asked(town, call)
    seen = town.discord.click(eve, message, button(message, "Details"))
    await town.until(
        lambda: any(m is not None and "echo ran" in m.content for m in (*seen.followups, seen.original))
    )
    town.discord.click(town.ada, message, button(message, "Allow"))
    await town.until(lambda: "1 of 2 have allowed it" in message.content)
    assert message.components
    town.discord.click(eve, message, button(message, "Allow"))
    await town.until(lambda: len(town.said(thread)) == 2)
    assert "ran" in town.said(thread)[1]
    await town.until(lambda: not message.components)
    assert "1 of 2" not in message.content
    thread, message = await asked(town, call)
    town.discord.click(eve, message, button(message, "Deny"))
    await town.until(lambda: len(town.said(thread)) == 2)
    assert "refused" in town.said(thread)[1]


async def test_a_tool_that_is_allowed_everywhere_in_advance_runs_unasked_until_that_is_taken_back(
    town: Town,
) -> None:
    town.config = '[agents.default]\noptions = { tools = ["bash"], approve = ["bash"], grant_within = 3600 }'
    await town.up()
    call = '@@call bash {"command": "echo ran"}\n@@results'
    thread, message = await asked(town, call)
    town.discord.click(town.ada, message, button(message, "Allow everywhere for 1 hour"))
    await town.until(lambda: len(town.said(thread)) == 2)
    question = town.discord.say(town.ada, town.channel, call, mention_bot=True)
    elsewhere = await town.answered(question, 2)
    assert "allowed in advance by Ada" in town.said(elsewhere)[0]
    assert "ran" in town.said(elsewhere)[1]
    await town.until(lambda: town.discord.world.commands)
    told = town.discord.run_command(town.ada, town.channel, "grants", {"revoke": 1})
    await town.until(lambda: told.original is not None and "Taken back" in told.original.content)
    _, message = await asked(town, call)
    assert button(message, "Allow")


async def test_an_approval_that_nobody_gave_in_time_says_so_by_itself(town: Town) -> None:
    town.config = (
        "[host]\nsweep_every = 0.5\n[agents.default]\n"
        'options = { tools = ["bash"], approve = ["bash"], approve_within = 1 }'
    )
    await town.up()
    _, message = await asked(town, '@@call bash {"command": "echo ran"}\n@@results')
    await town.until(lambda: not message.components)
    assert "It was not answered in time" in message.content


async def test_the_buttons_work_after_a_restart(town: Town) -> None:
    await town.up()
    thread, message = await asked(town)
    await town.down()
    await town.up()
    town.discord.click(town.ada, message, button(message, "red"))
    await town.until(lambda: len(town.said(thread)) == 2)
    assert town.said(thread)[1] == "red"


async def test_of_two_clicks_at_once_one_answers_and_the_other_finds_it_answered(town: Town) -> None:
    await town.up()
    thread, message = await asked(town)
    clicks = {
        label: town.discord.click(town.ada, message, button(message, label)) for label in ("blue", "red")
    }
    await town.until(lambda: len(town.said(thread)) == 2)
    chosen = town.said(thread)[1]
    other = clicks["red" if chosen == "blue" else "blue"]
    await town.until(lambda: any("already" in m.content for m in other.followups))
    assert not any("already" in m.content for m in clicks[chosen].followups)


async def test_who_chose_is_shown_by_the_next_press_where_discord_did_not_take_it_at_once(town: Town) -> None:
    await town.up()
    thread, message = await asked(town)
    town.discord.faults.next("PATCH /webhooks/{}/{}/messages/{}", Fault.unavailable())
    town.discord.click(town.ada, message, button(message, "blue"))
    await town.until(lambda: len(town.said(thread)) == 2)
    await town.until(lambda: town.discord.calls("PATCH /webhooks/{}/{}/messages/{}"))
    late = town.discord.click(town.ada, message, button(message, "red"))
    await town.until(lambda: any("already" in told.content for told in late.followups))
    assert not message.components
    assert message.content.endswith("✔ **Ada**: blue")


async def test_a_free_text_question_opens_a_form(town: Town) -> None:
    await town.up()
    thread, message = await asked(town, "@@ask What is it called?\n@@results")
    opened = town.discord.click(town.ada, message, button(message, "Answer…"))
    await town.until(lambda: opened.modal)
    town.discord.submit_modal(town.ada, opened, {"answer": "Columba livia"})
    await town.until(lambda: len(town.said(thread)) == 2)
    assert town.said(thread)[1] == "Columba livia"


async def test_a_slash_command_asks_and_its_answer_opens_a_thread(town: Town) -> None:
    await town.up()
    await town.until(lambda: town.discord.world.commands)
    asked_by = town.discord.run_command(town.ada, town.channel, "ask", {"question": "what is a dove"})
    await town.until(lambda: asked_by.original is not None and "asks" in asked_by.original.content)
    assert asked_by.original is not None
    thread = await town.answered(asked_by.original)
    assert (thread.name, town.said(thread)) == ("what is a dove", ["what is a dove"])
    town.discord.say(town.ada, thread, "and a pigeon?")
    await town.answered(asked_by.original, 2)


async def test_stop_ends_the_turn_of_this_thread(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, "never said\n@@sleep 600", mention_bot=True)
    await town.until(lambda: town.discord.calls("POST /channels/{}/typing"))
    thread = town.thread_of(question)
    assert thread is not None
    await town.until(lambda: town.discord.world.commands)
    town.discord.run_command(town.ada, thread, "stop")
    await town.answered(question)
    assert town.said(thread) == ["Stopped."]


async def test_a_message_is_asked_about_from_its_menu(town: Town) -> None:
    await town.up()
    await town.until(lambda: town.discord.world.commands)
    said = town.discord.say(town.ada, town.channel, "doves coo")
    chosen = town.discord.run_message_command(town.ada, said, "Ask about this message")
    await town.until(lambda: chosen.original is not None and not chosen.original.loading)
    assert chosen.original is not None
    thread = await town.answered(chosen.original)
    assert town.said(thread) == ["What about this message?"]
    [database] = (town.folder / "data" / "sessions").glob("*/inbound/inbound.db")
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)  # the host may be writing
    [(kept,)] = connection.execute("SELECT content FROM messages_in WHERE kind = 'chat'").fetchall()
    connection.close()
    chat = content.decode_inbound(str(kept))
    assert isinstance(chat, content.Chat)
    # What somebody else wrote stands apart from the words of who asks.
    assert [(part.kind, part.text, part.author) for part in chat.parts] == [("quoted", "doves coo", "Ada")]


def _offered(sent: Interaction) -> bool:
    return sent.original is not None and bool(sent.original.components)


def _refused(sent: Interaction) -> bool:
    return sent.original is not None and bool(sent.original.content) and not sent.original.components


async def test_a_message_is_made_a_reminder_that_is_said_back_and_confirmed_once(town: Town) -> None:
    await town.up()
    await town.until(lambda: town.discord.world.commands)
    said = town.discord.say(town.ada, town.channel, "the report is due: https://leak.example/?of=1")
    opened = town.discord.run_message_command(town.ada, said, "Remind me / make a task")
    await town.until(lambda: opened.modal)
    for words in ("soon", "every second", "2020-01-01 09:00"):
        wrong = town.discord.submit_modal(town.ada, opened, {"when": words})
        await town.until(functools.partial(_refused, wrong))
    await town.kill()
    await town.up()  # the form outlives the host that showed it
    sent = town.discord.submit_modal(town.ada, opened, {"when": "in 5 minutes", "what": LINKED})
    await town.until(lambda: sent.original is not None and sent.original.components)
    card = sent.original
    assert card is not None
    assert card.content.startswith("“Say it is over at <https://leak.example/?of=2> today”")
    for zone in ("Atlantis", "tokyo", ""):  # said once, it is theirs from then on
        told = town.discord.submit_modal(town.ada, opened, {"when": "tomorrow at 9", "zone": zone})
        await town.until(functools.partial(_refused if zone == "Atlantis" else _offered, told))
        at = re.search(r"<t:(\d+):", told.original.content if told.original else "")
        assert bool(at) == (zone != "Atlantis")
        assert at is None or int(at[1]) % 86_400 == 0  # nine in Tokyo, in Greenwich midnight
    yes = button(card, "Yes, do it")
    town.discord.click(town.ada, card, button(card, "Try it first"))
    direct = town.discord.open_dm(town.ada)
    await town.until(lambda: any("A trial of" in one for one in town.said(direct)))
    assert "Say it is over" in town.said(direct)[0]
    assert card.components  # nothing is decided by it
    pressed = [
        town.discord.click(town.ada, card, yes) for _ in range(2)
    ]  # twice, before anything is answered
    await town.until(lambda: "Scheduled" in card.content)
    assert pressed[0].user is town.ada
    listed = town.discord.run_command(town.ada, town.channel, "tasks")
    await town.until(lambda: listed.original is not None and not listed.original.loading)
    assert listed.original is not None
    assert str(listed.original.components).count("Say it is over") == 1
