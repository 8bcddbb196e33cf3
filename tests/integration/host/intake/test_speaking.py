"""What begins a turn: words, an edit that names the agent, and bots only as long as people take part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw

from host.intake import speaking
from host.ports.events import Author, EventClass, Said, Verdict
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address
from sessiondb.content import Part
from tests.support.hosting import config, serving
from tests.support.reading import rows
from tests.support.waiting import eventually

ROBOT = Author("B1", "alertmanager", is_bot=True)
THREAD = Address("memory", "w", "c", "t")
THERE: dict[str, Any] = {"privacy": "public", "mentioned": True}


async def test_bots_that_answer_each_other_are_left_alone_until_a_person_speaks(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        verdicts = [
            (
                await bot.say(
                    "c", f"turn {number}", author=ROBOT, privacy="public", mentioned=True, address=THREAD
                )
            )
            for number in range(speaking.MOST_IN_A_ROW + 3)
        ]
        assert [one.verdict for one in verdicts] == [Verdict.STORED] * (speaking.MOST_IN_A_ROW + 3)
        await eventually(lambda: len(_kept(tmp_path)) == speaking.MOST_IN_A_ROW + 3)
        wakes = [trigger for _, trigger, _ in _kept(tmp_path)]
        assert wakes == [1] * speaking.MOST_IN_A_ROW + [0] * 3  # the last are known, and wake nobody
        await bot.until(lambda: speaking.BRAKE_TOLD in bot.said("c"))
        assert bot.said("c").count(speaking.BRAKE_TOLD) == 1
        await bot.say("c", "go on, you two", **THERE, address=THREAD)
        again = await bot.say("c", "gladly", author=ROBOT, **THERE, address=THREAD)
        assert again.verdict is Verdict.STORED


async def test_an_empty_mention_is_answered_by_the_host_and_what_says_nothing_wakes_nobody(
    tmp_path: Path,
) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        empty = await bot.say("c", "  ", **THERE)
        assert (empty.verdict, empty.reason) == (Verdict.DECLINED, speaking.EMPTY)
        await bot.until(lambda: bot.said("c") == [speaking.HELP])
        silent = await bot.say("c", "", privacy="public")
        by_bot = await bot.say("c", "", author=ROBOT, **THERE)
        assert [silent.verdict, by_bot.verdict] == [Verdict.IGNORED] * 2
        assert not launcher.started
        forwarded = await bot.say("c", "", parts=(Part("forwarded", "exit code 7"),), **THERE)
        assert forwarded.verdict is Verdict.STORED


async def test_an_edit_that_adds_the_mention_is_the_message_and_comes_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        first = await bot.say("c", "what is this?", **_said(EventClass.MESSAGE, "p1"), privacy="public")
        assert first.verdict is Verdict.IGNORED
        edited = await bot.say("c", "@bot what is this?", **_said(EventClass.EDIT, "p1:2"), **THERE)
        assert edited.verdict is Verdict.STORED
        again = await bot.say("c", "@bot what is this?", **_said(EventClass.MESSAGE, "p1"), **THERE)
        assert (again.verdict, again.message_id) == (Verdict.DUPLICATE, edited.message_id)


async def test_an_edit_that_gives_an_empty_mention_its_words_is_the_message(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        await bot.say("c", "", **_said(EventClass.MESSAGE, "p1"), **THERE)
        edited = await bot.say("c", "what is this?", **_said(EventClass.EDIT, "p1:2"), **THERE)
        assert edited.verdict is Verdict.STORED


async def test_an_edit_of_what_was_said_before_the_mention_is_told_with_what_it_is_about(
    tmp_path: Path,
) -> None:
    """The agent knows it from the thread's beginning alone: it replaces what nobody has read yet."""
    root = Said("deploy at 5", "Ann", "u1", at=1, platform_message_id="t")
    reply = Said("or at 6", "Bob", "u2", at=2, platform_message_id="p2")
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        asked = {**THERE, "address": THREAD, "thread_so_far": (root, reply)}
        await bot.say("c", "when do we deploy?", **asked)
        await eventually(lambda: len(_kept(tmp_path)) == 3)
        # A thread's root is told of by its channel, a reply by the thread.
        for id_, text, where in (
            ("t", "deploy at 7", THREAD._replace(thread_id="")),
            ("p2", "or never", THREAD),
        ):
            edit = {"event_class": EventClass.EDIT, "natural_id": f"{id_}:2", "platform_message_id": id_}
            told = await bot.say("c", text, address=where, privacy="public", **edit)
            assert told.verdict is Verdict.STORED
        await eventually(lambda: {"deploy at 7", "or never"} <= {text for text, _, _ in _kept(tmp_path)})
        gone = {"event_class": EventClass.DELETE, "natural_id": "p2", "platform_message_id": "p2"}
        await bot.say("c", "", address=THREAD, privacy="public", **gone)
        await eventually(lambda: ("or never", 0, "cancelled") in _kept(tmp_path))


