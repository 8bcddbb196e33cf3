"""What people think of answers in Slack, through the whole system: buttons, the form after a 👎, and who counts it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import Fault, Message, View
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office
from tests.support.started import ran


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def told(office: Office, command: str) -> Any:
    """What the command line says beside the running host."""
    arguments = (command, "--json", "--config", "dovecote.toml")
    done = await asyncio.to_thread(ran, *arguments, folder=office.folder.path, environment=os.environ)
    return json.loads(done.stdout)


async def counted(office: Office) -> list[tuple[str, str, int, int]]:
    found = (await told(office, "usage"))["feedback"]
    return [(one["agent"], one["model"], one["good"], one["bad"]) for one in found]


def feedback(message: Message) -> list[dict[str, Any]]:
    return [block for block in message.blocks if block["type"] == "context_actions"]


def form(office: Office) -> View | None:
    return next((view for view in office.slack.workspace.views.values() if view.open), None)


async def test_each_person_counts_once_with_their_last_choice_and_the_reason_they_gave(
    office: Office,
) -> None:
    """The element is a toggle that tells no state: pressed twice it sends the same twice."""
    await office.start()
    root = office.ask("hello")
    [answer] = await office.answered(root)
    [block] = feedback(answer)
    assert [element["type"] for element in block["elements"]] == ["feedback_buttons"]

    for _ in range(2):
        await office.slack.judge(office.bob, answer, "positive").acknowledged()
    await office.slack.judge(office.ann, answer, "positive").acknowledged()
    assert await counted(office) == [("default", "mock", 2, 0)]
    assert not office.slack.ephemerals(office.bob)  # the buttons show it by themselves

    await office.slack.judge(office.ann, answer, "negative").acknowledged()
    view = form(office)
    assert view is not None
    assert await counted(office) == [("default", "mock", 1, 1)]  # also without a reason
    reason = {"reason": {"reason": "It <!channel> only *repeats* me"}}
    await office.slack.submit_view(office.ann, view, reason).acknowledged()
    [note] = await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann), PATIENCE)
    assert (note.text.split(":")[0], note.thread_ts) == ("Thank you", root.ts)
    team = office.slack.team_id
    listed = [(one["user"], one["choice"], one["reason"]) for one in await told(office, "feedback")]
    assert sorted(listed) == [
        (f"slack:{team}/{office.ann.id}", "bad", "It <!channel> only *repeats* me"),
        (f"slack:{team}/{office.bob.id}", "good", ""),
    ]
    assert await counted(office) == [("default", "mock", 1, 1)]


async def test_a_form_that_is_sent_without_words_counts_also_where_the_press_behind_it_failed(
    office: Office,
) -> None:
    await office.start()
    [answer] = await office.answered(office.ask("hello"))
    office.slack.faults.next("conversations.info", Fault.http_error(), times=10)
    office.slack.faults.next("users.info", Fault.http_error(), times=10)
    pressed = office.slack.judge(office.bob, answer, "negative")
    view = await office.slack.wait_until(lambda: form(office), PATIENCE)
    assert view is not None
    await pressed.acknowledged()
    await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)  # they are told so
    assert await counted(office) == []
    office.slack.faults.clear()
    await office.slack.submit_view(office.bob, view, {}).acknowledged()
    assert await counted(office) == [("default", "mock", 0, 1)]


async def test_buttons_of_a_host_that_died_count_and_the_answer_stays_one(office: Office) -> None:
    await office.start()
    root = office.ask("hello")
    [answer] = await office.answered(root)
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await office.slack.judge(office.bob, answer, "negative").acknowledged()
    view = form(office)
    assert view is not None
    await office.slack.submit_view(office.bob, view, {}).acknowledged()
    assert await counted(office) == [("default", "mock", 0, 1)]
    assert office.answers(root) == [answer]


async def test_of_a_long_answer_the_last_part_alone_has_buttons_and_questions_have_none(
    office: Office,
) -> None:
    await office.start()
    root = office.ask("@@text 25000")
    await office.slack.wait_until(lambda: any(map(feedback, office.answers(root))), PATIENCE)
    answers = office.answers(root)
    assert len(answers) >= 3
    assert [len(feedback(part)) for part in answers] == [0] * (len(answers) - 1) + [1]
    asked = office.ask("@@ask Which? | a | b")
    [question] = await office.answered(asked)
    assert feedback(question) == []


async def test_who_may_not_speak_to_the_agent_judges_nothing_and_is_told_why(office: Office) -> None:
    office.configure(access=f'users = ["slack:{office.ann.id}"]\nunknown = "deny"')
    await office.start()
    [answer] = await office.answered(office.ask("hello"))
    await office.slack.judge(office.bob, answer, "positive").acknowledged()
    await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert await counted(office) == []


async def test_an_agent_can_do_without_and_a_slack_that_knows_no_such_block_gets_its_answer_once(
    office: Office,
) -> None:
    office.configure(more="[agents.default]\nfeedback = false")
    await office.start()
    [answer] = await office.answered(office.ask("hello"))
    assert feedback(answer) == []
    await office.stop()

    office.configure()
    office.slack.limits.unknown_blocks = frozenset({"context_actions"})
    await office.start()
    root = office.ask("**bold**")
    [answer] = await office.answered(root)
    assert [block["type"] for block in answer.blocks] == ["markdown"]


async def once_more(office: Office, answer: Message) -> str:
    """Ann says 👎, and asks for another try in the form; returns what she is told."""
    before = len(office.slack.ephemerals(office.ann))
    await office.slack.judge(office.ann, answer, "negative").acknowledged()
    view = form(office)
    assert view is not None
    await office.slack.submit_view(office.ann, view, {"again": {"again": ["again"]}}).acknowledged()
    told = await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann)[before:], PATIENCE)
    return str(told[0].text)


async def test_another_try_takes_the_place_of_the_answer_and_repeats_no_effect(office: Office) -> None:
    await office.start()
    root = office.ask('@@call mock_append {"file": "done.txt", "line": "x"}\n@@text 12000')
    parts = await office.answered(root, 2)
    assert await once_more(office, parts[-1]) == "I answer it once more."
    await office.slack.wait_until(lambda: not any(part in office.answers(root) for part in parts), PATIENCE)
    new = office.answers(root)
    assert len(new) == 2
    assert "At the first I had used `mock_append`" in str(new[0].blocks)
    assert office.folder.effects("done.txt") == ["x"]
    assert "already" in await once_more(office, parts[-1])


async def test_a_crash_between_the_new_answer_and_the_end_of_the_old_leaves_one(office: Office) -> None:
    await office.start()
    root = office.ask("hello")
    [old] = await office.answered(root)
    office.slack.faults.next("chat.delete", Fault.answer_lost())
    never = asyncio.Event()
    office.slack.faults.next("chat.delete", Fault.slow(never))
    await once_more(office, old)
    await office.answered(root, 1)
    await office.slack.wait_until(lambda: office.slack.calls("chat.delete"), PATIENCE)
    await office.stop(kill=True)
    never.set()
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await office.slack.wait_until(
        lambda: len(office.answers(root)) == 1 and office.answers(root) != [old], PATIENCE
    )


async def test_one_question_is_asked_of_another_model_and_typed_again_of_a_third_and_summed_up(
    office: Office,
) -> None:
    office.configure(more='[agents.default]\nmodels = ["claude-opus-4-8", "claude-haiku-4-5"]')
    await office.start()
    root = office.slack.say(office.ann, office.channel, f"{office.slack.mention()} !opus @@model")
    [old] = await office.answered(root)
    assert old.text == "claude-opus-4-8"
    office.slack.say(office.ann, office.channel, "!again haiku", root.ts)
    texts = await office.slack.wait_until(lambda: _without(office, root, old), PATIENCE)
    assert sorted(texts) == ["I answer it once more, by claude-haiku-4-5.", "claude-haiku-4-5"]
    office.slack.say(office.ann, office.channel, "!summary", root.ts)
    assert (await office.answered(root, 3))[2].text.startswith("Sum up what was said here")
    told = office.slack.slash(office.ann, office.channel, "/dovecote", "again")
    await told.acknowledged()
    assert "write" in str(office.slack.ephemerals(office.ann)[-1].text)

    # Chosen from the menu of the form behind 👎.
    other = office.ask("which?\n@@model")
    [last] = await office.answered(other)
    view = await with_menu(office, last)
    menu = next(block["element"] for block in view.blocks if block["block_id"] == "model")
    assert [option["value"] for option in menu["options"]] == ["claude-opus-4-8", "claude-haiku-4-5"]
    await office.slack.submit_view(office.ann, view, {"model": {"model": "claude-haiku-4-5"}}).acknowledged()
    await office.slack.wait_until(
        lambda: any("claude-haiku-4-5" in one.text for one in office.answers(other)), PATIENCE
    )
    await office.slack.wait_until(lambda: last not in office.answers(other), PATIENCE)


async def with_menu(office: Office, answer: Message) -> View:
    """A host that is slow opens the form without it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await office.slack.judge(office.ann, answer, "negative").acknowledged()
            view = await office.slack.wait_until(lambda: form(office), PATIENCE)
            assert view is not None
            if "claude-haiku-4-5" in str(view.blocks):
                return view
            office.slack.close_view(office.ann, view)


