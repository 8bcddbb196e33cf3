"""What one node does for all, and what each does where nobody holds a conversation: by two registries on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.mailbox.open import Mailboxes, Records
from host.ports import figures
from host.registry import notices, sessions
from host.registry.nodes import Node
from host.registry.notices import Notice
from host.registry.port import Registry
from host.registry.reaching import reached
from host.registry.sessions import Session, Sessions
from host.runners.lives import Lives
from host.upkeep import leaving
from host.upkeep.pruning import DAY, Pruner
from host.upkeep.state import State
from host.words import as_it_is
from sessiondb.records import Address
from tests.support import hosting, keeping
from tests.support.postgres import Server
from tests.support.registries import Nodes, without_beats

ADA, BOB = Node("a", "ada"), Node("b", "bob")
HERE = Address("slack", "T1", "C1")
NOW = 100 * DAY
HELD_BACK = "INSERT INTO held VALUES ('m', '{}', 1) RETURNING 1"


class Asked:
    """Whose runners are asked to prune."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    async def maintain(self, session: Session, *, older_than: int) -> bool:
        self.sessions.append(session.address.platform_id)
        return False


@pytest.fixture
async def nodes(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    async with without_beats(postgres, monkeypatch) as made:
        yield made


def records(registry: Registry, folder: Path) -> Records:
    known = Sessions(folder)
    return keeping.records(registry, known, Mailboxes(ThreadDisk(), registry, lambda: NOW))


def pruner(registry: Registry, folder: Path) -> tuple[Pruner, list[str]]:
    asked = Asked()
    return Pruner(records(registry, folder), asked, lambda: NOW, 30), asked.sessions


async def conversation(
    nodes: Nodes, registry: Registry, channel: str, node: str, state: str = "busy = 0"
) -> str:
    place = HERE._replace(platform_id=channel)
    id_ = await registry.write(lambda c: sessions.upsert(c, "default", place, "public", 1))
    nodes.says(
        f"UPDATE sessions SET node = '{node}', carried = '{node}', {state} WHERE id = '{id_}' RETURNING 1"
    )
    return id_


async def test_one_node_prunes_what_all_share_and_each_the_conversations_whose_files_lie_with_it(
    nodes: Nodes, tmp_path: Path
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    await ada.write(ada.holding.take_upkeep)
    ada.holding.note_upkeep()
    for channel, node in (("C1", "a"), ("C2", "b"), ("C3", "gone")):
        await conversation(nodes, ada, channel, node)
    await conversation(nodes, ada, "C4", "gone", f"busy = 0, active_at = {NOW}")
    nodes.says("INSERT INTO mailbox_copies SELECT id, 'step', 1, '', 'x' FROM sessions RETURNING 1")
    nodes.says(
        "INSERT INTO packed (place, session_id, node, taken_at) SELECT 'sessions/' || id || '/' || part, id, node, 1"
        " FROM sessions, (VALUES ('work'), ('inbound/files/m1')) AS parts (part) WHERE node = 'gone' RETURNING 1"
    )
    nodes.says(HELD_BACK)
    (of_bob, bobs), (of_ada, adas) = pruner(bob, tmp_path / "bob"), pruner(ada, tmp_path / "ada")
    await of_bob.round()
    assert bobs == ["C2"]
    assert bob.holding.has(HERE._replace(platform_id="C2"))
    assert nodes.says("SELECT count(*) FROM held") == "1"
    await of_ada.round()
    assert adas == ["C1"]
    assert nodes.says("SELECT count(*) FROM held") == "0"
    left = "SELECT string_agg(platform_id, ' ' ORDER BY platform_id) FROM sessions JOIN mailbox_copies ON session_id = id"
    assert nodes.says(left) == "C1 C2 C4"
    packed = "SELECT string_agg(platform_id || split_part(place, '/', 3), ' ' ORDER BY platform_id, place)"
    assert nodes.says(f"{packed} FROM packed JOIN sessions ON session_id = id") == "C3work C4inbound C4work"
    # Nobody is told anything in a channel for it.
    assert nodes.says("SELECT count(*) FROM notices") == "0"


async def test_a_node_that_serves_lets_go_of_files_that_are_anothers_by_now_and_of_none_that_it_holds(
    nodes: Nodes, tmp_path: Path
) -> None:
    ada = await nodes.open(ADA)
    of_ada = records(ada, tmp_path)
    ids = {
        channel: await conversation(nodes, ada, channel, node)
        for channel, node in (("C1", "a"), ("C2", "b"), ("C3", "b"))
    }
    await reached(ada, HERE._replace(platform_id="C3"))  # on its way here
    for id_ in ids.values():
        (tmp_path / "sessions" / id_ / "inbound").mkdir(parents=True)
        (tmp_path / "sessions" / id_ / "work").mkdir()
    await leaving.leave_to_others(of_ada)
    there = {channel: (tmp_path / "sessions" / id_ / "inbound").exists() for channel, id_ in ids.items()}
    assert there == {"C1": True, "C2": False, "C3": True}
    assert (tmp_path / "sessions" / ids["C2"] / "work").exists()


async def test_each_thing_is_counted_by_one_node(nodes: Nodes, tmp_path: Path) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    await ada.write(ada.holding.take_upkeep)
    ada.holding.note_upkeep()
    for channel in ("C1", "C2", "C3"):  # of which nobody has the last
        await conversation(nodes, ada, channel, "a", "busy = 1")
    await reached(ada, HERE)
    await reached(bob, HERE._replace(platform_id="C2"))
    await ada.write(lambda c: notices.add(c, Notice("n", HERE._replace(platform_id="C2"), as_it_is("x")), 1))

    async def counted(registry: Registry) -> tuple[int, int, int, bool]:
        figures.BUDGET_LEFT.labels("day").set(1)
        await State(Settings(hosting.config(tmp_path)), registry, Lives(), {}, lambda: NOW).measure()
        gauges = (figures.WAITING, figures.UNDELIVERED, figures.BUSY)
        waiting, undelivered, busy = (int(next(iter(one.collect())).samples[0].value) for one in gauges)
        return waiting, undelivered, busy, bool(next(iter(figures.BUDGET_LEFT.collect())).samples)

    assert (await counted(ada))[:3] == (0, 0, 2)
    assert await counted(bob) == (0, 1, 1, False)