async def test_what_is_written_while_the_thread_is_read_is_told_once(tmp_path: Path) -> None:
    """It is in the thread so far that comes with the mention, and its own event comes after that."""
    reply = {"natural_id": "p2", "platform_message_id": "p2", "privacy": "public", "address": THREAD}
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        root = Said("deploy at 5", "Ann", "u1", at=1, platform_message_id="t")
        told = Said("or at 6", "Bob", "u2", at=2, platform_message_id="p2")
        await bot.say("c", "when do we deploy?", **THERE, address=THREAD, thread_so_far=(root, told))
        await eventually(lambda: len(_kept(tmp_path)) == 3)
        for _ in range(2):  # the second is a duplicate
            await bot.say("c", told.text, **reply)
        await eventually(lambda: ("or at 6", 0, "cancelled") in _kept(tmp_path))
        kept = [(text, status) for text, _, status in _kept(tmp_path)]
        assert kept.count(("or at 6", "pending")) == 1
        assert kept.count(("or at 6", "cancelled")) == 1
        assert ("deploy at 5", "pending") in kept
        gone = {"event_class": EventClass.DELETE, "natural_id": "p2:gone", "platform_message_id": "p2"}
        await bot.say("c", "", address=THREAD, privacy="public", **gone)
        await eventually(lambda: ("or at 6", 0, "pending") not in _kept(tmp_path))


async def test_an_edit_in_a_thread_without_an_agent_is_nobodys_business(tmp_path: Path) -> None:
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        edit = {"event_class": EventClass.EDIT, "natural_id": "p2:2", "platform_message_id": "p2"}
        told = await bot.say("c", "or never", address=THREAD, privacy="public", **edit)
        assert told.verdict is Verdict.IGNORED


def _kept(data: Path) -> list[tuple[str, int, str]]:
    """Text, whether it wakes, and status of what the conversation's file holds."""
    sql = "SELECT content ->> 'text', trigger, status FROM messages_in WHERE kind = 'chat' ORDER BY seq"
    return [
        (str(text), int(wakes), str(status))
        for path in data.glob("sessions/*/inbound/inbound.db")
        for text, wakes, status in rows(path, sql)
    ]


def _said(event_class: EventClass, natural_id: str) -> dict[str, Any]:
    return {"event_class": event_class, "natural_id": natural_id, "platform_message_id": "p1"}


TWO: dict[str, Any] = {
    "agents": {"ada": {}, "bea": {"name": "Bee"}, "shy": {"by_name": False}, "far": {}},
    "routes": [
        {"agent": "ada", "channel": "quiet", "by_name": False},
        {"agent": "ada"},
        {"agent": "bea"},
        {"agent": "shy"},
        {"agent": "far", "channel": "elsewhere"},
    ],
}


def _agents(data: Path) -> list[tuple[str, dict[str, Any]]]:
    """Who was given what."""
    connection = apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        sql = "SELECT s.agent, i.event FROM inbox i JOIN sessions s ON s.id = i.session_id ORDER BY i.id"
        return [(str(agent), json.loads(str(event))["event"]) for agent, event in connection.execute(sql)]
    finally:
        connection.close()


async def test_a_name_in_front_calls_its_agent_alone_where_several_serve(tmp_path: Path) -> None:
    async with serving(config(tmp_path, **TWO), launcher=FakeLauncher()) as (_, bot):

        async def said(text: str, **more: Any) -> Verdict:
            given = {"privacy": "public", "opening": text, **more}
            return (await bot.say(given.pop("channel", "c"), text, **given)).verdict

        assert await said("Bee, look", natural_id="1") is Verdict.STORED
        assert await said("Bee, look", natural_id="1", mentioned=True) is Verdict.DUPLICATE
        assert await said("@ADA look") is Verdict.STORED
        assert await said("Bea: look", mentioned=True) is Verdict.STORED
        assert await said("@bea look", opening="") is Verdict.IGNORED, (
            "somebody who is called so was mentioned"
        )
        assert await said("Shy, look") is Verdict.IGNORED, "it is not called by name"
        assert await said("Far, look") is Verdict.IGNORED, "it does not serve this channel"
        assert await said("Bea, look", channel="quiet") is Verdict.IGNORED, "nobody is, there"
        assert await said("Bea, look", author=ROBOT) is Verdict.IGNORED, (
            "another bot mentions, or says nothing"
        )
        assert await said("Bea, look", remark=True) is Verdict.IGNORED
        assert await said("Bea, look", privacy="dm") is Verdict.STORED
        taken = _agents(tmp_path)
    assert [agent for agent, _ in taken] == ["bea", "ada", "bea", "ada"]
    assert [event["text"] for _, event in taken] == ["Bee, look", "@ADA look", "Bea: look", "Bea, look"]
    assert {event["opening"] for _, event in taken} == {""}, "what people wrote lies in one place"


async def test_the_one_agent_of_a_channel_is_not_called_by_name(tmp_path: Path) -> None:
    alone = {"agents": {"ada": {}}, "routes": [{"agent": "ada"}]}
    async with serving(config(tmp_path, **alone), launcher=FakeLauncher()) as (_, bot):
        heard = await bot.say("c", "Ada, look", privacy="public", opening="Ada, look")
        assert heard.verdict is Verdict.IGNORED
