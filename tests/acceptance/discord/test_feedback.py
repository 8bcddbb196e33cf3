"""What people think of answers on Discord, through the whole system: buttons, the form after a 👎, and who counts it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from tests.fakes.discord import Channel, Fault, Interaction, Message
from tests.support.started import Dovecote, fresh, ran
from tests.support.town import TIMEOUT, Town


async def told(town: Town, command: str) -> Any:
    """What the command line says beside the running host."""
    arguments = (command, "--json", "--config", "dovecote.toml")
    begin = fresh if command == "feedback" else Dovecote
    done = await asyncio.to_thread(ran, *arguments, folder=town.folder, environment=os.environ, begin=begin)
    return json.loads(done.stdout)


async def counted(town: Town) -> list[tuple[str, str, int, int]]:
    return [(f["agent"], f["model"], f["good"], f["bad"]) for f in (await told(town, "usage"))["feedback"]]


async def answered(town: Town, text: str = "hello") -> tuple[Channel, Message]:
    question = town.discord.say(town.ada, town.channel, text, mention_bot=True)
    thread = await town.answered(question)
    return thread, town.discord.messages(thread)[-1]


def buttons(message: Message) -> dict[str, str]:
    """The ids of the buttons by what they show."""
    shown = [component for row in message.components for component in row["components"]]
    named = {(one.get("emoji") or {}).get("name") or one.get("label"): one["custom_id"] for one in shown}
    return {str(name): str(id_) for name, id_ in named.items() if id_.startswith("dovecote:judge:")}


async def test_each_person_counts_once_with_their_last_choice_and_the_reason_they_gave(town: Town) -> None:
    """A Discord button shows nobody what they chose, so they are told, and nobody else is."""
    await town.up()
    bob = town.discord.add_user("bob", town.guild)
    thread, answer = await answered(town)
    ids = buttons(answer)
    assert list(ids) == ["👍", "👎", "Try again"]

    for _ in range(2):
        await noted(town, town.discord.click(bob, answer, ids["👍"]))
    assert await counted(town) == [("default", "mock", 1, 0)]
    opened = town.discord.click(town.ada, answer, ids["👎"])
    await town.until(lambda: opened.modal)
    sent = town.discord.submit_modal(town.ada, opened, {"reason": "It only *repeats* me"})
    await noted(town, sent)
    assert await counted(town) == [("default", "mock", 1, 1)]
    town.discord.faults.next("POST /interactions/{}/{}/callback", Fault.answer_lost())
    pressed = town.discord.click(bob, answer, ids["👎"])
    await town.until(lambda: pressed.modal)  # which is all that Bob sees
    await until_counted(town, [("default", "mock", 0, 2)])
    listed = [(one["user"], one["choice"], one["reason"]) for one in await told(town, "feedback")]
    assert sorted(listed) == sorted(
        [
            (f"discord:{town.ada.id}", "bad", "It only *repeats* me"),
            (f"discord:{bob.id}", "bad", ""),
        ]
    )
    assert town.said(thread) == ["hello"]


async def noted(town: Town, pressed: Interaction) -> None:
    """The person, and nobody else, was told something."""
    await town.until(lambda: pressed.followups or (pressed.original and pressed.original.content))


async def until_counted(town: Town, wanted: list[tuple[str, str, int, int]]) -> None:
    """A form is opened before the choice is noted, so nothing on Discord says when that was."""
    async with asyncio.timeout(TIMEOUT):
        while await counted(town) != wanted:
            pass


async def test_buttons_of_a_host_that_died_count_and_the_answer_stays_one(town: Town) -> None:
    await town.up()
    thread, answer = await answered(town)
    await town.kill()
    await town.up()
    opened = town.discord.click(town.ada, answer, buttons(answer)["👎"])
    await town.until(lambda: opened.modal)
    sent = town.discord.submit_modal(town.ada, opened, {"reason": ""})
    await noted(town, sent)
    assert await counted(town) == [("default", "mock", 0, 1)]
    assert town.said(thread) == ["hello"]


async def test_of_a_long_answer_the_last_part_alone_has_buttons_and_questions_have_none(town: Town) -> None:
    await town.up()
    thread, _ = await answered(town, "@@text 3000")
    await town.until(lambda: len(town.said(thread)) == 2)
    parts = [message for message in town.discord.messages(thread) if message.author is town.discord.bot]
    assert [len(buttons(part)) for part in parts][-2:] == [0, 3]
    _, question = await answered(town, "@@ask Which? | a | b")
    assert buttons(question) == {}


async def test_who_may_not_speak_to_the_agent_judges_nothing_and_is_told_why(town: Town) -> None:
    eve = town.discord.add_user("eve", town.guild)
    town.config = (
        f'[access]\nusers = ["discord:{town.ada.id}"]\nunknown = "deny"\n[agents.default]\nfeedback = true'
    )
    await town.up()
    _, answer = await answered(town)
    pressed = town.discord.click(eve, answer, buttons(answer)["👍"])
    await noted(town, pressed)
    assert await counted(town) == []


async def test_an_agent_can_do_without(town: Town) -> None:
    town.config = "[agents.default]\nfeedback = false"
    await town.up()
    _, answer = await answered(town)
    assert answer.components == []


DELETE = "DELETE /channels/{}/messages/{}"


async def test_another_try_takes_the_place_of_the_answer_and_repeats_no_effect(town: Town) -> None:
    await town.up()
    script = '@@call mock_append {"file": "done.txt", "line": "x"}\n@@text 2500'
    thread, _ = await answered(town, script)
    await town.until(lambda: len(town.said(thread)) == 2)
    old = [message for message in town.discord.messages(thread) if message.author is town.discord.bot][-2:]
    pressed = town.discord.click(town.ada, old[-1], buttons(old[-1])["Try again"])
    await noted(town, pressed)
    await town.until(lambda: all(message.deleted for message in old))
    said = town.said(thread)
    assert len(said) == 2
    assert "At the first I had used `mock_append`" in said[0]
    assert [p.read_text() for p in town.folder.glob("data/**/done.txt")] == ["x\n"]
    other = town.discord.add_user("bob", town.guild)
    newest = [message for message in town.discord.messages(thread) if message.author is town.discord.bot][-1]
    refused = town.discord.click(other, newest, buttons(newest)["Try again"])
    await town.until(
        lambda: (
            any("whoever asked" in told.content for told in refused.followups)
            or (refused.original is not None and "whoever asked" in refused.original.content)
        )
    )


async def test_a_crash_between_the_new_answer_and_the_end_of_the_old_leaves_one(town: Town) -> None:
    await town.up()
    thread, old = await answered(town)
    never = asyncio.Event()
    town.discord.faults.next(DELETE, Fault.slow(never))
    town.discord.click(town.ada, old, buttons(old)["Try again"])
    await town.until(lambda: town.discord.calls(DELETE))
    assert len(town.said(thread)) == 2
    await town.kill()
    never.set()
    await town.up()
    await town.until(lambda: len(town.said(thread)) == 1 and old.deleted)


async def test_one_question_is_asked_of_another_model_and_again_of_a_third_and_summed_up(town: Town) -> None:
    """Typed and as a command."""
    town.config = '[agents.default]\nmodels = ["claude-opus-4-8", "claude-haiku-4-5"]'
    await town.up()
    thread, old = await answered(town, "!opus @@model")
    assert town.said(thread) == ["claude-opus-4-8"]
    chosen = town.discord.run_command(town.ada, thread, "again", {"model": "haiku"})
    await town.until(lambda: town.said(thread) == ["claude-haiku-4-5"])
    await noted(town, chosen)
    assert chosen.original is not None
    assert chosen.original.content == "I answer it once more, by claude-haiku-4-5."
    town.discord.say(town.ada, thread, "!again")
    await town.until(lambda: len(town.said(thread)) == 2 and "claude-opus-4-8" in town.said(thread))
    assert old not in town.discord.messages(thread)

    # Chosen from the menu of the form behind 👎.
    last = next(m for m in town.discord.messages(thread)[::-1] if m.content == "claude-opus-4-8")
    opened = town.discord.click(town.ada, last, buttons(last)["👎"])
    await town.until(lambda: opened.modal)
    assert "claude-haiku-4-5" in str(opened.modal)
    sent = town.discord.submit_modal(town.ada, opened, {"reason": "", "model": "claude-haiku-4-5"})
    await town.until(lambda: any("by claude-haiku-4-5" in told.content for told in sent.followups))
    await town.until(lambda: last.deleted and "claude-haiku-4-5" in town.said(thread))

    town.discord.say(town.ada, thread, "!summary")
    await town.until(lambda: any(said.startswith("Sum up what was said here") for said in town.said(thread)))


async def test_a_question_that_was_changed_too_late_is_answered_again_and_its_answer_goes_with_it(
    town: Town,
) -> None:
    await town.up()
    eve = town.discord.add_user("eve", town.guild)
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    thread = await town.answered(question)
    town.discord.edit(town.ada, question, "good evening")
    await town.until(lambda: len(town.said(thread)) == 2)
    offer = town.discord.messages(thread)[-1]
    assert "had answered this before" in offer.content
    button = offer.components[0]["components"][0]
    assert button["label"] == "Answer again"
    refused = town.discord.click(eve, offer, button["custom_id"])
    await town.until(lambda: refused.followups)
    assert "Only whoever asked" in refused.followups[0].content
    for _ in range(2):
        town.discord.click(town.ada, offer, button["custom_id"])
    await town.until(lambda: "good evening" in town.said(thread) and "hello" not in town.said(thread))
    assert len(town.said(thread)) == 2
    assert "I answer it once more." in " ".join(town.said(thread))

    town.discord.delete(town.ada, question)
    await town.until(lambda: len(town.said(thread)) == 3)
    offer = town.discord.messages(thread)[-1]
    assert "Shall my answer go" in offer.content
    town.discord.click(town.ada, offer, offer.components[0]["components"][0]["custom_id"])
    await town.until(lambda: "good evening" not in town.said(thread))
    await town.until(lambda: "My answer is deleted." in " ".join(town.said(thread)))
