"""What people see in Slack is what the agent reads: edits, threads, files and the odd, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bots.slack.bot import SlackBot
from bots.slack.client.directory import Directory
from bots.slack.reading.events import Reader
from bots.slack.setup.preflight import identify
from host.ports.bot import Fetched, FetchError
from host.ports.events import EventClass, InboundEvent
from sessiondb import Address
from sessiondb.content import Part
from tests.fakes.slack import FakeSlack, Fault
from tests.support.discording import Notebook
from tests.support.slack_app import clear_proxies, web_client
from tests.support.slacking import online
from tests.support.waiting import eventually


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=1.5, retry_delays=(0.0, 0.5, 1.0)) as made:
        yield made


async def test_a_name_that_slack_is_slow_to_tell_takes_no_other_with_it(
    slack: FakeSlack, tmp_path: Path
) -> None:
    told = asyncio.Event()
    async with online(slack, tmp_path):
        dave, erin = slack.add_user("dave"), slack.add_user("erin")
        client = web_client(slack)
        reader = Reader(client, Directory(client), await identify(client))
        slack.faults.next("users.info", Fault.slow(told))
        names = await reader.names([{"user": dave.id, "text": f"said to <@{erin.id}>"}], 1.0)
        told.set()
        known = [id_ for id_ in (dave.id, erin.id) if names.people[id_] != id_]
        assert len(known) == 1, "the other one keeps its id"
        later = await reader.names([{"user": dave.id, "text": f"said to <@{erin.id}>"}])
        assert (later.people[dave.id], later.people[erin.id]) == ("dave", "erin")


ALERT = {
    "subtype": "bot_message",
    "bot_id": "B0ALERT",
    "username": "alertmanager",
    "text": "",
    "attachments": [
        {"title": "[FIRING:1] DiskFull", "text": "db-3 is full", "fallback": "[FIRING:1] DiskFull"}
    ],
}
CI = {
    "subtype": "bot_message",
    "bot_id": "B0CI",
    "username": "ci",
    "text": "",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Build 512 failed"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*test_login* timed out after 30 s"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*branch*\nmain"}]},
    ],
}


async def test_the_thread_so_far_is_what_people_see_in_it(slack: FakeSlack, tmp_path: Path) -> None:
    """slack_alert_attachment_thread, slack_ci_blocks_thread, slack_thread_root_file."""
    ann, bob = slack.add_user("ann"), slack.add_user("bob")
    channel = slack.add_channel("general", members=[ann, bob])
    root = slack.post(channel, ALERT)
    slack.post(channel, CI, root.ts)
    slack.say(ann, channel, "here are the numbers", root.ts, files=[("numbers.csv", b"a,b\n1,2\n")])
    async with online(slack, tmp_path) as (bot, notebook):
        slack.say(bob, channel, f"{slack.mention()} what is this?", root.ts)
        event = await notebook.next()
        alert, ci, numbers = event.thread_so_far
        assert (alert.author, alert.by, alert.text) == (
            "alertmanager",
            "bot",
            "[FIRING:1] DiskFull — db-3 is full",
        )
        assert ci.text == "Build 512 failed\ntest_login timed out after 30 s\nbranch main"
        assert (numbers.author, numbers.author_id, numbers.by) == ("ann", ann.id, "")
        assert numbers.platform_message_id
        [file] = numbers.files
        await bot.fetch(event.address, file, tmp_path / "numbers", 100)
        assert (tmp_path / "numbers").read_bytes() == b"a,b\n1,2\n"


async def test_an_edit_is_one_when_what_it_says_changes(slack: FakeSlack, tmp_path: Path) -> None:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    async with online(slack, tmp_path) as (_, notebook):
        said = slack.say(ann, channel, "see https://a.example")
        await notebook.next()
        slack.unfurl(said, "https://a.example")
        before = slack.events.snapshot(said)
        said.more = {"attachments": [{"is_share": True, "author_name": "Bob", "text": "exit code 7"}]}
        slack.events.message_changed(before, said)
        forwarded = await notebook.next(2)
        assert forwarded.event_class is EventClass.EDIT
        assert [part.text for part in forwarded.parts] == ["exit code 7"]
        assert not forwarded.mentioned
        slack.edit(said, f"{slack.mention()} see that")
        named = await notebook.next(3)
        assert (named.mentioned, named.text, named.opens_thread) == (True, "@dovecote see that", said.ts)
        slack.edit(said, f"{slack.mention()} see this")
        again = await notebook.next(4)
        assert (again.mentioned, again.text) == (False, "@dovecote see this")


async def test_one_message_that_cannot_be_read_is_passed_by(
    slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """LESSONS 58."""
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    notebook = Notebook()
    async with online(slack, tmp_path, notebook=notebook):
        slack.say(ann, channel, "first")
        await notebook.next()
        await notebook.until(lambda: len(notebook.marks) > 2)
    slack.post(
        channel, {"user": ["not", "an", "id"], "text": "odd", "files": [{"size": "many"}], "blocks": {"a": 1}}
    )
    slack.say(ann, channel, "behind it")
    slack.courier.close()
    async with online(slack, tmp_path, notebook=notebook):
        await notebook.until(lambda: notebook.events[-1].text == "behind it")
        odd = {
            "type": "message",
            "subtype": "message_deleted",
            "channel": channel.id,
            "previous_message": {"text": "a"},
        }
        slack.events.publish(odd, "message.channels", channel)  # no time, no ts
        slack.say(ann, channel, "and behind that")
        await notebook.until(lambda: notebook.events[-1].text == "and behind that")
        [refused] = [one for one in slack.deliveries("message") if one.payload["event"].get("subtype")]
        await refused.acknowledged()
    assert "message_skipped" in {getattr(record, "action", "") for record in caplog.records}


async def test_a_side_question_that_fails_degrades_the_event_and_loses_nothing(
    slack: FakeSlack, tmp_path: Path
) -> None:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    async with online(slack, tmp_path) as (_, notebook):
        root = slack.say(ann, channel, "root")
        await notebook.next()
        slack.faults.next("conversations.replies", Fault.refuse("fatal_error"), 2)
        slack.say(ann, channel, f"{slack.mention()} in a thread", root.ts)
        event = await notebook.next(2)
        assert event.text == "@dovecote in a thread"
        [note] = event.thread_so_far
        assert "could not be read in time" in note.text
        ours = slack.say_as_bot(slack.workspace.bot, channel, "an answer")
        slack.faults.next("reactions.get", Fault.refuse("fatal_error"))
        slack.react(ann, ours, "eyes")
        assert (await notebook.next(3)).value == ":eyes:"


async def test_a_channel_that_becomes_private_or_is_renamed_is_told_of_at_once_and_at_the_next_connect(
    slack: FakeSlack, tmp_path: Path
) -> None:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    notebook = Notebook()
    place = Address("slack", slack.team_id, channel.id)
    async with online(slack, tmp_path, notebook=notebook):
        await notebook.until(lambda: notebook.became.get(place) == "public")
        channel.ext_shared = True
        slack.events.shared(channel)
        await notebook.until(lambda: notebook.became.get(place) == "private")
        channel.ext_shared = False
        slack.events.shared(channel)
        await notebook.until(lambda: notebook.became.get(place) == "public")
        channel.kind = "group"
        slack.post(channel, {"user": ann.id, "subtype": "channel_convert_to_private", "text": ""})
        await notebook.until(lambda: notebook.became.get(place) == "private")
        assert notebook.named[place] == "general"
        slack.rename(channel, "lobby")
        await eventually(lambda: notebook.named[place] == "lobby")
        assert notebook.events == []
    slack.rename(channel, "renamed-while-nobody-listened")
    channel.kind = "channel"
    slack.courier.close()
    async with online(slack, tmp_path, notebook=notebook):
        await notebook.until(lambda: notebook.became.get(place) == "public")
        await eventually(lambda: notebook.named[place] == "renamed-while-nobody-listened")


async def test_guests_and_people_of_other_organisations_are_known_as_such(
    slack: FakeSlack, tmp_path: Path
) -> None:
    people = {
        "ann": slack.add_user("ann"),
        "multi": slack.add_user("mia", guest="multi"),
        "single": slack.add_user("sam", guest="single"),
        "stranger": slack.add_user("eve", external=True),
    }
    channel = slack.add_channel("general", members=people.values())
    async with online(slack, tmp_path) as (_, notebook):
        for number, person in enumerate(people.values(), 1):
            slack.say(person, channel, f"{slack.mention()} hello")
            await notebook.next(number)
        people["ann"].guest = "multi"
        client = web_client(slack)
        seen = await Reader(client, Directory(client), await identify(client)).viewer(
            people["ann"].id, channel.id
        )
    assert seen.author.guest, "what is shown to whom is asked of Slack at that moment"
    found = [(event.author.guest, event.author.external) for event in notebook.events]
    assert found == [(False, False), (True, False), (True, False), (False, True)]


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


async def _posted(
    slack: FakeSlack, notebook: Notebook, bot: SlackBot, path: Path, file: dict[str, Any]
) -> tuple[InboundEvent, Fetched]:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    count = len(notebook.events)
    slack.post(channel, {"user": ann.id, "subtype": "file_share", "text": "look", "files": [file]})
    event = await notebook.next(count + 1)
    [incoming] = event.files
    return event, await bot.fetch(event.address, incoming, path, 10_000)


HOSTED = {"url_private": "{api}/files-pri/F0X/a", "url_private_download": "{api}/files-pri/F0X/download/a"}


async def test_a_stub_of_another_organisation_is_asked_for(slack: FakeSlack, tmp_path: Path) -> None:
    """slack_connect_stub."""
    stub = {"id": "F0X", "mode": "file_access", "created": 0, "file_access": "check_file_info", "user": ""}
    record = {
        "id": "F0X",
        "name": "plan.pdf",
        "mimetype": "application/pdf",
        "size": 4,
        "mode": "hosted",
        **HOSTED,
    }
    async with online(slack, tmp_path) as (bot, notebook):
        slack.keep("F0X", b"%PDF", record=record)
        _, fetched = await _posted(slack, notebook, bot, tmp_path / "f", stub)
        assert fetched == Fetched("plan.pdf", "application/pdf")
        assert (tmp_path / "f").read_bytes() == b"%PDF"
        slack.faults.next("files.info", Fault.refuse("file_not_found"))
        with pytest.raises(FetchError, match="not there any more, or not shared"):
            await _posted(slack, notebook, bot, tmp_path / "g", stub)


async def test_a_canvas_is_read_as_text(slack: FakeSlack, tmp_path: Path) -> None:
    """slack_canvas_html."""
    body = b"<!DOCTYPE html><html><body><h1>Plan</h1><p>Ship on Friday</p></body></html>"
    canvas = {"id": "F0X", "name": "Plan", "mimetype": "application/vnd.slack-docs", "mode": "quip", **HOSTED}
    async with online(slack, tmp_path) as (bot, notebook):
        slack.keep("F0X", body, "text/html", record=canvas)
        _, fetched = await _posted(slack, notebook, bot, tmp_path / "f", canvas)
        assert fetched.parts == (Part("document", "# Plan\n\nShip on Friday", title="Plan"),)
        assert (tmp_path / "f").read_text() == "# Plan\n\nShip on Friday\n"


async def test_a_transcript_of_which_only_the_beginning_is_shown_is_fetched_whole(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """slack_voice_transcript, of a longer clip."""
    monkeypatch.setattr("bots.slack.reading.fetching.CLIP_PAUSE", 0.0)
    clip = {"id": "F0X", "name": "a.m4a", "mimetype": "audio/mp4", "subtype": "slack_audio", **HOSTED}
    preview = {"content": "please book", "has_more": True}
    record = {
        **clip,
        "transcription": {"status": "complete", "preview": preview},
        "vtt": "{api}/files-pri/F0VTT/a.vtt",
    }
    async with online(slack, tmp_path) as (bot, notebook):
        slack.keep("F0X", b"sound", record=record)
        slack.keep("F0VTT", b"WEBVTT\n\n00:00.000 --> 00:02.000\nplease book the room\n", "text/vtt")
        _, fetched = await _posted(slack, notebook, bot, tmp_path / "f", clip)
        assert fetched.parts == (Part("transcript", "please book the room", title="a.m4a"),)
        del slack.workspace.files["F0VTT"]
        _, cut = await _posted(slack, notebook, bot, tmp_path / "g", clip)
        assert "only the beginning" in cut.parts[0].text


async def test_what_could_not_be_fetched_is_said_with_its_true_cause(
    slack: FakeSlack, tmp_path: Path
) -> None:
    file = {"id": "F0X", "name": "a.csv", "mimetype": "text/csv", "mode": "hosted", **HOSTED}
    async with online(slack, tmp_path) as (bot, notebook):
        slack.keep("F0X", b"", record=file)
        with pytest.raises(FetchError, match="empty"):
            await _posted(slack, notebook, bot, tmp_path / "f", file)
        slack.keep("F0X", b"<!DOCTYPE html><title>Sign in</title>", "text/html", record=file)
        with pytest.raises(FetchError, match="sign-in page"):
            await _posted(slack, notebook, bot, tmp_path / "f", file)
        slack.scopes.discard("files:read")
        with pytest.raises(FetchError, match="lacks the scope files:read"):
            await _posted(slack, notebook, bot, tmp_path / "f", file)
        slack.scopes.add("files:read")
        slack.workspace.files["F0X"].deleted = True
        with pytest.raises(FetchError, match="was deleted"):
            await _posted(slack, notebook, bot, tmp_path / "f", file)
    assert await asyncio.to_thread(lambda: not (tmp_path / "g").exists())
