"""The registry's promises to its jobs: whatever engine stands behind it keeps these."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import ParamSpec, TypeAlias, TypeVar

import apsw
import pytest

from host.folders.disk import Disk, ThreadDisk
from host.registry import db, sessions
from host.registry.db import HostDB, open_host_db, open_registry
from host.registry.port import Registry, Statements
from host.registry.sessions import Sessions
from sessiondb import Address, Full, Incompatible, Unavailable
from tests.support.hosting import ended
from tests.support.postgres import Server

P = ParamSpec("P")
T = TypeVar("T")

PLACE = Address("memory", "w", "c")
FIRST_VERSION = "aae860ccf44fb83b"  # of the first migration, which data folders have been made with


Opened: TypeAlias = Callable[[Disk], Awaitable[Registry]]


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Opened:
    return lambda disk: HostDB.open(tmp_path / "host.db", disk)


@pytest.fixture
def on_postgresql(request: pytest.FixtureRequest) -> Opened:
    server: Server = request.getfixturevalue("postgres")
    from host.registry.nodes import Node
    from host.registry.postgresql import PostgreSQL  # an extra's, where there is one

    url = server.database()
    return lambda disk: PostgreSQL.open(url, disk, ended, Node("n1", "here"))


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
async def reopen(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], Awaitable[Registry]]]:
    """The registry as it is, closed and opened again at each call; the same promises by each engine."""
    disk, held = ThreadDisk(), list[Registry]()
    opened: Opened = request.getfixturevalue(request.param)

    async def again() -> Registry:
        if held:
            await held.pop().close()
        held.append(await opened(disk))
        return held[0]

    yield again
    if held:
        await held[0].close()
    disk.close()


def put(key: str) -> Callable[[Statements], int]:
    def job(statements: Statements) -> int:
        statements.execute("INSERT INTO meta VALUES (?, 'x') ON CONFLICT DO NOTHING", (key,))
        return statements.changes()

    return job


def keys(statements: Statements) -> list[str]:
    return [str(key) for (key,) in statements.execute("SELECT key FROM meta ORDER BY key").fetchall()]


@pytest.mark.parametrize("reopen", ["on_sqlite"], indirect=True)
async def test_a_disk_that_fails_in_one_job_fails_all_of_its_commit_in_words_and_nothing_later(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    """SQLite rolls the whole transaction back then, savepoints and what others did in it."""

    def fails(statements: Statements) -> None:
        statements.execute("ROLLBACK")
        raise apsw.IOError("disk I/O error")

    registry = await reopen()
    came = await asyncio.gather(
        registry.write(put("before")),
        registry.write(fails),
        registry.write(put("behind")),
        return_exceptions=True,
    )
    assert [type(error) for error in came] == [Full, Full, Full]
    assert "disk I/O error" in str(came[0])
    assert await registry.write(put("later")) == 1
    there = await (await reopen()).read(keys)
    assert "later" in there
    assert not {"before", "behind"} & set(there)


async def test_a_statement_is_made_for_each_of_many_bindings(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    rows = [("a", "1"), ("b", "2"), ("c", "3")]
    await registry.write(lambda s: s.executemany("INSERT INTO meta VALUES (?, ?)", rows) and None)
    await registry.write(lambda s: s.executemany("INSERT INTO meta VALUES (?, ?)", ()) and None)
    assert await registry.read(keys) == ["a", "b", "c"]


async def test_what_a_job_has_written_is_there_after_its_return(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    assert await registry.write(put("k")) == 1
    assert await registry.write(put("k")) == 0
    assert "k" in await (await reopen()).read(keys)


async def test_who_comes_after_the_end_hears_that_it_cannot_be_now(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    """A host that ended gave up a part of an answer over it, with a traceback."""
    registry = await reopen()
    await registry.close()
    with pytest.raises(Unavailable):
        await registry.write(put("late"))


async def test_a_job_that_raises_undoes_itself_and_nobody_who_shares_its_commit(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()

    def broken(statements: Statements) -> None:
        put("broken")(statements)
        raise LookupError("of the job's own")

    outcomes = await asyncio.gather(
        registry.write(put("before")),
        registry.write(broken),
        registry.write(put("after")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, LookupError, int]
    found = await (await reopen()).read(keys)
    assert {"before", "after"} <= set(found)
    assert "broken" not in found


async def test_a_read_sees_what_was_asked_to_be_written_before_it(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    _, found = await asyncio.gather(registry.write(put("k")), registry.read(keys))
    assert "k" in found


async def test_whoever_goes_on_when_it_is_answered_is_in_the_next_commit_with_those_who_waited(
    on_sqlite: Opened,
) -> None:
    """Two who do one thing after the other would else take turns, each with commits of its own."""

    class Counted(ThreadDisk):
        visits = 0

        async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
            self.visits += 1
            return await super().run(function, *args, **kwargs)

    async def go_on(name: str) -> None:
        for number in range(5):
            await registry.write(put(f"{name}{number}"))

    disk = Counted()
    registry = await on_sqlite(disk)
    opened = disk.visits
    one = asyncio.create_task(go_on("one"))
    await asyncio.sleep(0)
    await asyncio.gather(one, go_on("other"))
    assert disk.visits - opened == 6
    await registry.close()
    disk.close()


@pytest.mark.parametrize("many", [1, 2], ids=["alone", "in a group"])
async def test_a_job_that_stops_iteration_is_told_so_and_nobody_waits_for_ever(
    reopen: Callable[[], Awaitable[Registry]], many: int
) -> None:
    """Python has no future take a StopIteration."""
    registry = await reopen()
    asked = [
        registry.write(lambda _: next(iter(()))),
        *(registry.write(lambda _: 1) for _ in range(many - 1)),
    ]
    async with asyncio.timeout(30):
        first, *others = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(first, RuntimeError)
        assert others == [1] * (many - 1)
        assert await registry.write(lambda _: 2) == 2


@pytest.mark.parametrize("failure", [ValueError("odd"), StopIteration()], ids=["an error", "StopIteration"])
async def test_what_fails_behind_a_commit_is_its_callers_and_nobody_elses(
    reopen: Callable[[], Awaitable[Registry]], failure: Exception
) -> None:
    registry = await reopen()

    def fail(_: int) -> None:
        raise failure

    asked = [registry.write(put("a"), fail), registry.write(put("b"))]
    async with asyncio.timeout(30):
        first, second = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(first, (ValueError, RuntimeError))
    assert second == 1
    assert await registry.read(keys) == ["a", "b"]


async def test_what_comes_of_a_commit_is_done_in_its_order_and_for_those_who_are_gone_too(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry, done = await reopen(), list[int]()

    async def write(number: int) -> int:
        return await registry.write(lambda _: number, done.append)

    asked = [asyncio.create_task(write(number)) for number in range(3)]
    await asyncio.sleep(0)
    asked[0].cancel()
    async with asyncio.timeout(30):
        first, *others = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert others == [1, 2]
    assert done == [0, 1, 2]


async def test_who_stops_waiting_takes_nothing_from_the_others(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    gone = asyncio.create_task(registry.write(put("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await registry.write(put("stays")) == 1
    assert "stays" in await registry.read(keys)


async def test_a_session_is_made_once_and_is_the_same_object_for_everybody(
    reopen: Callable[[], Awaitable[Registry]], tmp_path: Path
) -> None:
    registry, known = await reopen(), Sessions(tmp_path)

    def made(statements: Statements) -> str:
        return sessions.upsert(statements, "default", PLACE, "public", 1)

    first, second = await registry.write(made), await registry.write(made)
    assert first == second == sessions.session_id("default", PLACE)
    [one] = await registry.read(known.here)
    [other] = await registry.read(lambda s: known.load(s, "id = ?", (first,)))
    assert one is other is known.get(first)
    assert one.address == PLACE


async def test_a_scope_that_changed_is_seen_by_those_who_hold_the_session(
    reopen: Callable[[], Awaitable[Registry]], tmp_path: Path
) -> None:
    registry, known = await reopen(), Sessions(tmp_path)
    await registry.write(lambda s: sessions.upsert(s, "default", PLACE, "public", 1))
    [held] = await registry.read(known.here)
    await registry.write(lambda s: sessions.upsert(s, "default", PLACE, "private", 2))
    await registry.read(known.here)
    assert held.scope == "public"
    await registry.write(lambda s: sessions.channel_became(s, PLACE, "private"))
    await registry.read(known.here)
    assert held.scope == sessions.scope_name("private", PLACE, "")


def test_for_whom_a_place_is_can_be_told_by_its_scope() -> None:
    kept: dict[str, str] = {"dm": "dm", "private": "private", "guests": "public", "public": "public"}
    for kind, privacy in kept.items():
        scope = sessions.scope_name(kind, PLACE, "U1")  # type: ignore[arg-type]
        assert sessions.privacy_of(scope, PLACE) == privacy
    assert sessions.privacy_of("of another place", PLACE) == "private"


async def test_what_guests_asked_stays_apart_in_a_public_channel_and_is_the_channels_in_a_private_one(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    public, guests, private = (
        sessions.scope_name(kind, PLACE, "") for kind in ("public", "guests", "private")
    )

    def scopes(s: Statements) -> list[str]:
        return [str(scope) for (scope,) in s.execute("SELECT scope FROM sessions ORDER BY thread_id")]

    for thread, scope in {"1": public, "2": guests, "3": "another"}.items():
        there = PLACE._replace(thread_id=thread)
        await registry.write(lambda s, a=there, scope=scope: sessions.upsert(s, "default", a, scope, 1))  # type: ignore[misc]
    changed = []
    for privacy in ("public", "public", "private", "public"):
        moved = await registry.write(lambda s, p=privacy: sessions.channel_became(s, PLACE, p))  # type: ignore[misc]
        changed.append((len(moved), await registry.read(scopes)))

    assert changed == [
        (1, [public, guests, public]),
        (0, [public, guests, public]),
        (3, [private] * 3),
        (3, [public] * 3),
    ]


@pytest.mark.parametrize("reopen", ["on_sqlite"], indirect=True)
async def test_a_channel_that_is_what_it_was_costs_three_looks_into_an_index(
    reopen: Callable[[], Awaitable[Registry]],
) -> None:
    registry = await reopen()
    plan = await registry.read(
        lambda s: s.execute(
            f"EXPLAIN QUERY PLAN {sessions.OF_ANOTHER_SCOPE}", (*PLACE[:3], "guests", "public")
        ).fetchall()
    )
    looks = [str(row[-1]) for row in plan if "sessions" in str(row[-1])]
    assert len(looks) == 3
    assert all("SEARCH" in look and "sessions_scope" in look and "scope" in look for look in looks)


def test_a_folder_of_the_first_version_gets_every_table_that_came_since(tmp_path: Path) -> None:
    """Migrations are numbered and only added: what stands in an old one never reaches a folder that had it."""
    schema = resources.files("host.registry").joinpath("schema")
    old = apsw.Connection(str(tmp_path / "old.db"))
    first = schema.joinpath("host_0001.sql").read_text("utf-8")
    old.execute(f"{first};PRAGMA user_version = 1")
    old.close()
    assert hashlib.sha256(first.encode()).hexdigest()[:16] == FIRST_VERSION, "it has shipped: add a migration"
    tables = "SELECT name FROM sqlite_schema ORDER BY name"
    found = []
    for name in ("old.db", "new.db"):
        connection = open_host_db(tmp_path / name)
        found.append(connection.execute(tables).fetchall())
        connection.close()
    assert found[0] == found[1]


def test_sessions_from_before_the_ledger_are_to_be_read_into_it_and_later_ones_are_in_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "host.db"
    connection = apsw.Connection(str(path))
    schema = resources.files("host.registry").joinpath("schema")
    for version in (1, 2, 3, 4):
        sql = schema.joinpath(f"host_{version:04}.sql").read_text("utf-8")
        connection.execute(f"{sql};PRAGMA user_version = {version}")
    older = sessions.upsert(connection, "default", PLACE, "public", 1)
    connection.close()
    with pytest.raises(Incompatible, match="version 4"):
        open_registry(tmp_path)
    migrated = open_host_db(path)
    later = sessions.upsert(migrated, "other", PLACE, "public", 1)
    known = Sessions(tmp_path)
    loaded = (known.load(migrated, "id = ?", (id_,))[0] for id_ in (older, later))
    found = {session.id: session.in_ledger for session in loaded}
    assert found == {older: False, later: True}
    migrated.close()


def test_who_was_let_in_on_slack_before_is_so_in_the_workspace_in_which_they_were_heard(
    tmp_path: Path,
) -> None:
    """In another the same id may be somebody else's; of whom nothing was heard nobody knows where they are."""
    connection = apsw.Connection(str(tmp_path / "host.db"))
    schema = resources.files("host.registry").joinpath("schema")
    for version in range(1, 23):
        sql = schema.joinpath(f"host_{version:04}.sql").read_text("utf-8")
        connection.execute(f"{sql};PRAGMA user_version = {version}")
    user = "INSERT INTO users (channel_type, workspace_id, user_id, name, standing, seen_at) VALUES (?, ?, ?, '', ?, 1)"
    for row in (
        ("slack", "", "U1", "allowed"),
        ("slack", "T1", "U1", ""),
        ("slack", "", "U2", "denied"),
        ("slack", "T1", "U3", ""),
        ("discord", "", "4", "allowed"),
        ("discord", "9", "4", ""),
    ):
        connection.execute(user, row)
    connection.close()
    migrated = open_host_db(tmp_path / "host.db")
    found = migrated.execute(
        "SELECT channel_type, workspace_id, user_id, standing FROM users WHERE standing <> '' ORDER BY 1, 3"
    ).fetchall()
    assert found == [
        ("discord", "", "4", "allowed"),
        ("slack", "T1", "U1", "allowed"),
        ("slack", "", "U2", "denied"),
    ]
    migrated.close()


