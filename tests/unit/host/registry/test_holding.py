"""Which node has a place, by the rows of a real PostgreSQL: `holding` and the rights of `leases`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from host.folders.disk import ThreadDisk
from host.ports.bot import Payload
from host.registry import asked, holding, notices, reaching, sessions
from host.registry import nodes as known
from host.registry.db import HostDB
from host.registry.holding import AT_ONCE, Elsewhere, Holding, Place
from host.registry.nodes import Led, Node
from host.registry.notices import Notice
from host.registry.placing import LONGER, MOMENT, Load, chosen
from host.registry.port import Registry, Statements
from host.registry.reaching import deals, handed_on, reached
from host.registry.where import DATABASE
from host.schedule import index
from host.words import as_it_is
from sessiondb.errors import Unavailable
from sessiondb.records import Address
from tests.support.postgres import Server
from tests.support.registries import Nodes
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from host.registry.leases import Connection

ADA, BOB, EVE = Node("a", "ada"), Node("b", "bob"), Node("e", "eve")
HERE, THERE = Address("slack", "T1", "C1"), Address("slack", "T1", "C2")
COMMITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
PATIENCE = 30.0  # s a test waits for something to happen


@pytest.fixture
async def nodes(postgres: Server) -> AsyncIterator[Nodes]:
    made = Nodes(postgres)
    yield made
    await made.close()


@pytest.fixture
def slow_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody renews, and nobody ends another, before the test says so."""
    from host.registry import leases

    monkeypatch.setattr(leases, "BEAT", 3_600.0)


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    from host.registry import leases

    monkeypatch.setattr(leases, "BEAT", 0.05)
    monkeypatch.setattr(leases, "GRACE", 0.0)


async def busy(registry: Registry, place: Address) -> str:
    return await registry.write(lambda c: sessions.upsert(c, "default", place, "public", 1))


async def looked(registry: Registry, now: int = 1_000) -> set[Place]:
    taken = await registry.write(lambda c: registry.holding.take_idle(c, now))
    registry.holding.note(taken)
    return set(taken)


async def seen(registry: Registry, tmp_path: Path) -> list[str]:
    """Conversations not at rest that the node finds by itself."""
    known = sessions.Sessions(tmp_path)
    return [session.address.platform_id for session in await registry.read(known.here)]


async def test_two_nodes_serve_at_a_time_and_a_place_is_one_nodes(nodes: Nodes, slow_beats: None) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    assert await reached(ada, HERE)
    assert not await reached(bob, HERE)
    assert await reached(bob, THERE)
    assert await reached(ada, HERE)
    assert (ada.holding.has(HERE), ada.holding.has(THERE)) == (True, False)
    with pytest.raises(Elsewhere):
        ada.holding.require(THERE)
    assert nodes.says("SELECT string_agg(node || epoch, ' ' ORDER BY platform_id) FROM placements") == "a1 b1"


async def test_threads_are_where_their_channel_is(nodes: Nodes, slow_beats: None) -> None:
    ada = await nodes.open(ADA)
    await reached(ada, HERE._replace(thread_id="1.0"))
    assert ada.holding.has(HERE)
    assert ada.holding.has(HERE._replace(thread_id="2.0"))


