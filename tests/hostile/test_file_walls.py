"""What a container leaves where the host reads: each leads a host astray that just opens it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.folders import attachments, modes, unnamed
from host.folders.attachments import AttachmentError
from host.mailbox import outbound, untrusted
from host.mailbox.outbound import OutboundReader
from sessiondb import connection as connections
from sessiondb import content
from sessiondb.connection import open_reader
from sessiondb.errors import SessionError
from sessiondb.layout import SessionFolder
from sessiondb.records import MessageOut
from sessiondb.signals import read_heartbeat
from tests.support.attacks import COLUMNS, Target, backwards, database, insert, rows, schema
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.CONTAINER, 8)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A session whose runner has written one honest file."""
    folder = SessionFolder(tmp_path / "session")
    for made in (folder.outbound, folder.outbound_files):
        made.mkdir(parents=True, exist_ok=True)
    found = Target(folder, "m1", folder, "m1")
    with database(found):
        pass
    return found


def _chain(files: Path) -> None:
    (files / "a").symlink_to("../..")
    (files / "x").symlink_to("a/secret")


LEADS: dict[str, tuple[Callable[[Path], None], str]] = {
    "by a symlink": (lambda f: (f / "x").symlink_to("../../secret"), "x"),
    "by a symlink to an absolute path": (lambda f: (f / "x").symlink_to(f.parents[1] / "secret"), "x"),
    "by a symlinked folder": (lambda f: (f / "x").symlink_to("../.."), "x/secret"),
    "by going up": (lambda f: None, "../../secret"),
    "by going down and up": (lambda f: (f / "d").mkdir(), "d/../../../secret"),
    "by chained symlinks": (_chain, "x"),
}


@walled
@pytest.mark.parametrize("how", LEADS)
def test_a_file_to_be_sent_leads_out_of_the_session(tmp_path: Path, how: str, standing: bool) -> None:
    files = tmp_path / "outbound" / "files"
    files.mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"of the host")
    make, path = LEADS[how]
    make(files)
    try:
        read = attachments.read(files, path) if standing else (files / path).read_bytes()
    except AttachmentError:
        read = b""
    assert (read == b"of the host") is not standing


@walled
def test_a_heartbeat_is_another_sessions(target: Target, standing: bool) -> None:
    """A symlink would lend it the life of a runner that is not its own."""
    (target.folder.root / "theirs").write_text("incarnation")
    target.folder.heartbeat.symlink_to(target.folder.root / "theirs")
    if standing:
        assert read_heartbeat(target.folder.heartbeat) is None
    else:
        assert target.folder.heartbeat.read_text() == "incarnation"


def _read(target: Target) -> str:
    """What the host reads of the session's rows: a text, or why it does not read on."""
    try:
        reader = OutboundReader(target.folder.outbound_db)
    except SessionError as error:
        return f"refused: {error}"
    try:
        page = reader.rows_after(0)
    except SessionError as error:
        return f"refused: {error}"
    finally:
        reader.close()
    return str([getattr(row, "content", row) for row in page.rows])


def take_the_schema_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both walls: that it is compared with what it should be, and that SQLite refuses views."""
    monkeypatch.setattr(OutboundReader, "_check_schema", lambda _: None)
    monkeypatch.setattr(connections, "_harden", lambda _: None)


SCHEMAS: dict[str, tuple[str, ...]] = {
    "by a view in a table's place": (
        "ALTER TABLE messages_out RENAME TO h",
        "CREATE VIEW messages_out AS SELECT * FROM h",
    ),
    "by a trigger": ("CREATE TRIGGER t AFTER INSERT ON messages_out BEGIN DELETE FROM transcript; END",),
    "by an expression in an index": ("CREATE INDEX evil ON messages_out (hex(content))",),
    "by a generated column": ("ALTER TABLE messages_out ADD COLUMN more TEXT AS (hex(content))",),
    "by a table of its own": ("CREATE TABLE more (a)",),
    "by a view that makes its rows up": (
        "DROP TABLE messages_out",
        f"CREATE VIEW messages_out ({COLUMNS}) AS SELECT 1, 'evil', 'm1', '', 'chat', 1, 0,"
        """ '{"type": "text", "text": "evil"}'""",
    ),
}


@walled
@pytest.mark.parametrize("how", SCHEMAS)
def test_the_files_schema_runs_what_its_owner_likes(
    target: Target, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    rows()(target)
    schema(*SCHEMAS[how])(target)
    if not standing:
        take_the_schema_as_it_is(monkeypatch)
    assert ("evil" in _read(target)) is not standing


@walled
def test_the_file_asks_for_a_write_ahead_log(target: Target, standing: bool) -> None:
    """SQLite's own way would make files beside it and map memory that the other side can cut off."""
    rows()(target)
    with database(target) as connection:
        connection.pragma("journal_mode", "wal")
    if standing:
        assert "refused" in _read(target)
        return
    connection = open_reader(target.folder.outbound_db)
    try:
        connection.execute("SELECT * FROM messages_out").fetchall()
        assert target.folder.outbound_db.with_name("outbound.db-shm").exists()
    finally:
        connection.close()


