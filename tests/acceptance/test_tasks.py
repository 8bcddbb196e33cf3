"""Work that starts by itself, in a Slack workspace and from the command line, through the whole system."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bots.slack.panels import panels
from tests.fakes.slack import Message
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office
from tests.support.started import Dovecote, fresh, ran
from tests.support.waiting import eventually


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        made.configure(more="[host]\nsweep_every = 1.0\n")
        yield made


def scheduling(**wish: Any) -> str:
    return f"@@call schedule_task {json.dumps(wish)}\n@@results"


def in_berlin(seconds: float) -> tuple[str, str]:
    """A local time in so many seconds, as an agent writes it and as it is said back."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    local = at.astimezone(ZoneInfo("Europe/Berlin"))
    return f"{local:%Y-%m-%d %H:%M:%S}", f"{local.day} {local:%B %Y, %H:%M} Europe/Berlin"


def posted(office: Office, text: str) -> list[Message]:
    """The agent's messages at the channel's top level."""
    messages = office.slack.messages(office.channel)
    return [m for m in messages if m.bot_id == office.slack.bot_id and text in m.text]


async def dovecote(office: Office, *arguments: str) -> str:
    begin = fresh if arguments == ("tasks", "export") else Dovecote
    environment = {**os.environ, "COLUMNS": "250"}
    folder = office.folder.path
    done = await asyncio.to_thread(
        ran, *arguments, folder=folder, environment=environment, begin=begin, stderr=subprocess.STDOUT
    )
    return done.stdout


async def test_a_task_is_asked_for_posts_is_replied_to_paused_and_cancelled(office: Office) -> None:
    await office.start()
    at, said = in_berlin(6)
    asked = office.ask(scheduling(title="News", prompt="the news", at=at, destination="channel"))
    [confirmed] = await office.answered(asked)
    assert said in confirmed.text  # in the zone of whoever asked
    await office.slack.wait_until(lambda: bool(posted(office, "the news")), PATIENCE)
    [post] = posted(office, "the news")

    office.slack.say(office.bob, office.channel, "tell me more", post.ts)
    _, reply = await office.answered(post, 2)  # the post itself is the first
    assert "tell me more" in reply.text
    assert len(list(office.folder.path.glob("data/sessions/*"))) == 2  # the asking thread, and the task's own

    [id_] = set(re.findall(r"\bt[0-9a-f]{9}\b", confirmed.text))
    told = await dovecote(office, "tasks", id_)
    assert "completed" in told
    assert post.ts in told  # which platform message it was

    wish = {"title": "Weekly", "prompt": "week <@U1>", "cron": "0 9 * * 1", "destination": "channel"}
    weekly = office.ask(scheduling(**wish, mentions=[office.bob.id]))
    [confirmed] = await office.answered(weekly)
    [id_] = set(re.findall(r"\bt[0-9a-f]{9}\b", confirmed.text))
    assert f"!tasks try {id_}" in confirmed.text
    office.slack.say(office.bob, office.channel, f"!tasks try {id_}", weekly.ts)  # not his to try
    _, refused = await office.answered(weekly, 2)
    assert "Only whoever asked" in refused.text
    office.slack.say(office.ann, office.channel, f"!tasks try {id_}", weekly.ts)
    direct = office.slack.workspace.direct([office.ann.id])
    [trial] = await office.slack.wait_until(lambda: office.slack.messages(direct), PATIENCE)
    assert trial.text.startswith("🧪 A trial of “Weekly”")
    assert "week" in trial.text
    assert not posted(office, "week <")
    assert "completed" not in await dovecote(office, "tasks", id_)  # it counts as no run
    await office.slack.slash(office.ann, office.channel, "/dovecote", "tasks").acknowledged()
    panel = office.slack.ephemerals(office.ann)[-1]
    await office.slack.click(office.ann, panel, f"{panels.TASK}-pause", value=id_).acknowledged()
    await office.slack.wait_until(lambda: "Paused" in str(office.slack.ephemerals(office.ann)), PATIENCE)
    assert "paused" in await dovecote(office, "tasks")
    assert "runs now" in await dovecote(office, "tasks", "run", id_[:6])
    await office.slack.wait_until(lambda: bool(posted(office, "week")), PATIENCE)
    [post] = posted(office, "week")
    assert post.text.startswith(f"<@{office.bob.id}> ")
    assert "<@U1>" not in post.text  # whom the text names is not notified
    exported = await dovecote(office, "tasks", "export")
    assert json.loads(exported)["paused"] is True
    assert "Cancelled" in await dovecote(office, "tasks", "cancel", id_)
    assert id_ not in await dovecote(office, "tasks")
    (office.folder.path / "tasks.json").write_text(exported)
    assert "Paused" in await dovecote(office, "tasks", "import", "tasks.json")


