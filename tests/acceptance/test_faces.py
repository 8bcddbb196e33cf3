"""Agents with names and pictures of their own on Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack import Message
from tests.fakes.slack.faults import Fault
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office

HASTY = "import host.delivery.policy as d, host.live.policy as l; d.GRACE = 300; l.OPEN_AFTER = 0.5"
FACES = """\
[agents.default]
name = "Scribe"
icon = ":lower_left_fountain_pen:"
reactions = "wake"
[agents.poet]
name = "Old Poet"
icon = "https://example.org/poet.png"
[agents.plain]
[[routes]]
platform = "slack"
channel = "CHANNEL"
[[routes]]
platform = "slack"
agent = "poet"
"""
READ = "@@call read_thread {}\n@@results"
SCRIBE = ("Scribe", {"emoji": ":lower_left_fountain_pen:"})
POET = ("Old Poet", {"image_48": "https://example.org/poet.png"})


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        made.configure(more=FACES.replace("CHANNEL", made.channel.id))
        yield made


def face(message: Message) -> tuple[object, object]:
    return message.username, message.icons


async def test_each_agent_is_seen_under_its_name_and_its_posts_stay_its_own_also_after_a_crash(
    office: Office,
) -> None:
    office.slack.scopes.add("chat:write.customize")
    await office.start(first=HASTY)
    root = office.ask("the end\n@@sleep 4")
    live = await office.slack.wait_until(lambda: [m for m in office.shown(root) if m.stream], PATIENCE)
    assert face(live[0]) == SCRIBE
    [first] = await office.answered(root)
    assert (face(first), first.user) == (SCRIBE, None)
    await office.slack.wait_until(lambda: live[0] not in office.shown(root), PATIENCE)

    # Posted, and the host dies before it has heard so: it is found by its key, and said once.
    never = asyncio.Event()
    office.slack.faults.next("chat.postMessage", Fault.answer_held(never))
    office.slack.say(office.ann, office.channel, "Once?", root.ts)
    await office.answered(root, 2)
    await office.stop(kill=True)
    await office.start(first=HASTY)
    office.slack.say(office.ann, office.channel, "Still there?", root.ts)
    answers = await office.answered(root, 3)
    assert [face(one) for one in answers] == [SCRIBE] * 3
    assert [sum(words in one.text for one in answers) for words in ("Once?", "Still there?")] == [1, 1]

    # What people do with such a message reaches whoever it is of.
    office.slack.react(office.ann, first, "eyes")
    about = (await office.answered(root, 4))[3]
    assert "the end" in about.text
    office.slack.say(office.ann, office.channel, "!handoff @old poet Sing", root.ts)
    sung = await office.slack.wait_until(
        lambda: [m for m in office.answers(root) if face(m) == POET], PATIENCE
    )
    assert len(sung) == 1
    assert sung[0].text == "Sing"
    told = [m.text for m in office.shown(root) if "This thread is with" in m.text]
    assert told == [
        "This thread is with Old Poet now, which has read what was said here; Scribe is out of it."
    ]
    assert face(first) == SCRIBE


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_workspace_that_gives_no_faces_sees_the_apps_own_and_is_told_once(
    office: Office, *, refuses: bool
) -> None:
    if refuses:  # the token says that it may, and Slack thinks otherwise
        office.slack.scopes.add("chat:write.customize")
        office.slack.faults.next("chat.postMessage", Fault.refuse("missing_scope"))
    await office.start(first=HASTY)
    root = office.ask("one")
    await office.answered(root)
    office.slack.say(office.ann, office.channel, "two", root.ts)
    answers = await office.answered(root, 2)
    assert [face(one) for one in answers] == [(None, None)] * 2
    assert [one.user for one in answers] == [office.slack.bot_user_id] * 2
    assert office.log().count("under the app's own name") == 1


async def test_an_agent_is_called_by_its_name_and_a_person_of_that_name_is_not(office: Office) -> None:
    slack = office.slack
    slack.scopes.add("chat:write.customize")
    poet = slack.add_user("poet")
    await office.start(first=HASTY)
    person = slack.say(office.ann, office.channel, f"{slack.mention(poet)} do you sing?")
    about = slack.say(office.ann, office.channel, "The poet, I hear, sings")
    called = slack.say(office.ann, office.channel, "Poet, do you sing?")
    typed = slack.say(office.ann, office.channel, "@scribe do you write?")
    both = office.ask("do you?")
    [sings], [writes], [asked] = [await office.answered(root) for root in (called, typed, both)]
    assert (face(sings), sings.text.strip()) == (POET, "Poet, do you sing?")
    assert (face(writes), writes.text.strip()) == (SCRIBE, "@scribe do you write?")
    assert face(asked) == SCRIBE
    slack.say(office.ann, office.channel, "again", called.ts)
    assert [face(one) for one in await office.answered(called, 2)] == [POET, POET]
    assert office.shown(person) == office.shown(about) == []

    # In a thread of people it knows what they said before.
    slack.say(office.bob, office.channel, "The word is heron", about.ts)
    slack.say(office.ann, office.channel, f"Poet, which word?\n{READ}", about.ts)
    [knows] = await office.answered(about)
    assert face(knows) == POET
    assert "The word is heron" in knows.text
