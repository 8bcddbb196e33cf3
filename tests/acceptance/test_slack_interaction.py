"""Questions, orders, files, progress and refusals in Slack, through the whole system."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from tests.fakes.slack import Channel, File, Message
from tests.fakes.slack.faults import Fault
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def asked(office: Office, root: Message) -> Message:
    """The agent's question in the thread, once it has something to click."""

    def look() -> Message | None:
        return next((m for m in office.answers(root) if m.blocks[-1]["type"] == "actions"), None)

    found = await office.slack.wait_until(look, PATIENCE)
    assert found is not None
    return found


async def test_a_question_is_answered_by_the_one_who_was_asked_and_shows_who_chose(office: Office) -> None:
    """LESSONS 50: others may click, and nothing happens but a note to them."""
    await office.start()
    root = office.ask("@@ask Deploy now? | yes | no\n@@results")
    question = await asked(office, root)
    await office.slack.click(
        office.bob, question, value=question.blocks[-1]["elements"][0]["value"]
    ).acknowledged()
    [note] = await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert f"<@{office.ann.id}>" in note.text
    assert question.blocks[-1]["type"] == "actions"
    await office.slack.click(
        office.ann, question, value=question.blocks[-1]["elements"][1]["value"]
    ).acknowledged()
    await office.slack.wait_until(lambda: question.blocks[-1]["type"] == "context", PATIENCE)
    shown = question.blocks[-1]["elements"][0]["text"]
    assert f"<@{office.ann.id}>" in shown
    assert "no" in shown
    answers = await office.answered(root, 2)
    assert answers[-1].text.split()[-1] == "no"


async def test_a_tool_that_needs_a_yes_runs_on_the_word_of_whoever_was_asked_alone(office: Office) -> None:
    """LESSONS 50: not even an owner's."""
    office.configure(
        access=f'owners = ["slack:{office.bob.id}"]',
        more='[agents.default.options]\napprove = ["mock_append"]',
    )
    await office.start()
    root = office.ask('@@call mock_append {"file": "done.txt", "line": "x"}\n@@results')
    question = await asked(office, root)
    allow = question.blocks[-1]["elements"][0]["value"]
    await office.slack.click(office.bob, question, value=allow).acknowledged()
    await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert office.folder.effects("done.txt") == []
    await office.slack.click(office.ann, question, value=allow).acknowledged()
    await office.answered(root, 2)
    assert office.folder.effects("done.txt") == ["x"]
    assert f"Allow* — <@{office.ann.id}>" in question.blocks[-1]["elements"][0]["text"]


async def test_a_tool_that_is_allowed_here_in_advance_runs_unasked_until_that_is_taken_back(
    office: Office,
) -> None:
    office.configure(more='[agents.default.options]\napprove = ["mock_append"]')
    await office.start()
    call = '@@call mock_append {"file": "done.txt", "line": "%s"}\n@@results'
    root = office.ask(call % "x")
    question = await asked(office, root)
    [_, _, here, everywhere, _] = question.blocks[-1]["elements"]
    assert here["text"]["text"] == "Allow here for 8 hours"
    assert everywhere["text"]["text"] == "Allow everywhere for 8 hours"
    await office.slack.click(office.ann, question, value=here["value"]).acknowledged()
    await office.answered(root, 2)
    office.ask(call % "y", root.ts)
    *_, line, _ = await office.answered(root, 4)
    assert "allowed in advance by ann" in line.text
    assert office.folder.effects("done.txt") == ["x", "y"]
    other = office.ask(call % "z")
    await asked(office, other)  # in another thread it does not count
    office.slack.say(office.ann, office.channel, "!grants", thread_ts=root.ts)
    *_, listed = await office.answered(root, 5)
    assert "mock_append" in listed.text
    office.slack.say(office.bob, office.channel, "!grants revoke 1", thread_ts=root.ts)
    *_, refused = await office.answered(root, 6)
    assert "Only who gave it" in refused.text
    office.slack.say(office.ann, office.channel, "!grants revoke 1", thread_ts=root.ts)
    *_, ended = await office.answered(root, 7)
    assert "Taken back" in ended.text
    office.ask(call % "w", root.ts)
    *_, again = await office.answered(root, 8)
    assert again.blocks[-1]["type"] == "actions"


