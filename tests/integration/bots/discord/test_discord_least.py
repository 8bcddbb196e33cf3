"""What Discord leaves out where it may: roles, a channel's last message, where a click was (LESSONS 63)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bots.discord.reading import receiver
from host.ports.events import EventClass
from tests.fakes.discord import Channel, FakeDiscord, Fault, Role, Upload, User
from tests.support.discording import Notebook, online, place

MEMBER = "GET /guilds/{}/members/{}"


@pytest.fixture(autouse=True)
def least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "least")


def room(server: FakeDiscord) -> tuple[Channel, User, Role]:
    """A channel, and one who has the role that lets people in."""
    guild = server.add_guild()
    channel = server.add_text_channel(guild)
    ada = server.add_user("ada", guild)
    role = server.add_role(guild, "keepers")
    server.set_roles(guild, ada, [role])
    return channel, ada, role


def access(role: Role) -> dict[str, Any]:
    return {"groups": [f"discord:{role.id}"], "unknown": "deny"}


async def test_roles_are_asked_for_of_whoever_edits_reacts_and_takes_back(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        channel, ada, role = room(server)
        ours = server.say(server.bot, channel, "an answer")
        async with online(server, tmp_path, access=access(role)) as (_, notebook):
            said = server.say(ada, channel, "hi")
            await notebook.next()
            server.edit(ada, said, f"hi {server.bot.mention}")
            await notebook.next(2)
            server.react(ada, ours, "👍")
            server.unreact(ada, ours, "👍")
            await notebook.next(4)
            assert len(server.calls(MEMBER)) == 1
    assert [event.author.groups for event in notebook.events] == [(str(role.id),)] * 4
    assert [event.event_class for event in notebook.events[1:]] == [
        EventClass.EDIT,
        EventClass.REACTION,
        EventClass.REACTION,
    ]
    assert notebook.events[1].mentioned


async def test_a_role_that_was_taken_away_is_gone_once_the_answer_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.discord.reading.members.FRESH", 0.0)
    async with FakeDiscord() as server:
        channel, ada, role = room(server)
        async with online(server, tmp_path, access=access(role)) as (_, notebook):
            server.say(ada, channel, "one")
            await notebook.next()
            assert channel.guild is not None
            server.set_roles(channel.guild, ada, [])
            server.say(ada, channel, "two")
            await notebook.next(2)
    assert [event.author.groups for event in notebook.events] == [(str(role.id),), ()]


async def test_an_edit_waits_until_its_author_can_be_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "TELL_AGAIN", (0.0, 0.0))
    monkeypatch.setattr("bots.discord.reading.members.FRESH", 0.0)
    async with FakeDiscord() as server:
        channel, ada, role = room(server)
        async with online(server, tmp_path, access=access(role)) as (_, notebook):
            said = server.say(ada, channel, "hi")
            await notebook.next()
            server.faults.next(MEMBER, Fault.unavailable())
            server.edit(ada, said, "hi there")
            await notebook.next(2)
    assert notebook.events[1].author.groups == (str(role.id),)


async def test_a_channel_whose_last_message_is_not_told_is_read_all_the_same(tmp_path: Path) -> None:
    notebook = Notebook()
    async with FakeDiscord() as server:
        channel, ada, _ = room(server)
        notebook.marks[place(channel)] = str(server.say(ada, channel, "seen before").id)
        server.say(ada, channel, "missed")
        async with online(server, tmp_path, notebook):
            event = await notebook.next()
    assert event.text == "missed"


async def test_a_file_without_a_type_has_the_one_that_its_name_promises(tmp_path: Path) -> None:
    async with FakeDiscord() as server:
        channel, ada, _ = room(server)
        async with online(server, tmp_path) as (_, notebook):
            server.say(ada, channel, "two", attachments=[Upload("p.png", b"1"), Upload("strange", b"2")])
            event = await notebook.next()
    assert [file.media_type for file in event.files] == ["image/png", "application/octet-stream"]


@pytest.mark.parametrize("direct", [False, True], ids=["in a server", "in a direct message"])
async def test_a_command_that_names_its_channel_by_number_alone_is_obeyed(
    tmp_path: Path, direct: bool
) -> None:
    async with FakeDiscord() as server:
        channel, ada, _ = room(server)
        where = server.open_dm(ada) if direct else channel
        async with online(server, tmp_path) as (_, notebook):
            await server.wait_for(lambda: server.calls("PUT /applications/{}/commands"))
            server.run_command(ada, where, "ask", {"question": "why?"})
            event = await notebook.next()
    assert (event.address, event.text) == (place(where), "why?")
    assert event.privacy == ("dm" if direct else "public")
