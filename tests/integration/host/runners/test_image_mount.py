"""Two real processes on one SQLite file: a writer on the host, a reader behind a read-only bind mount.

These are the properties of engine, kernel and SQLite that the two-file contract rests on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from docker.models.containers import Container

from tests.support.engine import TEST_TIMEOUT, Installation

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(TEST_TIMEOUT)]

PAIRS = 200

# Commits rows in pairs whose sum is zero, and waits after the first pair.
WRITER = f"""
import sys, apsw
file = apsw.Connection(sys.argv[1])
file.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL")
file.set_busy_timeout(10_000)
for n in range({PAIRS}):
    file.execute("BEGIN IMMEDIATE")
    file.execute("INSERT INTO pair(change) VALUES (?)", (n,))
    file.execute("INSERT INTO pair(change) VALUES (?)", (-n,))
    file.execute("COMMIT")
    if n == 0:
        print("first", flush=True)
        sys.stdin.readline()
"""

# Follows the file from its first pair until every row is there, opening it anew for each look.
READER = f"""
import json, time, apsw
READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW
first, torn, count = None, 0, 0
while count < 2 * {PAIRS}:
    try:
        file = apsw.Connection("/inbound/inbound.db", flags=READ_ONLY)
        file.set_busy_timeout(1_000)
        count, total = file.execute("SELECT count(*), coalesce(sum(change), 0) FROM pair").fetchone()
        file.close()
    except (apsw.BusyError, apsw.ReadOnlyError, apsw.CantOpenError):
        time.sleep(0.002)
        continue
    torn += total != 0 or count % 2 != 0
    if first is None:
        first = count
        print("reading", flush=True)
print(json.dumps({{"first": first, "last": count, "torn": torn}}))
"""

# Ends in the middle of a transaction whose pages have already reached the file.
CRASHING_WRITER = """
import os, signal, sys, apsw
file = apsw.Connection(sys.argv[1])
file.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA cache_size = 5")
file.execute("BEGIN IMMEDIATE")
for n in range(2000):
    file.execute("UPDATE filler SET content = randomblob(900) WHERE id = ?", (n + 1,))
os.kill(os.getpid(), signal.SIGKILL)
"""

LOOK = """
import apsw
file = apsw.Connection("/inbound/inbound.db", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW)
try:
    print(file.execute("SELECT count(*) FROM filler WHERE content = zeroblob(900)").fetchone()[0])
except apsw.Error as error:
    print(type(error).__name__, error.extendedresult == apsw.SQLITE_READONLY_ROLLBACK)
"""

MEDDLE = """
import pathlib, apsw
def attempt(name, act):
    try:
        act()
        print(name, "happened")
    except (apsw.ReadOnlyError, OSError) as error:
        print(name, "refused")
folder = pathlib.Path("/inbound")
file = apsw.Connection("/inbound/inbound.db")
attempt("insert", lambda: file.execute("INSERT INTO pair(change) VALUES (1)"))
attempt("create", lambda: (folder / "new").write_text("x"))
attempt("truncate", lambda: (folder / "inbound.db").write_bytes(b""))
attempt("rename", lambda: (folder / "inbound.db").rename(folder / "other.db"))
attempt("unlink", lambda: (folder / "inbound.db").unlink())
attempt("chmod", lambda: (folder / "inbound.db").chmod(0o666))
attempt("journal", lambda: (folder / "inbound.db-journal").write_bytes(b"forged"))
"""


@pytest.fixture
def inbound(tmp_path: Path) -> Path:
    """A session's inbound folder, readable for the container's user."""
    folder = tmp_path / "inbound"
    folder.mkdir(mode=0o755)
    file = apsw.Connection(str(folder / "inbound.db"))
    file.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL")
    file.execute("CREATE TABLE pair(id INTEGER PRIMARY KEY, change INTEGER NOT NULL)")
    file.execute("CREATE TABLE filler(id INTEGER PRIMARY KEY, content BLOB NOT NULL)")
    file.close()
    return folder


def wait_for(lines: Iterator[bytes], word: str) -> None:
    for line in lines:
        if word in line.decode():
            return
    pytest.fail(f"The container ended without saying {word!r}")


def result(container: Container) -> str:
    assert container.wait(timeout=60)["StatusCode"] == 0, container.logs().decode()
    return container.logs().decode().splitlines()[-1]


def test_a_reader_behind_the_mount_sees_every_commit_whole_while_the_host_writes(
    installation: Installation, inbound: Path
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(inbound / "inbound.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "first\n"
        reader = installation.start("python", "-c", READER, mounts={inbound: "/inbound:ro"})
        wait_for(reader.logs(stream=True, follow=True), "reading")
        writer.communicate("go\n", timeout=60)
    assert writer.returncode == 0

    assert json.loads(result(reader)) == {"first": 2, "last": 2 * PAIRS, "torn": 0}


def test_the_container_can_change_nothing_behind_the_read_only_mount(
    installation: Installation, inbound: Path
) -> None:
    inbound.chmod(0o777)
    (inbound / "inbound.db").chmod(0o666)
    before = (inbound / "inbound.db").read_bytes()

    status, printed = installation.run("python", "-c", MEDDLE, mounts={inbound: "/inbound:ro"}, user="0:0")

    assert status == 0, printed
    acts = ("insert", "create", "truncate", "rename", "unlink", "chmod", "journal")
    assert printed.splitlines() == [f"{act} refused" for act in acts]
    assert [entry.name for entry in inbound.iterdir()] == ["inbound.db"]
    assert (inbound / "inbound.db").read_bytes() == before


def test_a_hot_journal_stops_the_reader_until_the_host_has_rolled_back(
    installation: Installation, inbound: Path
) -> None:
    path = str(inbound / "inbound.db")
    host = apsw.Connection(path)
    host.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO filler SELECT i, zeroblob(900) FROM n"
    )
    host.close()
    crashed = subprocess.run([sys.executable, "-c", CRASHING_WRITER, path], check=False, timeout=60)
    assert crashed.returncode == -9
    assert (inbound / "inbound.db-journal").exists()

    assert installation.run("python", "-c", LOOK, mounts={inbound: "/inbound:ro"}) == (
        0,
        "ReadOnlyError True\n",
    )
    host = apsw.Connection(path)
    assert host.execute("SELECT count(*) FROM filler").get == 2000
    host.close()

    assert installation.run("python", "-c", LOOK, mounts={inbound: "/inbound:ro"}) == (0, "2000\n")