async def test_two_of_three_have_to_allow_a_call_also_across_a_crash_and_it_runs_once(office: Office) -> None:
    eve = office.slack.add_user("eve")
    office.slack.join(eve, office.channel)
    people = ", ".join(f'"slack:{one.id}"' for one in (office.ann, office.bob, eve))
    office.configure(
        more=f'[agents.default.options]\napprove = ["mock_append"]\napprovers = [{people}]\napprove_by = 2\n'
        "asker_approves = false",
    )
    await office.start()
    root = office.ask('@@call mock_append {"file": "done.txt", "line": "x"}\n@@results')
    question = await asked(office, root)
    allow, *_, details = (element["value"] for element in question.blocks[-1]["elements"])
    assert "2 people of 2 have to allow it" in str(question.blocks)
    await office.slack.click(office.bob, question, "dovecote-details", value=details).acknowledged()
    shown = next(view for view in office.slack.workspace.views.values() if view.open)
    assert "done.txt" in str(shown.body)
    await office.slack.click(
        office.ann, question, value=allow
    ).acknowledged()  # the asker's counts for nothing
    for _ in range(2):  # and each person once
        await office.slack.click(office.bob, question, value=allow).acknowledged()
    await office.slack.wait_until(lambda: "1 of 2 have allowed it" in str(question.blocks), PATIENCE)
    assert office.folder.effects("done.txt") == []
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await office.slack.click(eve, question, value=allow).acknowledged()
    await office.answered(root, 2)
    assert office.folder.effects("done.txt") == ["x"]
    await office.slack.wait_until(lambda: question.blocks[-1]["type"] == "context", PATIENCE)
    line = question.blocks[-1]["elements"][0]["text"]
    assert f"Allow* — <@{office.bob.id}>, <@{eve.id}>" in line


async def test_a_question_that_nobody_answered_in_time_loses_its_buttons_when_somebody_tries(
    office: Office,
) -> None:
    office.configure(
        more='[agents.default.options]\napprove = ["mock_append"]\napprove_within = 1',
    )
    await office.start()
    root = office.ask('@@call mock_append {"file": "done.txt", "line": "x"}\n@@results')
    question = await asked(office, root)
    allow = question.blocks[-1]["elements"][0]["value"]
    answers = await office.answered(root, 2)
    assert "nobody answered in time" in answers[-1].text
    await office.slack.click(office.ann, question, value=allow).acknowledged()
    await office.slack.wait_until(lambda: question.blocks[-1]["type"] == "context", PATIENCE)
    assert "no longer open" in question.blocks[-1]["elements"][0]["text"]
    assert office.folder.effects("done.txt") == []


async def test_a_question_outlives_the_host_that_asked_it(office: Office) -> None:
    await office.start()
    root = office.ask("@@ask Which one? | a | b | c | d | e | f | g\n@@results")
    question = await asked(office, root)
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    menu = question.blocks[-1]["elements"][0]
    choice = menu["options"][4]["value"]
    await office.slack.select(office.ann, question, menu["action_id"], choice).acknowledged()
    answers = await office.answered(root, 2)
    assert answers[-1].text.split()[-1] == "e"


async def test_a_question_without_options_is_answered_in_words(office: Office) -> None:
    await office.start()
    root = office.ask("@@ask What is your name?\n@@results")
    question = await asked(office, root)
    await office.slack.click(office.ann, question, "dovecote-words").acknowledged()
    view = next(view for view in office.slack.workspace.views.values() if view.open)
    await office.slack.submit_view(
        office.ann, view, {"words": {"words": "Ann <of> Green Gables"}}
    ).acknowledged()
    answers = await office.answered(root, 2)
    assert "Ann" in answers[-1].text


async def test_stop_typed_in_a_thread_stops_what_runs_there(office: Office) -> None:
    await office.start()
    root = office.ask("@@sleep 600")
    await office.slack.wait_until(lambda: office.slack.calls("assistant.threads.setStatus"), PATIENCE)
    office.slack.say(office.ann, office.channel, "!stop", root.ts)
    [answer, *_] = await office.answered(root)
    assert "stop" in answer.text.lower()


