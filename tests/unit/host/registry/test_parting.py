"""Who of the nodes has forgotten somebody on its own disk: by the rows of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.registry import parting, sessions
from host.registry.nodes import Node
from host.registry.port import Registry
from host.registry.tidings import What
from host.upkeep import leaving
from sessiondb.records import Address
from tests.support.postgres import Server
from tests.support.registries import Nodes, without_beats

ADA, BOB = Node("a", "ada"), Node("b", "bob")
HERE = Address("slack", "T1", "C1")
EVE = "slack:T1/U1"


@pytest.fixture
async def nodes(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    async with without_beats(postgres, monkeypatch) as made:
        yield made


async def ordered(registry: Registry, those: dict[str, bool]) -> None:
    await registry.write(lambda c: parting.order(c, registry.node, "m", EVE, those, registry.tidings))


async def test_who_serves_is_told_whom_to_forget_and_who_is_away_only_what_is_to_go(nodes: Nodes) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    id_ = await ada.write(lambda c: sessions.upsert(c, "default", HERE, "public", 1))
    nodes.says(f"UPDATE sessions SET node = 'z' WHERE id = '{id_}' RETURNING 1")  # not heard of for weeks
    await ordered(ada, {id_: True})
    assert [one.what for one in await bob.read(bob.tidings.lately)] == [What.FORGET]
    assert await bob.read(lambda c: parting.parts_of(c, "b")) == [("m", EVE)]
    assert await ada.read(lambda c: parting.lists_of(c, "z")) == [("m", {})]  # it is still its own
    nodes.says(f"UPDATE sessions SET node = 'a' WHERE id = '{id_}' RETURNING 1")
    assert await ada.read(lambda c: parting.lists_of(c, "z")) == [("m", {id_: True})]
    assert EVE not in nodes.says("SELECT * FROM to_forget WHERE node = 'z'")
    assert await ada.read(lambda c: parting.waiting(c, "m")) == ["b"]

    await bob.write(lambda c: parting.done(c, "b", "m", "x: its runner does not end"))
    assert await ada.read(lambda c: parting.waiting(c, "m")) == []
    assert await ada.read(lambda c: parting.left(c, "m")) == ["bob: x: its runner does not end"]
    await ordered(ada, {id_: True})  # once more
    await bob.write(lambda c: parting.done(c, "b", "m", ""))
    assert await ada.read(lambda c: (parting.left(c, "m"), parting.over(c, "m"))) == ([], False)
    assert await ada.read(lambda c: parting.away(c, "m")) == ["z"]
    await ada.write(lambda c: parting.end(c, "m"))
    assert nodes.says("SELECT string_agg(node, '') FROM to_forget") == "z"
    await ada.write(lambda c: parting.carried_out(c, "z", "m"))
    assert nodes.says("SELECT count(*) FROM to_forget") == "0"


async def test_a_node_that_ends_before_it_has_done_its_part_has_it_done_when_it_comes_back(
    nodes: Nodes,
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    await ordered(ada, {})
    await bob.close()
    assert await ada.read(lambda c: (parting.waiting(c, "m"), parting.over(c, "m"))) == ([], True)
    await ordered(ada, {})
    assert await ada.read(lambda c: (parting.over(c, "m"), parting.away(c, "m"))) == (False, ["bob"])
    assert EVE not in nodes.says("SELECT * FROM to_forget")


async def test_a_node_that_stands_by_lets_go_of_what_was_forgotten_without_it(
    nodes: Nodes, tmp_path: Path
) -> None:
    from host.registry.standby import Standby

    ada = await nodes.open(ADA, among_others=False)
    id_, other = [
        await ada.write(lambda c, p=place: sessions.upsert(c, "default", p, "public", 1))  # type: ignore[misc]
        for place in (HERE, HERE._replace(platform_id="C2"))
    ]
    standby = Standby(nodes.url, BOB, ThreadDisk(), among_others=False)
    nodes.says("INSERT INTO nodes VALUES ('b', 'bob', '1', 1, 1) RETURNING 1")
    for each in (id_, other):
        for part in ("inbound", "work"):
            (tmp_path / "sessions" / each / part).mkdir(parents=True)
    await ordered(ada, {id_: True, other: False})
    [(mark, those)] = await standby.to_forget()
    leaving.forget(tmp_path, those)
    await standby.carried_out(mark)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("work")) == [
        f"sessions/{other}/work"
    ]
    assert list(tmp_path.rglob("inbound")) == []
    assert await standby.to_forget() == []
    places = f"sessions/{id_}/work", "workspaces/default/dm"
    for place in places:
        for node, suffix in (("a", ""), ("b", "-own")):
            values = f"'{place}{suffix}', '', '{node}', 1"
            nodes.says(
                f"INSERT INTO packed (place, session_id, node, taken_at) VALUES ({values}) RETURNING 1"
            )
    assert sorted(await standby.forgotten()) == sorted(places)  # and nothing of what this node forgot itself
    await standby.close()