def test_who_did_something_on_slack_before_did_it_in_its_workspace(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "host.db"))
    schema = resources.files("host.registry").joinpath("schema")
    for version in range(1, 26):
        sql = schema.joinpath(f"host_{version:04}.sql").read_text("utf-8")
        connection.execute(f"{sql};PRAGMA user_version = {version}")
    session = "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at)"
    connection.execute(f"{session} VALUES ('s1', 'a', 'slack', 'T1', 'C1', '', 'x', 1, 1)")
    connection.execute(
        "INSERT INTO asked (key, session_id, channel_type, workspace_id, platform_id, thread_id)"
        " VALUES ('q', 's1', 'slack', 'T1', 'C1', '')"
    )
    audit = "INSERT INTO audit VALUES (NULL, 1, ?, 'Ann', ?, ?, 'C1', '', 'access', '', '')"
    for row in (("slack:U1", "slack", "T1"), ("discord:4", "discord", "9"), ("console:you", "slack", "T1")):
        connection.execute(audit, row)
    for table, values in {
        "channel_versions": "'slack', 'T1', 'C1', 1, 1, 'slack:U1', 'Ann', '[]', '[]'",
        "grants": "NULL, 'slack', 'T1', 'a', 'bash', '', 'slack:U1', 'Ann', 1",
        "judgements": "'k', 'slack:U1', 's1', 'a', '', 'good', '', 1, 1",
        "votes": "'q', 'slack:U1', 'Ann', 1",
        "mcp_logins": "'a', 'notes', x'01', 1",
    }.items():
        connection.execute(f"INSERT INTO {table} VALUES ({values})")
    connection.close()
    migrated = open_host_db(tmp_path / "host.db")
    found = [user for (user,) in migrated.execute("SELECT user FROM audit ORDER BY id").fetchall()]
    assert found == ["slack:T1/U1", "discord:4", "console:you"]
    for table in ("channel_versions", "grants", "judgements", "votes"):
        assert migrated.execute(f"SELECT user FROM {table}").fetchall() == [("slack:T1/U1",)], table
    assert migrated.execute("SELECT agent, workspace, sealed FROM mcp_logins").fetchall() == [
        ("a", "", b"\1")
    ]
    migrated.close()