async def test_a_muted_thread_needs_a_mention_again_and_an_aside_wakes_nobody(office: Office) -> None:
    await office.start()
    root = office.ask("hello")
    await office.answered(root)
    office.slack.say(office.ann, office.channel, "!aside between us", root.ts)
    office.slack.say(office.ann, office.channel, "!mute", root.ts)
    muted = (await office.answered(root, 2))[1]
    assert "mentioned" in muted.text
    office.slack.say(office.bob, office.channel, "talking among ourselves", root.ts)
    office.ask("back to you", root.ts)
    last = (await office.answered(root, 3))[2]
    assert "back to you" in last.text
    assert not any("among" in message.text or "between" in message.text for message in office.answers(root))


async def test_the_host_answers_what_is_typed_to_it_and_asks_about_a_near_miss_also_after_a_restart(
    office: Office,
) -> None:
    office.configure(more='[commands.aliases]\nhilfe = "help"')
    await office.start()
    root = office.ask("hello")
    await office.answered(root)
    office.slack.say(office.ann, office.channel, "!hilfe", root.ts)
    helped = (await office.answered(root, 2))[1]
    assert "!status" in helped.text
    office.slack.say(office.ann, office.channel, "!stpo the presses", root.ts)
    hint = (await office.answered(root, 3))[2]
    send = hint.blocks[-1]["elements"][0]
    assert send["text"]["text"] == "Send it as written"
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await office.slack.click(office.bob, hint, value=send["value"]).acknowledged()
    [note] = await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert "whoever wrote it" in note.text
    await office.slack.click(office.ann, hint, value=send["value"]).acknowledged()
    sent = (await office.answered(root, 4))[3]
    assert "!stpo the presses" in sent.text
    await office.slack.wait_until(lambda: hint.blocks[-1]["type"] == "context", PATIENCE)
    assert "Sent as it was written" in str(hint.blocks[-1])
    await notes_are_shown_corrected_and_forgotten_where_they_were_made(office, root)


async def notes_are_shown_corrected_and_forgotten_where_they_were_made(office: Office, root: Message) -> None:
    """In the channel's thread, in Ann's direct messages, and behind the slash command."""
    note = '@@call memory {"command": "create", "path": "/memories/team.md", "file_text": "%s"}'
    look = '@@call memory {"command": "view", "path": "/memories/team.md"}\n@@results'
    dm = office.slack.open_dm(office.ann)

    async def told(words: str, channel: Channel = dm, thread: str | None = None) -> str:
        """The agent's next message there, as it reads."""
        seen = {message.ts for message in office.slack.messages(channel, thread)}

        def new() -> Message | None:
            found = office.slack.messages(channel, thread)
            ours = (one for one in found if one.bot_id == office.slack.bot_id and one.stream is None)
            return next((one for one in ours if one.ts not in seen), None)

        office.slack.say(office.ann, channel, words, thread)
        found = await office.slack.wait_until(new, PATIENCE)
        assert found is not None
        return f"{found.text}\n{found.blocks}"

    await told(note % "We meet on Tuesdays\\nAll of us", office.channel, root.ts)
    await told(note % "I like cocoa\\nI am called Annie")
    shown, own = await told("!memory", office.channel, root.ts), await told("!memory")
    assert "We meet on Tuesdays" in shown
    assert "cocoa" not in shown
    assert "I like cocoa" in own
    assert "Tuesdays" not in own
    mark = re.search(r"([0-9a-f]{4,})  We meet", shown)
    assert mark is not None
    refused = await told(f"!memory forget {mark[1]} yes", office.channel, root.ts)
    assert "an owner alone" in refused
    assert "no such mark" in await told(
        f"!memory forget {mark[1]} yes"
    )  # of the channel, asked for elsewhere
    drink, name = (re.search(rf"([0-9a-f]{{4,}})  {words}", own) for words in ("I like cocoa", "I am called"))
    assert drink is not None
    assert name is not None
    assert "Corrected" in await told(f"!memory correct {drink[1]} I like coffee")
    seen = await told(look)  # by the agent in its next turn
    assert "I like coffee" in seen
    assert "cocoa" not in seen
    assert f"`!memory forget {name[1]} yes`" in await told(f"!memory forget {name[1]}")
    assert "Annie" in await told(look)
    assert "It is forgotten" in await told(f"!memory forget {name[1]} yes")
    assert "Annie" not in await told(look)
    slash = office.slack.slash(office.ann, office.channel, "/dovecote", "memory tuesdays")
    await slash.acknowledged()
    assert "We meet on Tuesdays" in str(office.slack.ephemerals(office.ann)[-1].blocks)
    assert "All of us" not in str(office.slack.ephemerals(office.ann)[-1].blocks)
    records = str(office.folder.path / "data" / "host.db")
    with contextlib.closing(apsw.Connection(records, flags=apsw.SQLITE_OPEN_READONLY)) as kept:
        audit = kept.execute("SELECT detail FROM audit WHERE action = 'memory' ORDER BY rowid").fetchall()
    assert [str(detail).partition(": ")[2] for (detail,) in audit] == ["1 line corrected", "1 line forgotten"]


