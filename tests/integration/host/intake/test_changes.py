"""Edits and deletions of messages that a runner may be reading at the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from host.intake import storing
from host.ports.events import Author, EventClass, Verdict
from host.runners.launch.fake import FakeLauncher
from sessiondb import MessageIn, SessionFolder, content
from sessiondb.connection import open_reader, open_writer
from sessiondb.records import MESSAGE_IN_COLUMNS, message_in
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.waiting import eventually


def _messages(folder: SessionFolder) -> list[MessageIn]:
    connection = open_reader(folder.inbound_db)
    try:
        rows = connection.execute(f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in ORDER BY seq").fetchall()
        return [message_in(row) for row in rows]
    finally:
        connection.close()


def _claim(folder: SessionFolder, message_id: str) -> None:
    connection = open_writer(folder.outbound_db, "outbound")
    connection.execute(
        "INSERT INTO processing_ack VALUES (?, 'processing', 'i', 1, 't', '', 1)", (message_id,)
    )
    connection.close()


async def _folder(launcher: FakeLauncher) -> SessionFolder:
    async with asyncio.timeout(TIMEOUT):
        while not launcher.started:
            launcher.changed.clear()
            await launcher.changed.wait()
    return launcher.started[0].spec.folder


async def _stored(data: Path) -> None:
    """A host that ends leaves to the next one what stands in the inbox alone."""
    connection = apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5_000)
        unstored = "SELECT count(*) FROM inbox WHERE state = 'routed'"
        await eventually(lambda: connection.execute(unstored).get == 0)
    finally:
        connection.close()


async def _change(bot: MemoryBot, event_class: EventClass, text: str = "") -> None:
    more = {"event_class": event_class, "natural_id": f"p1-{event_class}", "platform_message_id": "p1"}
    await bot.say("c", text, **more)


@pytest.mark.parametrize("claimed", [False, True], ids=["waiting", "claimed"])
async def test_an_edit_replaces_what_waits_and_is_told_of_what_is_claimed(
    tmp_path: Path, claimed: bool
) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        said = await bot.say("c", "first", natural_id="p1", platform_message_id="p1")
        folder = await _folder(launcher)
        if claimed:
            _claim(folder, said.message_id)
        await _change(bot, EventClass.EDIT, "second")
        await _stored(tmp_path)
    found = [content.decode_inbound(message.content) for message in _messages(folder)]
    assert [(c.text, c.event, c.about) for c in found if isinstance(c, content.Chat)] == [
        ("second", "message", ""),
        *([("second", "edit", said.message_id)] if claimed else []),
    ]


async def test_an_edit_keeps_the_words_of_a_recording_that_were_asked_for_when_it_was_fetched(
    tmp_path: Path,
) -> None:
    launcher = FakeLauncher()
    words = content.Part("transcript", "buy milk", title="a.m4a")
    gone, told = content.Part("preview", "a page"), content.Part("transcript", "buy bread", title="a.m4a")
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        more = {"natural_id": "p1", "platform_message_id": "p1", "parts": (gone, words)}
        await bot.say("c", "first", **more)
        folder = await _folder(launcher)
        await _change(bot, EventClass.EDIT, "second")
        await _stored(tmp_path)
        [chat] = [content.decode_inbound(message.content) for message in _messages(folder)]
        assert isinstance(chat, content.Chat)
        assert (chat.text, chat.parts) == ("second", (words,))
    assert storing.with_words((told,), (words,)) == (told,), "the newer ones count"


@pytest.mark.parametrize("claimed", [False, True], ids=["waiting", "claimed"])
async def test_a_deletion_cancels_what_waits_and_is_told_of_what_is_claimed(
    tmp_path: Path, claimed: bool
) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        said = await bot.say("c", "first", natural_id="p1", platform_message_id="p1")
        folder = await _folder(launcher)
        if claimed:
            _claim(folder, said.message_id)
        await _change(bot, EventClass.DELETE)
        await _stored(tmp_path)
    messages = _messages(folder)
    assert messages[0].status == "cancelled"
    assert [message.trigger for message in messages[1:]] == ([False] if claimed else [])


@pytest.mark.parametrize(
    ("wanted", "by_bot", "expected"),
    [
        ("off", False, []),
        ("context", False, [False]),
        ("wake", False, [True]),
        ("wake", True, [False]),
    ],
)
async def test_a_reaction_reaches_the_agent_as_far_as_it_wants_reactions(
    tmp_path: Path, wanted: str, by_bot: bool, expected: list[bool]
) -> None:
    launcher = FakeLauncher()
    agents = {"default": {"reactions": wanted}}
    async with serving(config(tmp_path, agents=agents), launcher=launcher) as (_, bot):
        said = await bot.say("c", "first", natural_id="p1", platform_message_id="p1")
        folder = await _folder(launcher)
        author = Author("u2", "Bee", is_bot=by_bot)
        more = {"event_class": EventClass.REACTION, "natural_id": "r1", "platform_message_id": "p1"}
        told = await bot.say("c", "", value=":eyes:", author=author, **more)
        assert (told.verdict is Verdict.STORED) == bool(expected)
        await _stored(tmp_path)
    reactions = [m for m in _messages(folder) if b":eyes:" in str(m.content).encode()]
    assert [message.trigger for message in reactions] == expected
    assert all(f'"about": "{said.message_id}"' in str(message.content) for message in reactions)
