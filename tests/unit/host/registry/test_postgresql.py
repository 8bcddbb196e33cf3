"""What PostgreSQL adds to the registry's promises (test_registry.py): commits whose answer is lost, and who leads."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host.folders.disk import ThreadDisk
from host.registry import db, nodes, sessions, where
from host.registry.nodes import Led, Node
from host.registry.port import Registry, Statements
from sessiondb import Address, Full, Incompatible, SessionError, Unavailable
from tests.fakes.platform import TIMEOUT
from tests.support.postgres import NEWER, Line, Server, server
from tests.support.waiting import DEADLINE

ADA, BOB = Node("a", "ada"), Node("b", "bob")
SCHEMA = Path(where.__file__).parent / "schema"
# As the version before leaves the tables.
LATEST = re.sub(r"--[^\n]*", "", (SCHEMA / f"host_{where.VERSION:04}.sql").read_text("utf-8"))
OLDER = ";".join(
    [
        f"ALTER TABLE {table} DROP COLUMN {column}"
        for table, column in re.findall(r"TABLE (\w+) ADD COLUMN (\w+)", LATEST)
    ]
    + [f"DROP {kind} {name}" for kind, name in re.findall(r"CREATE (TABLE|VIEW) (\w+)", LATEST)]
    + [f"UPDATE leader SET version = {where.VERSION - 1}"]
)
SOON = 0.5  # s of the engine's patience where a test waits for its end


class Hosts:
    """Each opens the registry of one database, and hears when it has lost it."""

    def __init__(self, server: Server, url: str) -> None:
        self.server = server
        self.url = url
        self.disk = ThreadDisk()
        self.lost: list[SessionError] = []
        self.drained = 0  # times that one of them heard so
        self._open: list[Registry] = []

    async def open(self, url: str = "", node: Node = ADA) -> Registry:
        from host.registry.postgresql import PostgreSQL

        made = await PostgreSQL.open(url or self.url, self.disk, self.lost.append, node, self._hear)
        self._open.append(made)
        return made

    def _hear(self) -> None:
        self.drained += 1

    def says(self, sql: str) -> str:
        return self.server.says(self.url, sql)

    def cut(self, one: Registry) -> int:
        """As if it were killed: it renews nothing more and says nothing to anybody. Returns until when it had the lease."""
        one._beats._ending.set()  # type: ignore[attr-defined]
        one._beats._thread.join()  # type: ignore[attr-defined]
        return int(self.says("SELECT until FROM lease"))

    async def followed(self, node: Node) -> Registry:
        """As soon as the node may serve."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                with contextlib.suppress(Led):
                    return await self.open(node=node)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not await self.disk.run(true):
                pass

    async def close(self) -> None:
        for one in self._open:
            await one.close()
        self.disk.close()


@pytest.fixture
async def hosts(postgres: Server) -> AsyncIterator[Hosts]:
    made = Hosts(postgres, postgres.database())
    yield made
    await made.close()


@pytest.fixture
def line(postgres: Server) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="dovecote-pg-", dir="/tmp") as folder:
        made = Line(postgres, Path(folder))
        yield made
        made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from host.registry import postgresql

    monkeypatch.setattr(postgresql, "PATIENCE", SOON)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a server takes at most to recover on a loaded disk."""
    from host.registry import postgresql

    monkeypatch.setattr(postgresql, "PATIENCE", DEADLINE)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    from host.registry import leases

    for name, seconds in (("LEASE", 1.0), ("GRACE", 0.3), ("BEAT", 0.1)):
        monkeypatch.setattr(leases, name, seconds)


class Counted:
    """A job that counts how often it is run, and puts one row more each time that is kept."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.runs = 0

    def __call__(self, statements: Statements) -> int:
        self.runs += 1
        sql = "INSERT INTO meta VALUES (?, '1') ON CONFLICT (key) DO UPDATE SET value = meta.value || '1' RETURNING value"
        [(value,)] = statements.execute(sql, (self.key,)).fetchall()
        return len(str(value))