async def test_a_channel_that_the_bot_is_added_to_is_welcomed_once(office: Office) -> None:
    await office.start()
    hall = office.slack.add_channel("hall", members=[office.ann], with_bot=False)
    for _ in range(2):
        office.slack.join(office.slack.workspace.bot, hall)
        await office.slack.wait_until(lambda: office.slack.messages(hall), PATIENCE)
    office.slack.say(office.ann, hall, f"{office.slack.mention()} hello")
    await office.slack.wait_until(lambda: len(office.slack.messages(hall)) == 2, PATIENCE)
    greeted = [message for message in office.slack.messages(hall) if "Hello! I am" in message.text]
    assert len(greeted) == 1


async def test_a_person_without_access_is_told_once_and_privately(office: Office) -> None:
    """LESSONS 52."""
    office.configure(access=f'unknown = "deny"\nusers = ["slack:{office.ann.id}"]')
    await office.start()
    denied = [office.slack.say(office.bob, office.channel, f"{office.slack.mention()} {n}") for n in range(3)]
    allowed = office.ask("may I?")
    await office.answered(allowed)
    notes = await office.slack.wait_until(lambda: office.slack.ephemerals(office.bob), PATIENCE)
    assert len(notes) == 1
    assert not any(office.answers(root) for root in denied)


async def test_a_status_shows_that_work_goes_on_and_names_no_path(office: Office) -> None:
    await office.start()
    root = office.ask("@@sleep 3\ndone")
    await office.answered(root)
    lines = [str(call.args["status"]) for call in office.slack.calls("assistant.threads.setStatus")]
    assert any(lines)
    assert not any("/" in line for line in lines)
    assert len(office.answers(root)) == 1


async def test_a_bot_that_is_mentioned_first_in_an_old_thread_knows_what_was_said(office: Office) -> None:
    """LESSONS 46."""
    await office.start()
    root = office.slack.say(office.ann, office.channel, "the code word is heron")
    office.slack.say(office.bob, office.channel, "noted", root.ts)
    office.ask("what was it?", root.ts)
    await office.answered(root)
    stored = b"".join(
        path.read_bytes() for path in office.folder.path.glob("data/sessions/*/inbound/inbound.db")
    )
    assert b"the code word is heron" in stored


async def test_an_edit_before_it_is_read_replaces_the_message(office: Office) -> None:
    await office.start()
    first = office.ask("@@sleep 2\nfirst")
    second = office.slack.say(office.ann, office.channel, "draft", first.ts)
    office.slack.unfurl(second, "https://example.org")
    office.slack.edit(second, "final words")
    answers = await office.answered(first, 2)
    assert "first" in answers[0].text
    assert not any("example" in message.text for message in answers)


async def test_a_file_reaches_the_agents_folder(office: Office) -> None:
    """LESSONS 49."""
    await office.start()
    root = office.slack.say(
        office.ann,
        office.channel,
        f"{office.slack.mention()} see the sheet",
        files=[("../q3 übersicht.csv", b"a;b\n1;2\n")],
    )
    await office.answered(root)
    [stored] = office.folder.path.glob("data/sessions/*/inbound/files/*/*")
    assert stored.read_bytes() == b"a;b\n1;2\n"
    assert stored.name == "0-_q3 übersicht.csv"


