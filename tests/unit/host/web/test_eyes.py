"""Whose words somebody reads: their own, those of where the platform says they are, and an owner those of public channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.ports.bot import Bots, Unknown
from host.ports.events import Author, Viewer
from host.registry import sessions
from host.registry.db import open_host_db
from host.registry.sessions import scope_name
from host.web.eyes import Eyes, Seen, known
from host.web.gate import Visitor
from host.web.places import Shown
from sessiondb import Address
from tests.fakes.platform import MemoryBot


def place(channel: str, platform: str = "memory", thread: str = "") -> Address:
    return Address(platform, "w", channel, thread)


PUBLIC = Shown(place("square", thread="t1"), scope_name("public", place("square"), ""))
GUESTS = Shown(place("square"), scope_name("guests", place("square"), ""))
PRIVATE = Shown(place("vault", thread="t2"), scope_name("private", place("vault"), ""))
MINE = Shown(place("dm1"), scope_name("dm", place("dm1"), "U1"))
THEIRS = Shown(place("dm2"), scope_name("dm", place("dm2"), "U2"))
FOREIGN = Shown(place("vault", "other"), scope_name("private", place("vault", "other"), ""))
EVERYTHING = (PUBLIC, GUESTS, PRIVATE, MINE, THEIRS, FOREIGN)


def visitor(user: str = "U1", platform: str = "memory") -> Visitor:
    return Visitor(Viewer(Author(user), place("", platform), "dm"), 1)


async def read(bot: MemoryBot, who: Visitor, *, owner: bool = False) -> set[Shown]:
    seen = await Eyes(Bots({"memory": bot})).of(who, EVERYTHING, owner=owner)
    return {shown for shown in EVERYTHING if seen.reads(shown)}


@pytest.mark.parametrize(
    ("channels", "owner", "expected"),
    [
        (set(), False, {MINE}),
        ({"vault"}, False, {MINE, PRIVATE}),
        ({"square"}, False, {MINE, PUBLIC, GUESTS}),
        ({"dm2"}, False, {MINE}),
        (set(), True, {MINE, PUBLIC}),
        ({"square", "vault", "dm2"}, True, {MINE, PUBLIC, GUESTS, PRIVATE}),
    ],
)
async def test_somebody_reads_what_is_theirs_and_where_they_are(
    channels: set[str], owner: bool, expected: set[Shown]
) -> None:
    bot = MemoryBot()
    bot.members["U1"] = channels
    assert await read(bot, visitor(), owner=owner) == expected


async def test_somebody_with_the_same_id_in_another_workspace_reads_nothing_of_this_one() -> None:
    bot = MemoryBot()
    bot.members["U1"] = {"vault", "square", "dm1"}
    namesake = Visitor(Viewer(Author("U1"), Address("memory", "v", ""), "dm"), 1)
    assert await read(bot, namesake) == set()
    everywhere = Visitor(Viewer(Author("U1"), Address("memory", "", ""), "dm"), 1)
    assert await read(bot, everywhere) == {PUBLIC, GUESTS, PRIVATE, MINE}, (
        "people are the same in all of them"
    )


async def test_who_is_on_no_platform_or_on_one_that_is_silent_reads_nothing_private() -> None:
    bot = MemoryBot()
    bot.members["U1"] = {"vault"}
    assert await read(bot, visitor("U1", "console"), owner=True) == {PUBLIC}
    assert await read(bot, visitor("U1", "other")) == set()
    for nothing in (Unknown("busy"), RuntimeError("broken")):
        bot.tells_nothing = nothing
        assert await read(bot, visitor()) == set()
        assert await read(bot, visitor(), owner=True) == {PUBLIC}
    bot.tells_nothing, bot.left = None, {"U1"}
    assert await read(bot, visitor()) == set()


async def test_the_condition_on_conversations_is_what_is_read(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    try:
        ids = {
            sessions.upsert(connection, "default", shown.address, shown.scope, 1): shown
            for shown in EVERYTHING
        }
        assert set(known(connection, "memory")) == {
            Shown(shown.address._replace(thread_id=""), shown.scope)
            for shown in EVERYTHING
            if shown is not FOREIGN
        }
        bot = MemoryBot()
        for channels in (set(), {"vault"}, {"square", "dm2"}):
            bot.members["U1"] = channels
            seen = await Eyes(Bots({"memory": bot})).of(visitor(), known(connection, "memory"), owner=False)
            condition, bindings = seen.where()
            found = connection.execute(f"SELECT id FROM sessions WHERE {condition}", bindings).fetchall()
            assert {ids[str(id_)] for (id_,) in found} == {one for one in EVERYTHING if seen.reads(one)}
        assert Seen(owner=False).where() == ("FALSE", ())
    finally:
        connection.close()