# ── commits ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("cut", "runs"), [("before", 2), ("behind", 1)])
async def test_a_commit_whose_answer_is_lost_is_asked_for_and_kept_once(
    hosts: Hosts, line: Line, cut: Any, runs: int
) -> None:
    registry = await hosts.open(line.url(hosts.url))
    job = Counted("k")
    line.cut = cut
    assert await registry.write(job) == 1
    assert (job.runs, line.cut) == (runs, "")
    assert hosts.says("SELECT value FROM meta WHERE key = 'k'") == "1"
    assert await registry.write(job) == 2
    assert hosts.lost == []


async def test_what_only_reads_is_read_again_after_a_lost_commit(hosts: Hosts, line: Line) -> None:
    registry = await hosts.open(line.url(hosts.url))
    line.cut = "behind"
    assert await registry.read(lambda s: s.execute("SELECT count(*) FROM meta").fetchone()) == (0,)
    assert hosts.lost == []


async def test_a_connection_that_was_cut_is_made_again_and_leads_on(hosts: Hosts) -> None:
    registry = await hosts.open()
    await registry.write(Counted("before"))
    hosts.server.cut_off(hosts.url)
    assert await registry.write(Counted("after")) == 1
    assert hosts.lost == []
    assert hosts.says("SELECT epoch FROM leader") == "1"


async def test_a_server_that_fell_and_came_back_has_what_was_answered(hosts: Hosts, patient: None) -> None:
    registry = await hosts.open()
    assert await registry.write(Counted("k")) == 1
    hosts.server.stop()
    waiting = asyncio.create_task(registry.write(Counted("k")))
    await asyncio.to_thread(hosts.server.start)
    assert await waiting == 2


async def test_a_server_that_stays_away_fails_the_group_in_words_and_a_later_one_is_kept(
    hosts: Hosts, impatient: None
) -> None:
    registry = await hosts.open()
    hosts.server.stop()
    try:
        with pytest.raises(Unavailable, match="PostgreSQL"):
            await registry.write(Counted("k"))
    finally:
        hosts.server.start()
    assert await registry.write(Counted("k")) == 1


async def test_a_group_that_somebody_was_faster_than_is_run_again_as_a_whole(hosts: Hosts) -> None:
    """What its jobs had read is no longer true: none of them is kept as it was."""
    registry = await hosts.open()
    await registry.write(lambda s: s.execute("INSERT INTO meta VALUES ('k', '1')"))
    beside, seen = Counted("beside"), list[str]()

    def slow(statements: Statements) -> None:
        [(value,)] = statements.execute("SELECT value FROM meta WHERE key = 'k'").fetchall()
        seen.append(str(value))
        if len(seen) == 1:
            hosts.says("UPDATE meta SET value = '5' WHERE key = 'k'")
        statements.execute("UPDATE meta SET value = ? WHERE key = 'k'", (f"{value}0",))

    await asyncio.gather(registry.write(beside), registry.write(slow))
    assert seen == ["1", "5"]
    assert beside.runs == 2
    assert hosts.says("SELECT value FROM meta ORDER BY key") == "1\n50"


async def test_a_statement_that_is_refused_is_its_own_jobs_and_the_group_goes_on(hosts: Hosts) -> None:
    registry = await hosts.open()
    refused, kept = await asyncio.gather(
        registry.write(lambda s: s.execute("INSERT INTO meta VALUES ('k', NULL)")),
        registry.write(Counted("k")),
        return_exceptions=True,
    )
    assert isinstance(refused, Exception)
    assert kept == 1


# ── who leads ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_second_node_is_told_who_serves_and_changes_nothing(hosts: Hosts) -> None:
    first = await hosts.open()
    with pytest.raises(Led, match="another host serves from this database: ada"):
        await hosts.open(node=BOB)
    assert await first.write(Counted("k")) == 1
    assert first.leads()
    assert hosts.lost == []


async def test_a_lease_is_renewed_whatever_its_host_is_busy_with(hosts: Hosts, brief: None) -> None:
    from host.registry import leases

    first = await hosts.open()
    until = hosts.says("SELECT until FROM lease")

    def slow(statements: Statements) -> bool:
        deadline = leases.clock() + TIMEOUT
        while leases.clock() < deadline:  # nothing but this job is done meanwhile
            if int(hosts.says("SELECT until FROM lease")) > int(until) + 2_000 * leases.LEASE:
                return first.leads()
        return False

    assert await first.write(slow)
    with pytest.raises(Led):
        await hosts.open(node=BOB)