async def test_a_file_that_the_agent_sends_stands_in_the_thread_that_asked(office: Office) -> None:
    """LESSONS 45, 49."""
    await office.start()
    work = ('@@call mock_append {"file": "r.csv", "line": "a;b"}', '@@call send_file {"path": "r.csv"}')
    root = office.ask("\n".join([*work, "there it is"]))
    sent, answer = await office.answered(root, 2)
    assert (sent.files[0].name, sent.files[0].content) == ("r.csv", b"a;b\n")
    assert "there it is" in answer.text
    assert [message.ts for message in office.slack.messages(office.channel)] == [root.ts]


async def test_a_report_is_one_canvas_that_its_channel_reads_also_after_a_crash(
    office: Office,
) -> None:
    asked = f"@@call send_document {json.dumps({'title': 'Lofts', 'text': '# Lofts', 'comment': 'Here:'})}\nthere it is"

    def canvases() -> list[File]:
        return [one for one in office.slack.workspace.files.values() if one.canvas is not None]

    # The host dies once the link is posted, before anybody may open it.
    office.slack.scopes.add("canvases:write")
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    office.slack.faults.next("chat.postMessage", Fault.answer_held(asyncio.Event()))
    root = office.ask(asked)
    await office.answered(root)
    [canvas] = canvases()
    assert canvas.readers == set()
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    link, answer = await office.answered(root, 2)
    assert (link.text.startswith("Here:"), f"/{canvas.id}|Lofts>" in link.text) == (True, True)
    assert "there it is" in answer.text
    assert canvases() == [canvas]
    assert (canvas.title, canvas.readers) == ("Lofts", {office.channel.id})


async def test_the_slash_command_asks_in_the_channel_and_is_answered_in_a_thread(office: Office) -> None:
    await office.start()
    office.slack.slash(office.ann, office.channel, "/dovecote", "help")
    [told] = await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann), PATIENCE)
    assert "!stop" in str(told.blocks)
    await office.slack.slash(office.ann, office.channel, "/dovecote", "ask what time is it?").acknowledged()
    [posted] = office.slack.messages(office.channel)
    assert f"<@{office.ann.id}>" in posted.text
    await office.slack.wait_until(
        lambda: len(office.slack.messages(office.channel, posted.ts)) == 2, PATIENCE
    )
    assert "what time is it?" in office.slack.messages(office.channel, posted.ts)[1].text
    assert len(office.slack.messages(office.channel)) == 1


async def test_the_home_says_how_to_talk_to_the_agent(office: Office) -> None:
    await office.start()
    office.slack.open_home(office.ann)
    home = await office.slack.wait_until(lambda: office.slack.workspace.homes.get(office.ann.id), PATIENCE)
    assert home is not None
    assert "!stop" in str(home.blocks)


async def test_a_reaction_to_an_answer_reaches_the_agent_that_wants_it_in_the_thread_of_the_answer(
    office: Office,
) -> None:
    office.configure(more='[agents.default]\nreactions = "wake"')
    await office.start()
    root = office.ask("hello")
    [answer] = await office.answered(root)
    office.slack.react(office.bob, answer, "tada")
    told = (await office.answered(root, 2))[1]
    assert ":tada:" in told.text
    assert "hello" in told.text
    unrelated = office.slack.say(office.bob, office.channel, "among people")
    office.slack.react(office.ann, unrelated, "eyes")
    await office.answered(office.ask("last"))
    assert office.answers(unrelated) == []
    assert len(office.slack.messages(office.channel)) == 3


async def test_a_reaction_wakes_nobody_unless_an_agent_wants_that(office: Office) -> None:
    await office.start()
    root = office.ask("hello")
    [answer] = await office.answered(root)
    office.slack.react(office.bob, answer, "tada")
    await office.slack.deliveries("reaction_added")[0].acknowledged(PATIENCE)
    office.slack.say(office.ann, office.channel, "and now?", root.ts)
    await office.answered(root, 2)
    assert len(office.answers(root)) == 2