async def test_a_due_time_that_passes_while_the_host_is_down_is_made_up_for_once(office: Office) -> None:
    await office.start()
    at, _ = in_berlin(5)
    asked = office.ask(scheduling(title="Once", prompt="better late", at=at))
    await office.answered(asked)
    await office.stop(kill=True)
    due = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    await eventually(lambda: datetime.now(UTC) > due)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await office.answered(asked, 2)
    await dovecote(office, "tasks")
    assert [m.text for m in office.answers(asked)].count("better late") == 1


async def test_an_order_that_is_refused_says_why_and_one_without_a_host_waits_for_it(office: Office) -> None:
    place = f"slack/{office.slack.workspace.team_id}/{office.channel.id}"
    wait = await dovecote(office, "tasks", "add", "News", "hear ye", "--to", place, "--cron", "0 9 * * *")
    assert "when one starts" in wait
    assert "add “News”" in await dovecote(office, "tasks")
    for bad, reason in (
        (("--to", place, "--cron", "0 99 * * *"), "bad hour"),
        (("--to", place, "--at", "9999-12-31 23:59"), "within the years"),
        (("--to", place, "--cron", "@daily", "--agent", "nobody"), "no agent 'nobody'"),
        (("--to", f"slack//{office.channel.id}", "--cron", "@daily"), "workspace is missing"),
    ):
        assert reason in await dovecote(office, "tasks", "add", "Bad", "p", *bad)
    await office.start()
    refused = await dovecote(
        office, "tasks", "add", "Bad", "p", "--to", place, "--cron", "0 9 * * *", "--zone", "Mars"
    )
    assert "not an IANA time zone" in refused
    listed = await dovecote(office, "tasks")
    assert "News" in listed
    assert "Bad" not in listed


async def test_a_reaction_a_file_and_words_in_a_channel_begin_what_waits_for_them(office: Office) -> None:
    await office.start()
    for number, what in enumerate(({"reaction": ":ticket:"}, {"file": "csv"}, {"words": "deploy failed"})):
        wish = {"title": f"W{number}", "prompt": f"case {number}", "destination": "channel", **what}
        [confirmed] = await office.answered(office.ask(scheduling(**wish)))
        assert "whenever somebody" in confirmed.text
    said = office.slack.say(office.bob, office.channel, "the printer is on fire")
    office.slack.react(office.ann, said, "ticket")
    await office.slack.wait_until(lambda: posted(office, "case 0"), PATIENCE)
    [case] = posted(office, "case 0")
    assert f"reacted with 🎫 to message {said.ts}" in case.text
    assert "the printer is on fire" in case.text  # what was reacted to
    office.slack.say(office.bob, office.channel, "figures", files=[("sales.csv", b"a,b\n1,2\n")])
    await office.slack.wait_until(lambda: posted(office, "case 1"), PATIENCE)
    office.slack.say(office.ann, office.channel, "The deploy failed again, deploy failed!")
    await office.slack.wait_until(lambda: posted(office, "case 2"), PATIENCE)
    assert "deploy failed" in posted(office, "case 2")[0].text  # our own words begin nothing
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    office.slack.react(office.bob, said, "ticket")
    await office.slack.wait_until(lambda: len(posted(office, "case 0")) == 2, PATIENCE)
    assert [len(posted(office, f"case {number}")) for number in range(3)] == [2, 1, 1]
