"""For whom a channel of Discord is: derived, told at the event and at each connect, and before anything is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from host.ports.bot import HostBusy, Offline
from host.ports.events import Privacy
from sessiondb import Address
from tests.fakes.discord import Channel, FakeDiscord, Guild, Permission, User
from tests.support.discording import Notebook, online, place
from tests.support.waiting import eventually

HIDDEN = Permission.VIEW_CHANNEL


@dataclass
class Square:
    server: FakeDiscord
    guild: Guild
    channel: Channel
    ada: User

    def hide(self, channel: Channel) -> None:
        self.server.set_overwrite(channel, self.server.everyone(self.guild), deny=HIDDEN)

    def show(self, channel: Channel) -> None:
        self.server.set_overwrite(channel, self.server.everyone(self.guild), allow=HIDDEN)


@pytest.fixture
async def square() -> AsyncIterator[Square]:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        yield Square(server, guild, channel, server.add_user("ada", guild))


async def told(notebook: Notebook, channel: Channel, privacy: Privacy) -> None:
    await notebook.until(lambda: notebook.became.get(place(channel)) == privacy)


async def test_a_channels_overwrites_are_told_at_once_both_ways(square: Square, tmp_path: Path) -> None:
    async with online(square.server, tmp_path) as (_, notebook):
        await told(notebook, square.channel, "public")
        square.hide(square.channel)
        await told(notebook, square.channel, "private")
        square.show(square.channel)
        await told(notebook, square.channel, "public")


async def test_what_everyone_may_in_the_server_changes_all_channels_that_say_nothing_else(
    square: Square, tmp_path: Path
) -> None:
    everyone = square.server.everyone(square.guild)
    lobby = square.server.add_text_channel(square.guild, "lobby")
    square.show(lobby)
    forum = square.server.add_forum(square.guild)
    async with online(square.server, tmp_path) as (_, notebook):
        await told(notebook, forum, "public")
        square.server.set_role_permissions(square.guild, everyone, Permission(everyone.permissions & ~HIDDEN))
        await told(notebook, square.channel, "private")
        await told(notebook, forum, "private")
        assert notebook.became[place(lobby)] == "public"
        assert notebook.named[place(lobby)] == lobby.name
        for room in (lobby, forum):
            square.server.rename(room, f"new-{room.name}")
            await eventually(lambda: notebook.named[place(room)] == room.name)  # noqa: B023
    square.server.rename(lobby, "renamed-while-nobody-listened")
    async with online(square.server, tmp_path, notebook=notebook):
        await eventually(lambda: notebook.named[place(lobby)] == lobby.name)


async def test_a_channel_that_keeps_somebody_out_is_not_everybodys(square: Square, tmp_path: Path) -> None:
    server, guild = square.server, square.guild
    guests = server.add_role(guild, "Guests", Permission(0), server.add_user("eve", guild))
    async with online(server, tmp_path) as (_, notebook):
        for target in (guests, square.ada):
            await told(notebook, square.channel, "public")
            server.set_overwrite(square.channel, target, deny=HIDDEN)
            await told(notebook, square.channel, "private")
            server.set_overwrite(square.channel, target, allow=HIDDEN)
        await told(notebook, square.channel, "public")
        server.set_overwrite(square.channel, server.everyone(guild), deny=Permission.READ_MESSAGE_HISTORY)
        await told(notebook, square.channel, "private")
        server.set_overwrite(square.channel, server.everyone(guild))
        server.set_overwrite(square.channel, guests, deny=Permission.SEND_MESSAGES)
        await told(notebook, square.channel, "public")
        lobby = server.add_text_channel(guild, "lobby")
        await told(notebook, lobby, "public")
        assert notebook.became[place(square.channel)] == "public"


async def test_only_those_channels_are_told_of_that_changed(square: Square, tmp_path: Path) -> None:
    server = square.server
    other = server.add_text_channel(square.guild, "other")
    async with online(server, tmp_path) as (_, notebook):
        await told(notebook, other, "public")
        notebook.became.clear()
        server.set_overwrite(square.channel, square.ada, allow=Permission.MANAGE_MESSAGES)
        square.hide(other)
        await told(notebook, other, "private")
        assert set(notebook.became) == {place(other)}


async def test_what_changed_while_nobody_listened_is_told_at_the_next_connect(
    square: Square, tmp_path: Path
) -> None:
    notebook = Notebook()
    async with online(square.server, tmp_path, notebook):
        await told(notebook, square.channel, "public")
    square.hide(square.channel)
    async with online(square.server, tmp_path, notebook):
        await told(notebook, square.channel, "private")


async def test_a_new_channel_and_a_new_server_are_told_of(square: Square, tmp_path: Path) -> None:
    async with online(square.server, tmp_path) as (_, notebook):
        hidden = square.server.add_text_channel(
            square.guild, "board", private_to=[square.ada, square.server.bot]
        )
        await told(notebook, hidden, "private")
        elsewhere = square.server.add_guild("Elsewhere")
        lobby = square.server.add_text_channel(elsewhere, "lobby")
        await told(notebook, lobby, "public")


async def test_a_threads_privacy_is_its_channels_and_a_private_thread_is_its_members(
    square: Square, tmp_path: Path
) -> None:
    """A public thread's conversations stand under its channel's address: told of it, they change with it."""
    server = square.server
    async with online(server, tmp_path) as (_, notebook):
        await told(notebook, square.channel, "public")
        inner = server.add_thread(square.channel, square.ada, "inner circle", private=True)
        server.add_to_thread(inner, server.bot)
        open_ = server.add_thread(square.channel, square.ada, "open")
        server.say(square.ada, open_, "hello", mention_bot=True)
        server.say(square.ada, inner, "hello", mention_bot=True)
        await notebook.next(2)
        kinds = {event.address: event.privacy for event in notebook.events}
        assert kinds == {
            place(open_): "public",
            Address("discord", str(square.guild.id), str(inner.id), str(inner.id)): "private",
        }
        for person in (server.bot, square.ada):
            server.set_overwrite(square.channel, person, allow=HIDDEN)
        square.hide(square.channel)
        await told(notebook, square.channel, "private")
        server.say(square.ada, open_, "and now?", mention_bot=True)
        assert (await notebook.next(3)).privacy == "private"


async def test_a_host_that_is_busy_is_told_again_and_nothing_is_taken_in_before(
    square: Square, tmp_path: Path
) -> None:
    class Busy(Notebook):
        refusals = 0

        async def channel_became(self, channel: Address, privacy: Privacy) -> None:
            if self.refusals:
                self.refusals -= 1
                raise HostBusy("full")
            await super().channel_became(channel, privacy)

    notebook = Busy()
    async with online(square.server, tmp_path, notebook):
        await told(notebook, square.channel, "public")
        for person in (square.server.bot, square.ada):
            square.server.set_overwrite(square.channel, person, allow=HIDDEN)
        notebook.refusals = 2
        square.hide(square.channel)
        square.server.say(square.ada, square.channel, "secret", mention_bot=True)
        await notebook.next()
        assert notebook.became[place(square.channel)] == "private"
        assert notebook.events[0].privacy == "private"


async def test_before_a_command_shows_anything_the_host_knows_of_every_change(
    square: Square, tmp_path: Path
) -> None:
    class Ordered(Notebook):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        async def channel_became(self, channel: Address, privacy: Privacy) -> None:
            self.seen.append(privacy)
            await super().channel_became(channel, privacy)

    notebook = Ordered()
    async with online(square.server, tmp_path, notebook):
        await told(notebook, square.channel, "public")
        await square.server.wait_for(lambda: bool(square.server.world.commands))
        notebook.seen.clear()
        lobby = square.server.add_text_channel(square.guild, "lobby")
        square.hide(square.channel)
        asked = square.server.run_command(square.ada, lobby, "usage")
        await square.server.wait_for(lambda: asked.original is not None and not asked.original.loading)
        assert "private" in notebook.seen


async def test_whoever_asks_is_told_of_the_channels_that_there_are(square: Square, tmp_path: Path) -> None:
    other = square.server.add_text_channel(square.guild, "other")
    async with online(square.server, tmp_path) as (bot, notebook):
        await told(notebook, other, "public")
        ids = [str(square.channel.id), str(other.id), "1", "no number"]
        asked = [Address("discord", str(square.guild.id), id_) for id_ in ids]
        assert await bot.privacy_now(asked) == {asked[0]: "public", asked[1]: "public"}
        square.hide(other)
        await told(notebook, other, "private")
        assert await bot.privacy_now(asked) == {asked[0]: "public", asked[1]: "private"}
    with pytest.raises(Offline):
        await bot.privacy_now(asked)
