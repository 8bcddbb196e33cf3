"""What the host itself says on Slack is in the language of the place: all of it, in a language that shows what was not marked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.slack.setup.manifest import LATER
from tests.fakes.slack import Message
from tests.support import marking, on_slack
from tests.support.marking import LANGUAGE, read, unmarked
from tests.support.on_slack import PATIENCE, Office

WISH = {"title": "Zzz", "prompt": "zzz", "cron": "0 9 * * 1-5", "zone": "Europe/Berlin"}
NOT_OURS = (
    "Zzz",
    "zzz",
    "default",
    "mock_append",
    "Europe/Berlin",
    "bash",
    "low",
    "medium",
    "high",
    "max",
    "xhigh",
)
NAMES = ("English", "Deutsch", "Español", "日本語", "中文", "简体")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def ordered(office: Office, text: str) -> list[str]:
    """What Ann alone is told by a command."""
    before = len(office.slack.ephemerals(office.ann))
    office.slack.slash(office.ann, office.channel, "/dovecote", text)
    told = await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann)[before:], PATIENCE)
    return [*(one.text for one in told), *read([one.blocks for one in told])]


async def test_everything_that_the_host_says_is_marked(office: Office) -> None:
    office.configure(
        access=f'owners = ["slack:{office.ann.id}"]\nusers = ["slack:{office.bob.id}"]\nunknown = "ask"',
        more=f'[host]\nlanguage = "{LANGUAGE}"\n[agents.default.options]\napprove = ["mock_append"]',
    )
    slack, said = office.slack, list[str]()
    office.ann.locale = office.bob.locale = f"{LANGUAGE}-XX"
    await office.start(first=marking.SPOKEN)
    call = f"@@call schedule_task {json.dumps(WISH)}\n@@results"
    root = office.ask(call)
    await office.answered(root)
    for word in ("help", "status", "tasks", "usage", "grants", "memory", "taks", "mute", "config versions"):
        said += await ordered(office, word)
    await slack.slash(office.ann, office.channel, "/dovecote", "config").acknowledged()
    form = next(view for view in slack.workspace.views.values() if view.open)
    said += read(form.body)
    slack.open_home(office.ann)
    home = await slack.wait_until(lambda: slack.workspace.homes.get(office.ann.id), PATIENCE)
    assert home is not None
    said += read(home.blocks)

    root = office.ask('@@call mock_append {"file": "zzz", "line": "zzz"}\n@@results')
    [question] = await office.answered(root)
    said += [question.text, *read(question.blocks)]
    allow = question.blocks[-1]["elements"][0]["value"]
    await slack.click(office.bob, question, value=allow).acknowledged()
    await slack.wait_until(lambda: slack.ephemerals(office.bob), PATIENCE)
    await slack.click(office.ann, question, value=allow).acknowledged()
    answer = (await office.answered(root, 2))[-1]
    said += [question.text, *read(question.blocks), *read(answer.blocks[1:])]
    for number, word in enumerate(("!help", "!status", "!tasks", "!usage", "!stopp", "!config", "!mute")):
        office.slack.say(office.ann, office.channel, word, root.ts)
        told = (await office.answered(root, 3 + number))[-1]
        said += [told.text, *read(told.blocks)]

    eve = slack.add_user("eve", locale=f"{LANGUAGE}-XX")
    slack.join(eve, office.channel)
    slack.say(eve, office.channel, f"{slack.mention()} zzz")
    await slack.wait_until(lambda: slack.ephemerals(eve), PATIENCE)
    for person in (office.bob, eve):
        said += [one.text for one in slack.ephemerals(person)]
    dm = slack.open_dm(office.ann)
    await slack.wait_until(lambda: slack.messages(dm), PATIENCE)
    said += [text for one in slack.messages(dm) for text in (one.text, *read(one.blocks))]
    said += await forms(office, answer)
    assert unmarked(said, (*NOT_OURS, *NAMES, "eve", "memory", "file", "line")) == []
    assert any("⟦" in text for text in said)

    # From now on as an owner sets it for the channel, and only there: Ann reads Slack in another language.
    given = {"language": {"language": "de"}}
    await slack.submit_view(office.ann, form, given).acknowledged()
    slack.say(office.ann, office.channel, f"{slack.mention()} !status", root.ts)
    answers = await office.answered(root, 10)
    assert answers[-1].text == "Hier läuft gerade nichts."
    assert "Werkzeug vorab" in str(await ordered(office, "grants"))
    slack.say(office.ann, dm, "!status")
    await slack.wait_until(lambda: "⟦Nothing is running here.⟧" in str(slack.messages(dm)[-1].text), PATIENCE)


async def forms(office: Office, answer: Message) -> list[str]:
    """Of a 👎, and of a reminder."""
    slack, before = office.slack, set(office.slack.workspace.views)
    await slack.judge(office.ann, answer, "negative").acknowledged()
    await slack.choose(office.ann, answer, LATER).acknowledged()
    opened = await slack.wait_until(
        lambda: [slack.workspace.views[id_] for id_ in slack.workspace.views if id_ not in before][1:],
        PATIENCE,
    )
    views = [slack.workspace.views[id_] for id_ in slack.workspace.views if id_ not in before]
    asked = opened[-1]
    texts = list(read([view.body for view in views]))
    await slack.submit_view(office.ann, asked, {"when": {"when": "tomorrow at 9"}}).acknowledged()
    return [*texts, *read(asked.body)]