def _without(office: Office, root: Message, old: Message) -> list[str]:
    found = office.answers(root)
    return [one.text for one in found] if old not in found and len(found) == 2 else []


async def test_a_question_that_was_changed_too_late_is_answered_again_and_its_answer_goes_with_it(
    office: Office,
) -> None:
    await office.start()
    root = office.ask("hello")
    [old] = await office.answered(root)
    office.slack.edit(root, "good evening")
    offer = (await office.answered(root, 2))[-1]
    assert "had answered this before" in offer.text
    button = offer.blocks[-1]["elements"][0]
    assert button["text"]["text"] == "Answer again"
    await office.slack.click(office.bob, offer, value=button["value"]).acknowledged()
    [note] = await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert "Only whoever asked" in note.text
    await office.slack.click(office.ann, offer, value=button["value"]).acknowledged()
    await office.slack.wait_until(
        lambda: old not in office.answers(root) and len(office.answers(root)) == 2, PATIENCE
    )
    texts = [one.text for one in office.answers(root)]
    assert texts[1] == "good evening"
    assert "I answer it once more." in str(office.answers(root)[0].blocks)

    office.slack.delete(root)
    offer = (await office.answered(root, 3))[-1]
    assert "Shall my answer go" in offer.text
    await office.slack.click(office.ann, offer, value="yes").acknowledged()
    await office.slack.wait_until(
        lambda: "good evening" not in [one.text for one in office.answers(root)], PATIENCE
    )
    await office.slack.wait_until(lambda: "My answer is deleted." in str(offer.blocks), PATIENCE)