@pytest.mark.parametrize("reopen", ["on_sqlite"], indirect=True)
async def test_what_was_overwritten_is_in_no_file_after_a_scrub_and_a_reader_of_the_past_is_told_of(
    reopen: Callable[[], Awaitable[Registry]], tmp_path: Path
) -> None:
    registry = await reopen()
    await registry.write(put("sesame"))
    await registry.write(lambda c: c.execute("DELETE FROM meta WHERE key = 'sesame'"))
    files = [tmp_path / "host.db", tmp_path / "host.db-wal"]
    assert any(b"sesame" in path.read_bytes() for path in files)
    assert await registry.scrub()
    assert not any(b"sesame" in path.read_bytes() for path in files)
    await registry.write(put("later"))
    assert "later" in await registry.read(keys)


def test_nothing_is_scrubbed_while_somebody_still_reads_an_older_state(
    tmp_path: Path,
) -> None:
    writes = open_host_db(tmp_path / "host.db")
    reads = open_registry(tmp_path)
    reads.execute("BEGIN; SELECT * FROM meta")
    writes.execute("INSERT INTO meta VALUES ('new', 'x')")
    assert not db.emptied(tmp_path / "host.db", busy=1)
    reads.execute("COMMIT")
    assert db.emptied(tmp_path / "host.db", busy=1)
    for connection in (reads, writes):
        connection.close()