async def test_a_node_sees_by_itself_only_what_it_holds_and_whoever_asks_beside_it_sees_all(
    nodes: Nodes, slow_beats: None, tmp_path: Path
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    for registry, place in ((ada, HERE), (bob, THERE)):
        await reached(registry, place)
        id_ = await busy(registry, place)
        await registry.write(lambda c, p=place, i=id_: notices.add(c, Notice(f"n{i}", p, as_it_is("x")), 1))  # type: ignore[misc]
        await registry.write(lambda c, i=id_: index.look_again(c, i))  # type: ignore[misc]
    assert (await seen(ada, tmp_path), await seen(bob, tmp_path)) == (["C1"], ["C2"])
    for registry in (ada, bob):
        assert await registry.read(notices.are_open)
        assert len(await registry.read(lambda c: index.due_sessions(c, 1, (), 10))) == 1
        assert len(await registry.read(index.sessions_of)) == 1
    assert nodes.says("SELECT count(*) FROM sessions_here") == "2"


async def test_what_nobody_holds_is_taken_where_something_is_to_be_done_and_left_where_nothing_is(
    nodes: Nodes, slow_beats: None
) -> None:
    ada = await nodes.open(ADA)
    rests, works, due, told, asks = (Address("slack", "T1", f"C{n}") for n in range(5))
    for place in (rests, works, due, asks):
        await busy(ada, place)
    nodes.says("UPDATE sessions SET busy = 0 WHERE platform_id <> 'C1' RETURNING 1")
    later = sessions.session_id("default", due)
    asking = sessions.session_id("default", asks)

    def made(connection: Statements) -> None:
        connection.execute("INSERT INTO due VALUES ('t', ?, '', 900)", (later,))
        connection.execute(
            "INSERT INTO asked (key, session_id, channel_type, workspace_id, platform_id, thread_id, ends_at)"
            " VALUES ('q', ?, 'slack', 'T1', 'C9', '', 950)",
            (asking,),
        )
        notices.add(connection, Notice("n", told, as_it_is("x")), 1)

    await ada.write(made)
    assert await looked(ada, 800) == {works[:3], told[:3]}
    assert await looked(ada, 920) == {due[:3]}
    assert await looked(ada, 960) == {asks[:3]}
    assert await ada.read(lambda c: asked.ended(c, 0, 960, 9)) != []
    assert await looked(ada) == set()


async def test_one_look_takes_a_portion_so_that_others_have_their_share(
    nodes: Nodes, slow_beats: None
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    for number in range(AT_ONCE + 3):
        await busy(ada, Address("slack", "T1", f"C{number}"))
    first, second = await looked(ada), await looked(bob)
    assert (len(first), len(second)) == (AT_ONCE, 3)
    assert not first & second


async def test_each_beat_tells_how_much_a_node_works_on(nodes: Nodes, quick_beats: None) -> None:
    ada = await nodes.open(ADA)
    ada.holding.placing.works = lambda: 7
    async with asyncio.timeout(PATIENCE):
        while [one.works for one in await ada.read(known.seen)] != [7]:  # noqa: ASYNC110 - of which nobody tells
            await asyncio.sleep(0.02)


async def test_a_node_that_is_over_changes_nothing_more_and_what_it_held_is_anothers(
    nodes: Nodes, quick_beats: None, tmp_path: Path
) -> None:
    bob = await nodes.open(BOB)
    nodes.says("INSERT INTO serving VALUES ('a', 'ada', 7, 1) RETURNING 1")
    nodes.says("INSERT INTO serving_until VALUES ('a', 7, 1) RETURNING 1")
    nodes.says("INSERT INTO placements VALUES ('slack', 'T1', 'C1', 'a', 3, 1) RETURNING 1")
    async with asyncio.timeout(PATIENCE):
        while not await reached(bob, HERE):  # noqa: ASYNC110 - his beat ends her, of which nobody tells
            await asyncio.sleep(0.02)
    assert nodes.says("SELECT node, epoch FROM placements") == "b|4"
    assert nodes.says("SELECT epoch, live FROM serving WHERE node = 'a'") == "8|0"


async def test_who_finds_its_epoch_raised_has_lost_all_that_it_held(nodes: Nodes, slow_beats: None) -> None:
    ada = await nodes.open(ADA)
    await reached(ada, HERE)
    nodes.says("UPDATE serving SET epoch = epoch + 1, live = 0 WHERE node = 'a' RETURNING 1")
    with pytest.raises(Unavailable, match="its lease is over"):
        await busy(ada, HERE)
    assert not ada.leads()
    assert len(nodes.lost) == 1


async def test_a_node_that_comes_back_to_its_folder_has_what_nobody_took_meanwhile(
    nodes: Nodes, slow_beats: None
) -> None:
    first = await nodes.open(ADA)
    for place in (HERE, THERE):
        await reached(first, place)
    bob = await nodes.open(BOB)
    again = await nodes.open(ADA)  # killed, and there again: its folder's lock tells that nobody else is it
    assert set(await again.read(again.holding.held)) == {HERE[:3], THERE[:3]}
    await again.close()
    assert await reached(bob, HERE)
    once_more = await nodes.open(ADA)
    assert set(await once_more.read(once_more.holding.held)) == {THERE[:3]}


async def test_a_folder_that_was_copied_to_another_machine_is_not_served_twice(
    nodes: Nodes, slow_beats: None
) -> None:
    await nodes.open(ADA)
    with pytest.raises(Led):
        await nodes.open(Node("a", "a copy's machine"))
    nodes.over(ADA)
    await nodes.open(Node("a", "a copy's machine"))


async def test_one_that_serves_all_and_some_that_serve_a_part_are_never_at_a_time(
    nodes: Nodes, slow_beats: None
) -> None:
    alone = await nodes.open(ADA, among_others=False)
    with pytest.raises(Led, match="ada"):
        await nodes.open(BOB)
    assert await alone.read(lambda c: known.mixed(c, together=True)) == (
        "ada serves without [cluster] workspaces, which this node names: give all nodes the same [cluster] workspaces, and start"
        " those anew that are to change"
    )
    await alone.close()
    bob = await nodes.open(BOB)
    with pytest.raises(Led, match="bob serves with"):
        await nodes.open(ADA, among_others=False)
    assert await bob.read(lambda c: known.mixed(c, together=True)) == ""


async def test_a_drained_node_serves_no_part_until_that_is_undone(nodes: Nodes, slow_beats: None) -> None:
    await (await nodes.open(EVE)).close()
    nodes.says("INSERT INTO drained VALUES ('a', 1) RETURNING 1")
    with pytest.raises(Led, match="--undo"):
        await nodes.open(ADA)
    nodes.says("DELETE FROM drained RETURNING 1")
    await nodes.open(ADA)


async def test_who_serves_and_how_many_places_each_has_is_seen_by_all(nodes: Nodes, slow_beats: None) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    await reached(ada, HERE)
    nodes.says("UPDATE serving_until SET works = 3 WHERE node = 'b' RETURNING 1")
    found = [
        (one.id, one.serves, one.together, one.channels, one.works) for one in await ada.read(known.seen)
    ]
    assert found == [("a", True, True, 1, 0), ("b", True, True, 0, 3)]
    await bob.close()
    nodes.says("UPDATE placements SET node = 'b' RETURNING 1")  # nobody took it yet
    assert [(one.serves, one.channels) for one in await ada.read(known.seen)] == [(True, 0), (False, 0)]


async def test_whoever_holds_a_place_is_told_that_something_came_for_it(
    nodes: Nodes, slow_beats: None
) -> None:
    from host.registry.hints import Hints

    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    await reached(ada, HERE)
    hints = Hints(nodes.url, f"{holding.CHANNEL}{ADA.id}", ThreadDisk())
    await hints.wait(0.0)  # nobody listened until now
    told = asyncio.create_task(hints.wait(PATIENCE))
    await asyncio.sleep(0)
    await reached(bob, HERE)
    async with asyncio.timeout(PATIENCE / 2):
        await told
    await hints.close()


async def test_a_word_to_another_node_waits_for_no_disk_and_keeps_nobody_waiting(
    postgres: Server, nodes: Nodes
) -> None:
    """Whoever tells at a commit has all others that tell wait for it: here for a standby that never answers."""
    from host.registry import taking_in
    from host.registry.hints import listening
    from host.registry.keeping import Keeper
    from host.registry.telling import tell

    url, disk = nodes.url, ThreadDisk()
    await nodes.open(ADA)
    await nodes.close()
    keeper, server = Keeper(url, disk), listening(url, taking_in.CHANNEL)
    listener, speaker = listening(url, "heard"), listening(url, "other")
    try:
        postgres.says(url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        postgres.says(url, "SELECT pg_reload_conf()")
        speaker.execute("SET statement_timeout = '20s'")
        kept = asyncio.create_task(
            keeper.keep("slack", Payload("event", {}, again=True))
        )  # of a node that stands by
        await eventually(lambda: postgres.says(url, COMMITS) == "1")
        tell(speaker, ["heard"])
        assert [one.channel for one in listener.notifies(timeout=PATIENCE, stop_after=1)] == ["heard"]
    finally:
        postgres.says(url, "ALTER SYSTEM RESET synchronous_standby_names")
        postgres.says(url, "SELECT pg_reload_conf()")
        listener.close()
        speaker.close()
    assert await kept == {}
    told = await asyncio.to_thread(lambda: list(server.notifies(timeout=PATIENCE, stop_after=1)))
    assert [one.channel for one in told] == [taking_in.CHANNEL]
    server.close()
    await keeper.close()
    disk.close()


async def test_a_single_machine_holds_everything_and_takes_nothing(tmp_path: Path) -> None:
    alone = await HostDB.open(tmp_path / "host.db", ThreadDisk())
    assert await reached(alone, HERE)
    assert not alone.holding.is_shared
    alone.holding.require(THERE)
    await busy(alone, HERE)
    assert await seen(alone, tmp_path) == ["C1"]
    await alone.close()


def test_what_was_noted_is_told_once() -> None:
    held = Holding("a")
    held.note([Place("slack", "T1", "C1")])
    held.note([Place("slack", "T1", "C1"), Place("slack", "T1", "C2")])
    assert list(held.new()) == [Place("slack", "T1", "C1"), Place("slack", "T1", "C2")]
    assert list(held.new()) == []


async def test_what_belongs_to_taking_a_place_is_done_once_however_often_it_is_asked_for(
    nodes: Nodes, slow_beats: None
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    done: list[Place] = []
    ada.holding.when_taken.append(lambda _, place: done.append(place))
    assert [await ada.write(lambda c: ada.holding.take(c, HERE)) for _ in range(2)] == [True, True]
    assert not await bob.write(lambda c: bob.holding.take(c, HERE))
    assert done == [HERE[:3]]
    assert nodes.says("SELECT epoch FROM placements") == "1"


async def test_what_was_taken_by_a_task_that_ended_before_it_could_say_so_is_known_at_the_next_look(
    nodes: Nodes, slow_beats: None
) -> None:
    ada = await nodes.open(ADA)
    await ada.write(lambda c: ada.holding.take(c, HERE))
    assert not ada.holding.has(HERE)
    assert list(await ada.read(lambda c: ada.holding.held(c, 60_000))) == [HERE[:3]]
    nodes.says("UPDATE placements SET taken_at = taken_at - 60001 RETURNING 1")
    assert list(await ada.read(lambda c: ada.holding.held(c, 60_000))) == []


async def test_one_node_has_the_upkeep_and_when_it_is_over_another(nodes: Nodes, slow_beats: None) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    assert await ada.write(ada.holding.take_upkeep)
    assert not await bob.write(bob.holding.take_upkeep)
    assert not bob.holding.has_upkeep
    await ada.close()
    assert await bob.write(bob.holding.take_upkeep)
    bob.holding.note_upkeep()
    assert bob.holding.has_upkeep
    assert nodes.says("SELECT sum(places) FROM nodes_seen") == "0"  # it is no channel


async def test_who_asks_for_the_upkeep_each_second_while_another_has_it_writes_nothing(
    nodes: Nodes, slow_beats: None
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    assert await ada.write(ada.holding.take_upkeep)
    written = "SELECT pg_snapshot_xmax(pg_current_snapshot())"  # a number for each transaction that changes something
    before = nodes.says(written)
    for _ in range(3):
        assert not await bob.write(bob.holding.take_upkeep)
        assert await ada.write(ada.holding.take_upkeep)
    assert nodes.says(written) == before


async def test_another_node_is_told_once_by_a_group_however_many_jobs_of_it_have_something_for_it(
    nodes: Nodes, slow_beats: None
) -> None:
    """Also where one of them breaks: a hint changes nothing. And by no attempt that was undone."""
    from host.registry.hints import listening

    ada = await nodes.open(ADA)
    listener = listening(nodes.url, "heard")
    attempts = list[int]()

    def hints(_: Statements) -> None:
        ada.holding.hint("heard")

    def breaks(connection: Statements) -> None:
        hints(connection)
        raise ValueError("one of many")

    def is_undone_once(connection: Statements) -> None:
        from psycopg.errors import SerializationFailure

        hints(connection)
        attempts.append(len(attempts))
        if len(attempts) == 1:
            raise SerializationFailure("could not serialize access")

    jobs = (ada.write(job) for job in (hints, hints, breaks, is_undone_once))
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(one) for one in outcomes] == [type(None), type(None), ValueError, type(None)]
    await ada.write(lambda _: None)  # has nothing to tell
    assert len(list(listener.notifies(timeout=PATIENCE, stop_after=1))) == 1
    assert list(listener.notifies(timeout=0)) == []
    assert attempts == [0, 1]
    listener.close()


def test_what_is_hinted_at_is_asked_for_once() -> None:
    held = Holding("a")
    assert held.hinted() == []
    for channel in ("two", "one", "two"):
        held.hint(channel)
    assert held.hinted() == ["one", "two"]
    assert held.hinted() == []


async def test_what_nobody_holds_is_looked_after_where_its_files_lie(nodes: Nodes, slow_beats: None) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    for place, node in (("C1", "a"), ("C2", "b"), ("C3", "z"), ("C4", "b"), ("C5", "a")):
        id_ = await busy(ada, HERE._replace(platform_id=place))
        nodes.says(f"UPDATE sessions SET node = '{node}' WHERE id = '{id_}' RETURNING 1")
    await reached(ada, HERE._replace(platform_id="C4"))  # whose files are still Bob's
    await reached(bob, HERE._replace(platform_id="C5"))

    async def near(registry: Registry) -> list[str]:
        sql = f"SELECT platform_id FROM {registry.holding.near()} ORDER BY platform_id"
        return [row[0] for row in await registry.read(lambda c: c.execute(sql).fetchall())]

    assert (await near(ada), await near(bob)) == (["C1", "C4"], ["C2", "C5"])


async def test_who_was_seen_to_be_over_renews_no_more_however_late_all_hear_of_it(
    nodes: Nodes, slow_beats: None
) -> None:
    from host.registry import leases

    ada = await nodes.open(ADA)
    nodes.says("UPDATE serving_until SET until = 0 WHERE node = 'a' RETURNING 1")
    with leases_connection(nodes) as connection:
        values = {"id": "a", "name": "ada", "epoch": 1, "ms": 6000, "grace": 2000, "works": 0, "places": 0}
        assert connection.execute(leases.SERVES.renew.encode(), values).fetchone() is None
    await busy(ada, HERE)  # nobody has taken what it holds: this was before that


async def test_beats_of_many_nodes_are_in_nobodys_way(
    nodes: Nodes, quick_beats: None, caplog: pytest.LogCaptureFixture
) -> None:
    registries = [await nodes.open(node) for node in (ADA, BOB, EVE)]
    for number in range(60):
        await asyncio.gather(
            *(busy(one, Address("slack", "T1", f"{one.node}{number}")) for one in registries)
        )
    assert [record.message for record in caplog.records if "beat" in record.message] == []
    assert nodes.lost == []


def leases_connection(nodes: Nodes) -> Connection:
    from host.registry import postgresql

    return postgresql.connect(nodes.url)


async def test_nodes_that_begin_at_a_time_on_an_empty_database_make_its_tables_once(
    nodes: Nodes, slow_beats: None
) -> None:
    registries = await asyncio.gather(*(nodes.open(node) for node in (ADA, BOB, EVE)))
    assert [await busy(one, HERE) for one in registries] == [sessions.session_id("default", HERE)] * 3
    assert nodes.says("SELECT count(*) FROM leader") == "1"


async def test_what_nodes_undo_again_and_again_is_done_in_turns(nodes: Nodes, slow_beats: None) -> None:
    registries = [await nodes.open(node) for node in (ADA, BOB, EVE)]
    nodes.says("INSERT INTO meta VALUES ('counted', '0') RETURNING 1")

    def counted(connection: Statements) -> None:
        row = connection.execute("SELECT value FROM meta WHERE key = 'counted'").fetchone()
        assert row is not None
        connection.execute("UPDATE meta SET value = ? WHERE key = 'counted'", (str(int(str(row[0])) + 1),))

    async def count(registry: Registry) -> None:
        for _ in range(30):
            await registry.write(counted)

    await asyncio.gather(*map(count, registries))
    assert nodes.says("SELECT value FROM meta WHERE key = 'counted'") == "90"


# ── who is to have a place ───────────────────────────────────────────────────────────────────────────────


def load(node: str, works: int = 0, places: int = 0, *labels: str) -> Load:
    return Load(node, node, frozenset(labels), works, places)


@pytest.mark.parametrize(
    ("own", "others", "needed", "last", "node"),
    [
        (load("a"), [], "", "", "a"),
        (load("a", 3), [load("b")], "", "", "a"),  # no more than a little fuller
        (load("a", 3, 1), [load("b"), load("c", 1)], "", "", "b"),
        (load("a", 40, 300), [load("b", 30, 200)], "", "", "a"),  # nor half as full again
        (load("a"), [load("b", 2)], "", "b", "b"),  # who had it last, for its files are there
        (load("a"), [load("b", 9)], "", "b", "a"),  # unless that one is clearly fuller
        (load("a"), [load("b")], "", "z", "a"),  # or gone
        (load("a", 9), [load("b")], "", "a", "b"),
        (load("a"), [load("b", 9, 99, "gpu")], "gpu", "a", "b"),
        (load("a"), [load("b", 9, 0, "gpu"), load("c", 0, 0, "gpu", "eu")], "gpu", "b", "c"),
        (load("a", 4, 24, "gpu"), [load("b")], "gpu", "b", "a"),
        (load("a"), [load("b")], "gpu", "b", "a"),  # nobody has it: people are told here
    ],
)
def test_a_place_goes_to_who_has_what_it_needs_and_had_it_last_or_heard_of_it_unless_clearly_fuller(
    own: Load, others: list[Load], needed: str, last: str, node: str
) -> None:
    assert chosen(own, others, frozenset(filter(None, [needed])), last) == node


async def hands_on(registry: Registry, place: Address) -> bool:
    return await handed_on(registry, place)


async def test_a_place_is_left_to_an_emptier_node_that_is_told_of_it_and_for_a_moment_at_the_most(
    nodes: Nodes, slow_beats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from host.registry.hints import Hints

    seconds = [0.0]
    monkeypatch.setattr(holding, "clock", lambda: seconds[0])
    bob, ada = await nodes.open(BOB), await nodes.open(ADA)
    ada.holding.placing.works = lambda: 9
    hints = Hints(nodes.url, f"{holding.CHANNEL}{BOB.id}", ThreadDisk())
    await hints.wait(0.0)  # nobody listened until now
    told = asyncio.create_task(hints.wait(PATIENCE))
    await busy(ada, HERE)
    assert not await hands_on(ada, HERE)
    async with asyncio.timeout(PATIENCE / 2):
        await told
    await hints.close()
    assert await looked(ada) == set()
    assert await looked(bob) == {HERE[:3]}
    assert not await hands_on(ada, HERE)  # it is Bob's

    await busy(ada, THERE)  # which Bob leaves lying
    assert not await hands_on(ada, THERE)
    seconds[0] = MOMENT
    assert await looked(ada) == {THERE[:3]}


async def test_who_takes_a_place_of_an_agent_that_needs_a_label_has_it(
    nodes: Nodes, slow_beats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(holding, "clock", lambda: seconds[0])
    bob, ada = await nodes.open(BOB, "eu", "gpu"), await nodes.open(ADA, "eu")
    for registry in (ada, bob):
        registry.holding.placing.needs = lambda: {"default": frozenset(["gpu"]), "other": frozenset(["eu"])}
        registry.holding.placing.routed = lambda _, place: "other" if place.platform_id == "C2" else "default"
    for number in range(AT_ONCE + 1):  # what is Bob's keeps Ada from nothing behind it
        await busy(ada, Address("slack", "T0", f"C{number}"))
    nodes.says(
        "INSERT INTO notices (about, channel_type, workspace_id, platform_id, thread_id, created_at, text, state, key)"
        " VALUES ('n', 'slack', 'T1', 'C2', '', 1, 'x', 'pending', 'k') RETURNING 1"
    )
    assert await looked(ada) == {THERE[:3]}
    assert not await hands_on(ada, Address("slack", "T0", "C0"))
    assert len(await looked(bob)) == AT_ONCE
    assert ada.holding.placing.lacking() == ["default"]
    assert ada.holding.placing.is_elsewhere("default")
    assert [(one.id, one.labels) for one in await ada.read(known.seen)] == [
        ("a", ("eu",)),
        ("b", ("eu", "gpu")),
    ]
    seconds[0] = LONGER  # and whoever has the label takes nothing
    assert len(await looked(ada)) == 1


ALL = Place("", "", "")
WAITS = [
    "UPDATE sessions SET busy = 1",
    "UPDATE sessions SET active_at = 501",
    "UPDATE sessions SET node = 'a', carried = ''",
    "UPDATE placements SET taken_at = 501",
    "INSERT INTO due SELECT 't', id, '', 900 FROM sessions",
    "INSERT INTO asked (key, session_id, channel_type, workspace_id, platform_id, thread_id, ends_at)"
    " SELECT 'q', id, 'slack', 'T1', 'C1', '', 600 FROM sessions",
    "INSERT INTO notices (about, channel_type, workspace_id, platform_id, thread_id, created_at, text, state, key)"
    " VALUES ('n', 'slack', 'T1', 'C1', '', 1, 'x', 'unknown', 'k')",
]


@pytest.mark.parametrize("waits", WAITS)
async def test_a_place_where_something_may_be_to_do_soon_is_not_given_back(
    nodes: Nodes, slow_beats: None, waits: str
) -> None:
    ada = await nodes.open(ADA)
    await reached(ada, HERE)
    await busy(ada, HERE)
    nodes.says("UPDATE sessions SET busy = 0 RETURNING 1")
    nodes.says("UPDATE placements SET taken_at = 1 RETURNING 1")
    assert list(await ada.read(lambda c: ada.holding.at_rest(c, 500, 1_000, ALL))) == [HERE[:3]]
    assert list(await ada.read(lambda c: ada.holding.at_rest(c, 500, 1_000, Place(*HERE[:3])))) == []
    nodes.says(f"{waits} RETURNING 1")
    assert list(await ada.read(lambda c: ada.holding.at_rest(c, 500, 1_000, ALL))) == []
    assert not await ada.write(lambda c: ada.holding.give_back(c, Place(*HERE[:3]), 500, 1_000))
    assert nodes.says("SELECT node FROM placements") == "a"


async def test_what_was_given_back_is_whose_it_was_and_whoever_has_it_again_is_told_apart(
    nodes: Nodes, slow_beats: None
) -> None:
    ada, bob = await nodes.open(ADA), await nodes.open(BOB)
    place, row = Place(*HERE[:3]), "SELECT node || '|' || last || '|' || epoch FROM placements"
    await reached(ada, HERE)

    async def given() -> bool:
        assert not ada.holding.has(HERE)  # nothing is begun there any more
        return await ada.write(lambda c: ada.holding.give_back(c, place, 0, 0))

    nodes.says(
        "INSERT INTO errands (node, asker, kind, body, asked_at) VALUES ('a', 'b', 'k', '', 1) RETURNING 1"
    )
    assert not await ada.holding.given_back(place, given)  # Bob waits for her
    assert ada.holding.has(HERE)
    nodes.says("DELETE FROM errands RETURNING 1")
    assert await ada.holding.given_back(place, given)
    assert (ada.holding.has(HERE), nodes.says(row)) == (False, "|a|1")
    assert await reached(bob, HERE)
    assert nodes.says(row) == "b|a|2"
    assert await bob.holding.given_back(
        place, lambda: bob.write(lambda c: bob.holding.give_back(c, place, 0, 0))
    )
    assert await reached(bob, HERE)  # who had it last has what was said since
    assert nodes.says(row) == "b||3"


async def test_of_nodes_that_all_hear_a_click_one_answers_and_none_is_silent(
    nodes: Nodes, slow_beats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "PRECEDENCE", 0.0)
    bob, ada = await nodes.open(BOB), await nodes.open(ADA)
    ada.holding.placing.works = lambda: 9  # Bob is to have what nobody has
    assert await deals(bob, HERE)
    assert not await deals(ada, HERE)
    assert await deals(ada, THERE)  # he did not
    assert nodes.says("SELECT string_agg(node, '' ORDER BY platform_id) FROM placements") == "ba"


async def test_who_is_cancelled_while_it_gives_a_place_back_begins_nothing_there(
    nodes: Nodes, slow_beats: None
) -> None:
    ada = await nodes.open(ADA)
    await reached(ada, HERE)

    async def broken() -> bool:
        raise Unavailable(DATABASE, "the server is away")

    async def cancelled() -> bool:
        raise asyncio.CancelledError

    with pytest.raises(Unavailable):
        await ada.holding.given_back(Place(*HERE[:3]), broken)
    assert ada.holding.has(HERE)
    with pytest.raises(asyncio.CancelledError):
        await ada.holding.given_back(Place(*HERE[:3]), cancelled)
    assert not ada.holding.has(HERE)