@walled
@pytest.mark.parametrize("what", ["the database", "its journal"])
def test_a_fifo_stands_where_the_host_waits(target: Target, what: str, standing: bool) -> None:
    """Opened as SQLite opens, it would wait for a writer for ever; the naive look is one that does not wait."""
    path = target.folder.outbound_db
    if what == "its journal":
        rows()(target)
        path = path.with_name("outbound.db-journal")
    else:
        path.unlink()
    os.mkfifo(path)
    if standing:
        assert "refused" in _read(target)
    else:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(descriptor, 1) == b"", "it opens: without that flag it would wait"
        os.close(descriptor)


@walled
@pytest.mark.parametrize("number", [2**40 + 1, 2**52 + 1])
def test_a_seq_far_ahead_silences_all_behind_it(
    target: Target, monkeypatch: pytest.MonkeyPatch, number: int, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(outbound, "LARGEST_JUMP", 2**62)
    rows(seq=number)(target)
    assert ("evil" in _read(target)) is not standing


MAPS = """
import ctypes, mmap, os, platform, sys, threading
file = open(sys.argv[1], "w+b")
file.write(bytes(2_000_000))
file.flush()
os.unlink(sys.argv[1])
kept = mmap.mmap(file.fileno(), 4_096 if sys.argv[2] == "as one page" else 2_000_000)
for descriptor in range(3, 10):  # mmap keeps one of its own, where it is asked to grow
    try:
        os.close(descriptor)
    except OSError:
        pass
threading.Thread(target=sys.stdin.read).start()
print("kept", flush=True)
if sys.argv[2] == "behind a thread that has ended":
    ctypes.CDLL(None).syscall(ctypes.c_long({"x86_64": 60, "aarch64": 93}[platform.machine()]), 0)
"""


@walled
@pytest.mark.parametrize("how", ["as one page", "behind a thread that has ended"])
def test_a_deleted_file_is_kept_mapped_where_little_of_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(unnamed, "_mapped", lambda *_: ((tmp_path.stat().st_dev, 1), 4_096))
        monkeypatch.setattr(unnamed, "_maps", lambda task: (task.parents[1] / "maps").read_bytes())
    command = [sys.executable, "-c", MAPS, str(tmp_path / "large"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        if how == "behind a thread that has ended":
            while b"Z" not in Path(f"/proc/{process.pid}/task/{process.pid}/stat").read_bytes():
                os.sched_yield()
        found = dict(unnamed._held(Path(f"/proc/{process.pid}")))
        process.stdin.close()
    kept = [size for (device, _), size in found.items() if device == tmp_path.stat().st_dev]
    assert any(size >= 2_000_000 for size in kept) is standing


@walled
def test_rows_stand_in_an_order_that_reads_on_for_ever(
    target: Target, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    backwards(target)
    if not standing:
        monkeypatch.setattr(outbound, "_follows", lambda *_: True)
    reader = OutboundReader(target.folder.outbound_db)
    try:
        seqs = [row.row.seq for row in reader.rows_after(9).rows if isinstance(row, outbound.Accepted)]
    except SessionError:
        seqs = []
    finally:
        reader.close()
    assert (seqs == [101, 7]) is not standing


@walled
@pytest.mark.parametrize("end", [2**70, -(2**70), f'"{10**30}"'])
def test_a_question_ends_at_a_time_that_no_column_holds(
    target: Target, monkeypatch: pytest.MonkeyPatch, end: object, standing: bool
) -> None:
    asked = f'{{"type": "ask_question", "text": "?", "expires_at": {end}}}'
    rows(content=asked)(target)
    if not standing:
        monkeypatch.setattr(outbound, "_is_time", lambda _: True)
    reader = OutboundReader(target.folder.outbound_db)
    try:
        [row] = reader.rows_after(0).rows
    finally:
        reader.close()
    assert isinstance(row, outbound.Refused) is standing


@walled
def test_more_rows_than_a_conversation_has_are_read(
    target: Target, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    monkeypatch.setattr(outbound, "MOST_UNREAD", 500 if standing else 10**6)
    with database(target) as connection, connection:
        for number in range(600):
            insert(connection, target, 2 * number + 1, f"r{number}")
    assert ("refused" in _read(target)) is standing


@walled
def test_a_query_that_never_ends_keeps_a_thread(
    target: Target, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Here it ends after a while, so that the test without its wall does."""
    take_the_schema_as_it_is(monkeypatch)
    monkeypatch.setattr(outbound, "QUERY_BUDGET", 0.05 if standing else 1_000.0)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT count(*) FROM n, n AS m"
    schema(
        "DROP TABLE messages_out",
        f"CREATE VIEW messages_out ({COLUMNS}) AS SELECT ({many}) - 8999999, 'evil', 'm1', '', 'chat', 1, 0, '{{}}'",
    )(target)
    assert ("took too long" in _read(target)) is standing


VALUES: dict[str, tuple[str, apsw.SQLiteValue]] = {
    "a time of half a millisecond": ("created_at", 1.5),
    "a time as text": ("deliver_after", "soon"),
    "a destination of bytes": ("destination", b"\xff"),
    "a kind of nothing": ("kind", ""),
    "a number too long to read": (
        "content",
        '{"type": "action", "name": "x", "arguments": {"n": ' + "9" * 5_000 + "}}",
    ),
    "options without a text": ("content", '{"type": "ask_question", "text": "?", "options": [null]}'),
    "fields of a card that are none": ("content", '{"type": "card", "title": "t", "fields": [1]}'),
    "a type of its own": ("content", '{"type": ["text"], "text": "evil"}'),
    "a text that is none": ("content", '{"type": "text", "text": 1e999}'),
}


def _believed(row: tuple[Any, ...]) -> outbound.Accepted:
    """A row as it is said to be."""
    cells: list[Any] = [cell.decode() if isinstance(cell, bytes) else cell for cell in row]
    return outbound.Accepted(MessageOut(*cells), json.loads(cells[7]))


@walled
@pytest.mark.parametrize("what", VALUES)
def test_a_row_holds_what_no_runner_writes(
    target: Target, monkeypatch: pytest.MonkeyPatch, what: str, standing: bool
) -> None:
    """Believed, it comes to those who count on its types, or breaks whoever reads it and all that stands behind it."""
    column, value = VALUES[what]
    rows(**{column: value})(target)
    with database(target) as connection:
        insert(connection, target, 3, "honest", content=content.encode(content.Text("fine")))
    if not standing:
        monkeypatch.setattr(outbound, "_validated", _believed)
    try:
        read = _read(target)
    except ValueError:
        read = "broken"
    assert ("Refused" in read) is standing
    assert ("Text(text='fine'" in read) is standing, "what stands behind it is read"


@walled
@pytest.mark.parametrize("what", ["write", "truncate", "lock"])
def test_the_hosts_vfs_neither_writes_nor_deletes(target: Target, what: str, standing: bool) -> None:
    """SQLite's own does what it is asked to."""
    path = str(target.folder.outbound_db)
    flags = [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE, 0]
    file: Any = untrusted.UntrustedFile(path) if standing else apsw.VFSFile("unix", path, flags)
    acts: dict[str, Callable[[], object]] = {
        "write": lambda: file.xWrite(b"x", 0),
        "truncate": lambda: file.xTruncate(0),
        "lock": lambda: [
            file.xLock(level) for level in (apsw.SQLITE_LOCK_SHARED, apsw.SQLITE_LOCK_EXCLUSIVE)
        ],
    }
    try:
        acts[what]()
        done = True
    except apsw.ReadOnlyError:
        done = False
    finally:
        file.xClose()
    assert done is not standing


# ── a local user ─────────────────────────────────────────────────────────────────────────────────────────

NOBODY = 65_534


@contextmanager
def somebody_else() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _list(data: Path) -> None:
    assert list(data.iterdir())


def _read_registry(data: Path) -> None:
    assert (data / "host.db").read_bytes()


def _write_registry(data: Path) -> None:
    (data / "host.db").write_bytes(b"mine")


def _connect(data: Path) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(data / "gateway.sock"))


def _ring(data: Path) -> None:
    os.close(os.open(data / "bell", os.O_WRONLY | os.O_NONBLOCK))


@walled
@pytest.mark.parametrize("act", [_list, _read_registry, _write_registry, _connect, _ring])
@attack(Seat.LOCAL, 16)
def test_another_user_of_the_machine_reaches_into_the_data_folder(
    act: Callable[[Path], None], standing: bool
) -> None:
    data = Path(tempfile.mkdtemp(dir="/tmp"))
    before = os.umask(0o077 if standing else 0)
    try:
        data.chmod(0o700 if standing else 0o777)
        (data / "host.db").write_bytes(b"everything")
        os.mkfifo(data / "bell", 0o666)
        ear = os.open(data / "bell", os.O_RDWR | os.O_NONBLOCK)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(data / "gateway.sock"))
            door.listen()
            assert bool(modes.openness(data)) is not standing
            with somebody_else():
                try:
                    act(data)
                    got_in = True
                except PermissionError:
                    got_in = False
        os.close(ear)
    finally:
        os.umask(before)
        for path in data.iterdir():
            path.unlink()
        data.rmdir()
    assert got_in is not standing
