"""What one host keeps in memory and another changes: told by a real PostgreSQL between two registries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.governance import pauses, rules
from host.intake.standings import Standings
from host.ports.controls import ChannelRules
from host.registry import sessions, standing
from host.registry.db import HostDB
from host.registry.nodes import Node
from host.registry.port import Registry, Statements
from host.registry.tidings import KEPT, What
from host.upkeep.hearing import Hearing
from sessiondb.errors import Unavailable
from sessiondb.records import Address
from tests.support.postgres import Server
from tests.support.registries import Nodes

ADA, BOB = Node("a", "ada"), Node("b", "bob")
HERE = Address("slack", "T1", "C1")
PERSON = """
INSERT INTO users (channel_type, workspace_id, user_id, name, seen_at) VALUES ('slack', 'T1', 'U1', 'Eve', 1) RETURNING 1
"""
INSTALL = (
    "INSERT INTO installs (channel_type, holder, name, sealed, changed_at) VALUES ('slack', 'T2', '', ?, 1)"
)
PATIENCE = 30.0  # s


@pytest.fixture
async def both(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Nodes, Registry, Registry]]:
    """Who serve at a time; nobody renews, and nobody ends another."""
    made = Nodes(postgres)
    from host.registry import leases

    monkeypatch.setattr(leases, "BEAT", 3_600.0)
    yield made, await made.open(ADA), await made.open(BOB)
    await made.close()


async def told(registry: Registry) -> list[tuple[str, ...]]:
    """Each that is new to it."""
    lately = await registry.read(registry.tidings.lately)
    return [(one.what, *one.about) for one in registry.tidings.new(lately)]


def goes(connection: Statements) -> None:
    standing.person_stands(connection, HERE, "U1", here=False, now=5)


async def test_whoever_changes_what_others_keep_in_memory_tells_them_and_not_itself(
    both: tuple[Nodes, Registry, Registry],
) -> None:
    nodes, ada, bob = both
    nodes.says(PERSON)
    public = sessions.scope_name("public", HERE, "")

    def changes(connection: Statements) -> None:
        pauses.begin(connection, "default", 1)
        rules.put(connection, HERE, ChannelRules(agent="default"))
        goes(connection)
        sessions.upsert(connection, "default", HERE, public, 1)
        standing.place_stands(connection, HERE, "archived", 1)
        sessions.channel_became(connection, HERE, "private")
        connection.execute(INSTALL, (b"sealed",))

    await ada.write(changes)
    await ada.write(lambda c: sessions.upsert(c, "default", HERE, public, 2))  # which nobody keeps
    assert await told(bob) == [
        ("paused",),
        ("channel_rules", "slack", "T1", "C1"),
        ("users",),
        ("closed",),
        ("sessions", "slack", "T1", "C1"),
        ("installs", "slack", "T2"),
    ]
    assert (await told(bob), await told(ada)) == ([], [])
    nodes.says("DELETE FROM paused RETURNING 1")  # by a command beside a host
    assert (await told(ada), await told(bob)) == ([("paused",)], [("paused",)])


async def test_what_a_host_does_not_commit_it_tells_nobody_and_what_all_have_heard_goes(
    both: tuple[Nodes, Registry, Registry],
) -> None:
    nodes, ada, bob = both

    def fails(connection: Statements) -> None:
        pauses.begin(connection, "default", 1)
        raise KeyError

    with pytest.raises(KeyError):
        await ada.write(fails)
    await ada.write(lambda c: ada.tidings.tell(c, What.CONFIGURATION, "eve"))
    assert await told(bob) == [("configuration", "eve")]
    nodes.says(f"UPDATE tidings SET at = at - {KEPT} - 1 RETURNING 1")
    await bob.write(bob.tidings.forget)
    assert nodes.says("SELECT count(*) FROM tidings") == "0"


async def test_a_table_that_a_migration_made_anew_tells_again_after_the_next_start(
    both: tuple[Nodes, Registry, Registry],
) -> None:
    nodes, ada, _ = both
    nodes.says("DROP TRIGGER tidings ON paused; SELECT 1")
    eve = await nodes.open(Node("e", "eve"))
    await ada.write(lambda c: pauses.begin(c, "default", 1))
    assert await told(eve) == [("paused",)]


async def test_who_went_by_the_word_of_another_node_is_here_again_when_they_speak(
    both: tuple[Nodes, Registry, Registry],
) -> None:
    nodes, ada, bob = both
    nodes.says(PERSON)
    looks: list[str] = []
    standings = Standings(bob, lambda: looks.append("schedule"), lambda: 10)
    assert await standings.people("slack") == []  # it is read, and kept
    await ada.write(goes)
    await Hearing(bob).look()
    async with asyncio.timeout(PATIENCE):
        while not looks:  # noqa: ASYNC110 - told in a task of its own
            await asyncio.sleep(0.01)
    assert await standings.people("slack") == [("T1", "U1")]
    assert looks == ["schedule"]


async def test_what_could_not_be_heard_is_heard_at_the_next_look_and_keeps_no_other_waiting(
    both: tuple[Nodes, Registry, Registry],
) -> None:
    _, ada, bob = both
    heard: asyncio.Queue[str] = asyncio.Queue()
    refuses = [Unavailable(Path("host.db"), "busy")]

    async def paused(_: Sequence[str]) -> None:
        if refuses:
            raise refuses.pop()
        heard.put_nowait("paused")

    async def breaks(_: Sequence[str]) -> None:
        raise KeyError

    async def read(by: Sequence[str]) -> None:
        heard.put_nowait(*by)

    bob.tidings.heard_by(What.PAUSED, paused)
    bob.tidings.heard_by(What.CONFIGURATION, breaks)
    bob.tidings.heard_by(What.CONFIGURATION, read)
    await ada.write(lambda c: pauses.begin(c, "default", 1))
    await ada.write(lambda c: ada.tidings.tell(c, What.CONFIGURATION, "eve"))
    hearing = Hearing(bob)
    await hearing.look()
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() == "eve"
        await hearing.look()
        assert await heard.get() == "paused"
    await hearing.look()
    await asyncio.sleep(0)
    assert heard.empty()


async def test_a_single_machine_tells_nobody_and_a_node_that_serves_all_is_told_nothing(
    postgres: Server, tmp_path: Path
) -> None:
    alone = await HostDB.open(tmp_path / "host.db", ThreadDisk())
    await alone.write(lambda c: alone.tidings.tell(c, What.CONFIGURATION, "eve"))
    await alone.write(alone.tidings.forget)
    await alone.close()
    nodes = Nodes(postgres)
    leads = await nodes.open(ADA, among_others=False)
    await leads.write(lambda c: pauses.begin(c, "default", 1))
    assert nodes.says("SELECT count(*) FROM tidings") == "0"
    assert nodes.says("SELECT count(*) FROM pg_trigger WHERE tgname = 'tidings'") == "0"
    await nodes.close()