def test_what_is_put_into_the_registry_is_said_in_words_that_every_engine_has() -> None:
    """PostgreSQL knows no OR REPLACE and no OR IGNORE, wants to be told which key an upsert means, and takes a bare column in
    one for either row's."""
    upserts = [found for sql in _statements() if (found := INTO.search(sql)) and found["table"] in _tables()]
    assert len(upserts) > 40
    assert [found.string for found in upserts if found["or"]] == []
    assert [
        found.string for found in upserts if re.search(r"ON CONFLICT DO UPDATE|\biif\(", found.string)
    ] == []
    assert [
        found.string
        for found in upserts
        if re.search(r"= \w+ \+|\bmax\(", found.string.partition("DO UPDATE")[2])
    ] == []


def test_what_is_asked_of_the_registry_is_said_in_words_that_every_engine_has_or_can_be_given() -> None:
    """PostgreSQL has no GLOB, no limit below nothing and no number for a condition; JSON is changed by no statement."""
    tables = "|".join(sorted(_tables()))
    asked = [sql for sql in _statements() if re.search(rf"\b(FROM|UPDATE|INTO|JOIN) ({tables})\b", sql)]
    assert len(asked) > 200
    assert [sql for sql in asked if ENGINES_OWN.search(sql)] == []


ENGINES_OWN = re.compile(
    r"\bGLOB\b|LIMIT -|\bx''|\biif\(|\bchar\(|\bjson_(set|tree|extract)\(|\bjson\(|\b(WHERE|AND|OR) [01]\b"
    r"|\b(WHERE|AND|OR) instr\((?:[^()]|\([^()]*\))*\)(?! >)|\bsum\([\w.]+ =|\browid\b|\bIS \?|\?\d* IS NULL"
    r"|DISTINCT \+|AS INTEGER\b"
)
INTO = re.compile(r"(?:INSERT|(?P<or>INSERT\s+OR\s+\w+|REPLACE))\s+INTO\s+(?P<table>\w+)")


def _tables() -> set[str]:
    schema = resources.files("host.registry").joinpath("schema")
    return {
        name
        for file in schema.iterdir()
        for name in re.findall(r"^CREATE TABLE (\w+)", file.read_text(), re.M)
    }


def _statements() -> list[str]:
    """Every text of the host's that may be one, its f-strings with a gap where something is filled in."""
    found = []
    for path in Path(str(resources.files("host"))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values]
                found.append("".join(parts))
    return found