async def test_whoever_ends_in_order_is_followed_at_once(hosts: Hosts) -> None:
    await (await hosts.open()).close()
    second = await hosts.open(node=BOB)
    assert await second.write(Counted("k")) == 1
    assert hosts.says("SELECT epoch FROM leader") == "2"


async def test_a_node_that_stands_by_hears_at_once_that_the_lease_was_given_back(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from host.registry import standby

    monkeypatch.setattr(standby, "LOOK", 10 * TIMEOUT)  # no look would find it in time
    first, waiting, stopping = (
        await hosts.open(),
        standby.Standby(hosts.url, BOB, hosts.disk, among_others=False),
        asyncio.Event(),
    )
    async with asyncio.timeout(TIMEOUT):
        told = asyncio.create_task(waiting.is_time(stopping))
        await hosts.until(lambda: hosts.says("SELECT count(*) FROM nodes WHERE id = 'b'") == "1")
        await first.close()
        assert await told
        second = await hosts.open(node=BOB)
        idle = asyncio.create_task(
            standby.Standby(hosts.url, ADA, hosts.disk, among_others=False).is_time(stopping)
        )
        stopping.set()
        assert not await idle  # nor does it keep a host that is to end
    await waiting.close()
    await second.close()


async def test_a_node_that_stands_by_outlives_a_restart_of_the_server(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from host.registry import standby

    monkeypatch.setattr(standby, "LOOK", 0.1)
    waiting, stopping = standby.Standby(hosts.url, BOB, hosts.disk, among_others=False), asyncio.Event()
    await (await hosts.open()).close()
    assert await waiting.is_time(stopping)
    hosts.server.stop()
    assert not await waiting.is_time(stopping)
    hosts.server.start()
    async with asyncio.timeout(TIMEOUT):
        while not await waiting.is_time(stopping):
            pass
    await waiting.close()


async def test_whoever_was_killed_comes_back_on_its_own_folder_at_once(hosts: Hosts) -> None:
    """Its folder's lock tells that the one before is gone; its runners are its own to adopt."""
    first = await hosts.open()
    hosts.cut(first)
    again = await hosts.open()
    assert await again.write(Counted("k")) == 1
    with pytest.raises(
        Led
    ):  # the same folder from another machine, by a share: there the lock may tell nothing
        await hosts.open(node=Node(ADA.id, "eve"))


async def test_a_node_that_is_silent_is_followed_after_lease_and_grace_and_not_before(
    hosts: Hosts, brief: None
) -> None:
    from host.registry import leases

    first = await hosts.open()
    last = hosts.cut(first)
    second = await hosts.followed(BOB)
    taken = int(hosts.says("SELECT until FROM lease")) - 1_000 * leases.LEASE
    assert taken >= last + 1_000 * leases.GRACE
    assert not first.leads()  # by its own clock, without asking anybody
    with pytest.raises(Unavailable, match="another host leads"):
        await first.write(Counted("zombie"))
    assert await second.write(Counted("k")) == 1
    assert hosts.says("SELECT key FROM meta ORDER BY key") == "k"


async def test_a_node_finds_by_its_beat_that_another_took_over(hosts: Hosts, brief: None) -> None:
    """It has nothing to commit, and containers that live."""
    first = await hosts.open()
    hosts.says("UPDATE lease SET node = 'b', epoch = 2; UPDATE leader SET epoch = 2")
    await hosts.until(lambda: bool(hosts.lost))
    assert not first.leads()
    assert "another host leads" in str(hosts.lost[0])
    await first.close()
    assert hosts.says("SELECT until > 0 FROM lease") == "t"  # what is another's was not given back


async def test_a_lease_outlives_its_connections(hosts: Hosts, brief: None) -> None:
    from host.registry import leases

    first = await hosts.open()
    for _ in range(2):
        hosts.server.cut_off(hosts.url)
        until = int(hosts.says("SELECT until FROM lease"))
        await hosts.until(lambda u=until: int(hosts.says("SELECT until FROM lease")) > u)  # type: ignore[misc]
    assert await first.write(Counted("k")) == 1
    assert hosts.says("SELECT epoch FROM leader") == "1"
    assert leases.LEASE < SOON * 4


async def test_a_host_that_was_cut_off_while_another_took_over_keeps_nothing_more_and_is_told_once(
    hosts: Hosts, line: Line, brief: None
) -> None:
    first = await hosts.open(line.url(hosts.url))
    await first.write(Counted("first"))
    hosts.cut(first)
    line.close()  # it does not come back by itself
    hosts.server.cut_off(hosts.url)
    second = await hosts.followed(BOB)
    with tempfile.TemporaryDirectory(prefix="dovecote-pg-", dir="/tmp") as folder:
        again = Line(hosts.server, Path(folder))
        first._url = again.url(hosts.url)  # type: ignore[attr-defined]
        for _ in range(2):
            with pytest.raises(Unavailable, match="another host leads"):
                await first.write(Counted("zombie"))
        again.close()
    assert len(hosts.lost) == 1
    assert await second.write(Counted("second")) == 1
    assert hosts.says("SELECT key FROM meta ORDER BY key") == "first\nsecond"


async def test_a_database_in_which_one_host_led_by_a_lock_gets_its_lease(hosts: Hosts) -> None:
    await (await hosts.open()).close()
    hosts.says(
        "DROP VIEW nodes_seen, loads; DROP TABLE lease, nodes, drained; DROP FUNCTION ms_now"
        "; ALTER TABLE leader DROP COLUMN oldest; ALTER TABLE placements DROP COLUMN last"
        "; ALTER TABLE serving_until DROP COLUMN labels, DROP COLUMN places"
    )
    assert await (await hosts.open(node=BOB)).write(Counted("k")) == 1


async def test_nodes_are_listed_who_serves_first_and_those_long_gone_are_not(hosts: Hosts) -> None:
    first = await hosts.open(node=BOB)
    hosts.says("INSERT INTO nodes VALUES ('x', 'xeno', '0', 1, 1), ('c', 'cleo', '0', 2, ms_now() - 9000)")
    await first.close()
    first = await hosts.open(node=BOB)  # whoever begins to serve forgets them
    with pytest.raises(Led):
        await hosts.open(node=ADA)
    found = await first.read(nodes.seen)
    assert [(one.name, one.id, one.serves) for one in found] == [
        ("bob", "b", True),
        ("ada", "a", False),
        ("cleo", "c", False),
    ]
    assert found[2].silent >= 9_000 > found[1].silent >= 0


async def test_a_host_whose_epoch_was_raised_within_its_connection_keeps_nothing_more(hosts: Hosts) -> None:
    registry = await hosts.open()
    hosts.says("UPDATE leader SET epoch = epoch + 1")
    with pytest.raises(Unavailable, match="another host leads"):
        await registry.write(Counted("zombie"))
    assert hosts.says("SELECT count(*) FROM meta") == "0"
    assert len(hosts.lost) == 1


async def test_a_server_that_does_not_know_the_commit_ends_the_host(hosts: Hosts, line: Line) -> None:
    """Another took its place, without the latest of what the first one had: the next start finds what was kept."""
    registry = await hosts.open(line.url(hosts.url))
    await registry.write(Counted("k"))
    with server() as another:
        line.cut, line.next = "behind", another
        hosts.server.says(hosts.url, "SELECT pg_current_xact_id()")
        another.database(name=hosts.url.partition("@/")[2].partition("?")[0])
        with pytest.raises(Unavailable, match="cannot be learnt"):
            await registry.write(Counted("k"))
    assert len(hosts.lost) == 1


async def test_a_standby_that_took_over_without_the_commit_is_not_believed_about_its_number(
    hosts: Hosts, line: Line
) -> None:
    """It gives the number to somebody else's transaction, which is committed."""
    registry = await hosts.open(line.url(hosts.url))
    await registry.write(Counted("k"))
    with server(of=hosts.server) as standby:
        name = hosts.url.partition("@/")[2].partition("?")[0]
        standby.says(standby.url(name), "SELECT pg_promote()")
        for _ in range(20):
            standby.says(standby.url(name), "SELECT pg_current_xact_id()")
        line.cut, line.next = "behind", standby
        with pytest.raises(Unavailable, match="cannot be learnt"):
            await registry.write(Counted("k"))
        assert standby.says(standby.url(name), "SELECT value FROM meta WHERE key = 'k'") == "1"
    assert len(hosts.lost) == 1


async def test_a_standby_that_took_over_serves_on_what_was_answered(hosts: Hosts, line: Line) -> None:
    registry = await hosts.open(line.url(hosts.url))
    await registry.write(Counted("k"))
    with server(of=hosts.server) as standby:
        name = hosts.url.partition("@/")[2].partition("?")[0]
        standby.says(standby.url(name), "SELECT pg_promote()")
        line.next = standby
        hosts.server.cut_off(hosts.url)
        assert await registry.write(Counted("k")) == 2
        await registry.close()
    assert hosts.lost == []


# ── servers ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_is_not_utf8_is_refused(hosts: Hosts) -> None:
    with pytest.raises(Full, match="server_encoding is SQL_ASCII"):
        await hosts.open(hosts.server.database("-E", "SQL_ASCII"))


async def test_a_server_that_does_not_sync_is_refused(hosts: Hosts) -> None:
    hosts.server.stop()
    hosts.server.start("fsync=off")
    try:
        with pytest.raises(Full, match="fsync is off"):
            await hosts.open()
    finally:
        hosts.server.stop()
        hosts.server.start()


async def test_commits_are_durable_whatever_the_database_is_set_to(hosts: Hosts) -> None:
    name = hosts.url.partition("@/")[2].partition("?")[0]
    hosts.says(f"ALTER DATABASE {name} SET synchronous_commit = off")
    registry = await hosts.open()
    assert await registry.read(lambda s: s.execute("SHOW synchronous_commit").fetchone()) == ("on",)
    assert await registry.read(lambda s: s.execute("SHOW jit").fetchone()) == ("off",)


async def test_a_database_of_a_newer_version_is_left_as_it_is(hosts: Hosts, tmp_path: Path) -> None:
    await (await hosts.open()).close()
    hosts.says(f"UPDATE leader SET version = {where.VERSION + 1}, oldest = version + 1")
    with pytest.raises(Incompatible):
        await hosts.open()
    assert hosts.says("SELECT epoch, until FROM lease") == "1|0"  # nor was the right to serve taken
    (tmp_path / where.ELSEWHERE).write_text(hosts.url + "\n")
    with pytest.raises(Incompatible):
        db.open_registry(tmp_path)


async def test_a_newer_database_that_says_so_is_served_and_read_by_a_host_of_this_version(
    hosts: Hosts, tmp_path: Path
) -> None:
    await (await hosts.open()).close()
    hosts.says(NEWER)
    registry = await hosts.open()
    await registry.write(lambda s: sessions.upsert(s, "default", Address("memory", "w", "c"), "public", 1))
    (tmp_path / where.ELSEWHERE).write_text(hosts.url + "\n")
    with contextlib.closing(db.open_registry(tmp_path)) as reads:
        assert reads.execute("SELECT platform_id FROM sessions").fetchall() == [("c",)]
    assert hosts.says("SELECT version - oldest FROM leader") == "1"  # who is older leaves it as it is


def test_hosts_are_let_serve_from_newer_tables_only_where_these_were_but_added_to() -> None:
    assert where.VERSION - 1 <= where.OLDEST_HOST <= where.VERSION
    only_adds = all(
        re.match(
            r"(CREATE (TABLE|INDEX|VIEW)|ALTER TABLE \w+ ADD COLUMN .* DEFAULT)\b", " ".join(one.split())
        )
        for one in LATEST.split(";")
        if one.strip()
    )
    assert only_adds or where.OLDEST_HOST == where.VERSION


async def test_older_tables_are_brought_up_to_date_by_whoever_serves_next_and_by_nobody_before(
    hosts: Hosts, tmp_path: Path
) -> None:
    from host.registry import visiting

    first = await hosts.open()
    hosts.says(OLDER)
    with pytest.raises(Led):
        await hosts.open(node=BOB)
    assert hosts.says("SELECT version FROM leader") == str(where.VERSION - 1)
    with visiting.among_nodes(hosts.url) as connection:  # and commands see to nodes meanwhile
        assert [one.name for one in nodes.seen(connection)] == ["ada", "bob"]
        nodes.drain(connection, ADA.id)
    await first.close()
    second = await hosts.open(node=BOB)
    assert await second.write(Counted("k")) == 1
    assert hosts.says("SELECT version, oldest FROM leader") == f"{where.VERSION}|{where.OLDEST_HOST}"


async def test_a_node_that_is_drained_hears_it_and_takes_the_lease_no_more_until_that_is_undone(
    hosts: Hosts, brief: None
) -> None:
    first = await hosts.open()
    hosts.says("INSERT INTO drained VALUES ('a', 1)")
    await hosts.until(lambda: hosts.drained > 0)
    assert await first.write(Counted("k")) == 1  # what is under way is kept
    await first.close()
    with pytest.raises(Led, match="dovecote drain ada --undo"):
        await hosts.open()
    hosts.says("DELETE FROM drained")
    assert await (await hosts.open()).write(Counted("k")) == 2


async def test_no_server_is_said_in_words(hosts: Hosts) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL: .*No such file"):
        await hosts.open("postgresql://dovecote@/d?host=/nowhere")


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_flags_sums_and_nothing_come_back_as_sqlite_has_them(hosts: Hosts) -> None:
    registry = await hosts.open()
    sql = "SELECT 1 = ?, sum(n), max(?, 3), x FROM (SELECT ? AS n, NULL AS x) AS one GROUP BY x"
    [row] = await registry.read(lambda s: s.execute(sql, (True, 2, 2**40)).fetchall())
    assert row == (1, 2**40, 3, None)
    assert [type(value) for value in row[:3]] == [int, int, int]


async def test_text_with_a_nul_or_half_a_pair_is_kept_and_found(hosts: Hosts) -> None:
    """PostgreSQL reads no JSON text in which either stands, even escaped."""
    registry = await hosts.open()
    event = '{"event": {"id": "M1", "text": "a\\u0000b \\ud800", "more": {"list": ["x", "y"]}}}'

    def job(statements: Statements) -> list[Any]:
        statements.execute("INSERT INTO held VALUES (?, ?, 1)", ("a\0b", event))
        sql = (
            "SELECT id, event ->> '$.event.id', event ->> '$.event.more.list[1]', event ->> '$.event.none',"
            " json_valid(event), json_valid('{') FROM held WHERE event ->> '$.event.id' = ?"
        )
        return statements.execute(sql, ("M1",)).fetchall()

    assert await registry.write(job) == [("a\ufffdb", "M1", "y", None, 1, 0)]


async def test_changes_are_those_of_the_last_statement_that_changes(hosts: Hosts) -> None:
    registry = await hosts.open()

    def job(statements: Statements) -> list[int]:
        found = []
        for sql in (
            "INSERT INTO meta VALUES ('a', '1'), ('b', '1')",
            "SELECT * FROM meta WHERE key = 'a'",
            "INSERT INTO meta VALUES ('a', '1') ON CONFLICT DO NOTHING",
            "DELETE FROM meta WHERE key = 'b' RETURNING key",
        ):
            statements.execute(sql)
            found.append(statements.changes())
        return found

    assert await registry.write(job) == [2, 2, 0, 1]


# ── beside the host ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_folder_that_says_so_is_read_and_written_in_its_database_beside_the_host(
    hosts: Hosts, tmp_path: Path
) -> None:
    (tmp_path / where.ELSEWHERE).write_text(hosts.url + "\n")
    with pytest.raises(where.NotYet):
        db.open_registry(tmp_path)
    registry = await hosts.open()
    place = Address("memory", "w", "c")
    await registry.write(lambda s: sessions.upsert(s, "default", place, "public", 1))
    with contextlib.closing(db.open_registry(tmp_path)) as reads:
        assert reads.execute("SELECT platform_id FROM sessions").fetchall() == [("c",)]
        with pytest.raises(Exception, match="read-only"):
            reads.execute("DELETE FROM sessions")
    with db.beside(tmp_path / "host.db") as writes:
        writes.execute("INSERT INTO paused VALUES ('default', 1)")

    def broken() -> None:
        with db.beside(tmp_path / "host.db", whole=True) as writes:
            writes.execute("DELETE FROM paused")
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert hosts.says("SELECT agent FROM paused") == "default"


async def test_a_scrub_has_the_server_make_room_of_what_nobody_sees_any_more(hosts: Hosts) -> None:
    registry = await hosts.open()
    sql = "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'meta'"
    assert hosts.says(sql) == "f"
    job = Counted("k")
    await asyncio.gather(registry.scrub(), *(registry.write(job) for _ in range(50)))
    assert hosts.says(sql) == "t"
    assert job.runs == 50  # no group was open where it ran
