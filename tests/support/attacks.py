"""What a container that was taken over can do to its side of the session. Each attack acts on a session's folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import apsw

from host.mailbox import untrusted
from sessiondb import SessionFolder, content
from sessiondb.connection import open_writer, schema_sql

SQLiteValue: TypeAlias = int | float | str | bytes | None
# session: quarantined; row: refused, and the row behind it delivered; told: given up, with a note; harmless: nothing
Ends = Literal["session", "row", "told", "harmless", "lost"]
FINE = "fine"  # what an honest row behind the hostile ones says


@dataclass(frozen=True)
class Target:
    """The session that attacks, and what it knows of itself and of its neighbour."""

    folder: SessionFolder
    message_id: str
    neighbour: SessionFolder
    neighbour_message_id: str


@dataclass(frozen=True)
class Attack:
    name: str
    act: Callable[[Target], None]
    ends: Ends
    then: Callable[[Target], None] | None = None  # once the host has seen the first part


@contextmanager
def database(target: Target, path: Path | None = None) -> Iterator[apsw.Connection]:
    """The session's own file, as the runner's image would make it, with the checks that the owner can switch off."""
    connection = open_writer(path or target.folder.outbound_db, "outbound")
    connection.pragma("ignore_check_constraints", 1)
    try:
        yield connection
    finally:
        connection.close()


def insert(
    connection: apsw.Connection, target: Target, seq: SQLiteValue, id_: SQLiteValue, **other: SQLiteValue
) -> None:
    row: dict[str, SQLiteValue] = {
        "in_reply_to": target.message_id,
        "destination": "",
        "kind": "chat",
        "created_at": 1,
        "deliver_after": 0,
        "content": content.encode(content.Text("evil")),
    }
    row |= other
    columns = ", ".join(row)
    connection.execute(
        f"INSERT INTO messages_out (seq, id, {columns}) VALUES (?, ?, {', '.join('?' * len(row))})",
        (seq, id_, *row.values()),
    )


def answer(target: Target, text: str = FINE, seq: int = 9_001) -> None:
    """What an honest runner writes."""
    with database(target) as connection:
        insert(connection, target, seq, f"honest-{seq}", content=content.encode(content.Text(text)))


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────


def replaced_by(make: Callable[[Path, Target], None]) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        target.folder.outbound_db.unlink(missing_ok=True)
        make(target.folder.outbound_db, target)

    return act


def _socket(path: Path, _: Target) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            listening.bind(path.name)
        finally:
            os.chdir(here)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sparse(path: Path, _: Target) -> None:
    with path.open("wb") as file:
        file.truncate(untrusted.LARGEST_FILE + 1)


def _changed_bytes(change: Callable[[bytearray], bytes | bytearray]) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        path = target.folder.outbound_db
        new = path.with_name("new")  # an honest row that the host may have read meanwhile would be no attack
        new.write_bytes(path.read_bytes())
        with database(target, new) as connection:
            insert(connection, target, 9_001, "changed")
        new.write_bytes(change(bytearray(new.read_bytes())))
        new.replace(path)

    return act


def _wal(data: bytearray) -> bytearray:
    data[18:20] = b"\2\2"
    return data


def _contract_99(data: bytearray) -> bytearray:
    data[60:64] = (99).to_bytes(4, "big")
    return data


def _scrambled(data: bytearray) -> bytearray:
    for page in range(4096, len(data), 4096):
        data[page : page + 100] = b"\xff" * 100
    return data


def _schema_page(data: bytearray) -> bytearray:
    data[100:140] = b"\xff" * 40
    return data


def backwards(target: Target) -> None:
    """The second row in the file's own order comes before the first, as no SQLite writes it."""
    path = target.folder.outbound_db
    new = path.with_name("new")  # honest rows that the host may have read meanwhile would be no attack
    new.write_bytes(path.read_bytes())
    with database(target, new) as connection:
        insert(connection, target, 101, "first")
        insert(connection, target, 103, "second")
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages_out'")
        size = int(str(connection.pragma("page_size")))
    data = bytearray(new.read_bytes())
    page = (int(str(root)) - 1) * size
    for pointer in range(page + 8, page + 8 + 2 * int.from_bytes(data[page + 3 : page + 5], "big"), 2):
        cell = page + int.from_bytes(data[pointer : pointer + 2], "big")
        number = cell + (2 if data[cell] & 0x80 else 1)  # behind the size of what the row holds
        data[number] = 7 if data[number] == 103 else data[number]
    new.write_bytes(data)
    new.replace(path)


def schema(*statements: str) -> Callable[[Target], None]:
    """A file with our tables, changed by these statements."""

    def act(target: Target) -> None:
        with database(target) as connection:
            for statement in statements:
                connection.execute(statement)

    return act


def _utf16(path: Path, _: Target) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("encoding", "UTF-16le")
    connection.execute(schema_sql("outbound", 1))
    connection.pragma("user_version", 1)
    connection.close()


def _changed_while_read(target: Target) -> None:
    """The host has a connection to the file by now."""
    with database(target) as connection:
        connection.execute("ALTER TABLE messages_out RENAME TO hidden")
        connection.execute("CREATE VIEW messages_out AS SELECT * FROM hidden")


def _renamed_over(target: Target) -> None:
    """Another file in its place, while the host's connection still has the first."""
    other = target.folder.outbound_db.with_name("other.db")
    connection = open_writer(other, "outbound")
    insert(connection, target, 1, "evil", content="{")
    connection.execute("DROP TABLE processing_ack")
    connection.close()
    other.replace(target.folder.outbound_db)


def journal(make: Callable[[Path], None]) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        answer(target, "evil")
        make(target.folder.outbound_db.with_name("outbound.db-journal"))

    return act


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
COLUMNS = "seq, id, in_reply_to, destination, kind, created_at, deliver_after, content"

FILES = [
    Attack(
        "symlink_to_a_neighbour", replaced_by(lambda p, t: p.symlink_to(t.neighbour.outbound_db)), "session"
    ),
    Attack("symlink_to_a_host_file", replaced_by(lambda p, _: p.symlink_to("/etc/passwd")), "session"),
    Attack("dangling_symlink", replaced_by(lambda p, _: p.symlink_to("nowhere")), "session"),
    Attack("fifo", replaced_by(lambda p, _: os.mkfifo(p)), "session"),
    Attack("folder", replaced_by(lambda p, _: p.mkdir()), "session"),
    Attack("socket", replaced_by(_socket), "session"),
    Attack("device", replaced_by(lambda p, _: p.symlink_to("/dev/zero")), "session"),
    Attack("huge_file", replaced_by(_sparse), "session"),
    Attack("garbage", replaced_by(lambda p, _: _write(p, b"no database " * 1000)), "session"),
    Attack("truncated", _changed_bytes(lambda data: data[:5000]), "session"),
    Attack("scrambled_pages", _changed_bytes(_scrambled), "session"),
    Attack("scrambled_schema", _changed_bytes(_schema_page), "session"),
    Attack("write_ahead_log", _changed_bytes(_wal), "session"),
    Attack("utf16", replaced_by(_utf16), "session"),
    Attack("renamed_over_while_read", lambda _: None, "session", then=_renamed_over),
    Attack("empty_file", replaced_by(lambda p, _: p.touch()), "lost"),
    Attack("rows_out_of_order", backwards, "session"),
    Attack("future_contract", _changed_bytes(_contract_99), "session"),
    Attack("journal_is_a_fifo", journal(lambda p: os.mkfifo(p)), "session"),
    Attack("journal_is_a_symlink", journal(lambda p: p.symlink_to("/etc/passwd")), "session"),
    Attack("journal_is_a_folder", journal(lambda p: p.mkdir()), "session"),
]

SCHEMAS = [
    Attack(
        "view_for_a_table",
        schema("ALTER TABLE messages_out RENAME TO h", "CREATE VIEW messages_out AS SELECT * FROM h"),
        "session",
    ),
    Attack(
        "endless_view",
        schema(
            "DROP TABLE messages_out",
            f"CREATE VIEW messages_out ({COLUMNS}) AS SELECT i, i, i, i, i, i, i, i FROM ({ENDLESS})",
        ),
        "session",
    ),
    Attack(
        "trigger",
        schema("CREATE TRIGGER t AFTER INSERT ON messages_out BEGIN DELETE FROM processing_ack; END"),
        "session",
    ),
    Attack(
        "virtual_table",
        schema("DROP TABLE messages_out", f"CREATE VIRTUAL TABLE messages_out USING fts5({COLUMNS})"),
        "session",
    ),
    Attack(
        "generated_column",
        schema("ALTER TABLE messages_out ADD COLUMN more TEXT AS (printf('%1000000s', content))"),
        "session",
    ),
    Attack("expression_index", schema("CREATE INDEX evil ON messages_out (hex(content))"), "session"),
    Attack("additional_table", schema("CREATE TABLE more (a)"), "session"),
    Attack("missing_table", schema("DROP TABLE processing_ack"), "session"),
    Attack("missing_column", schema("ALTER TABLE runner_state DROP COLUMN tool"), "session"),
    Attack("schema_changed_while_read", _changed_while_read, "session"),
]


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────


def rows(seq: SQLiteValue = 1, id_: SQLiteValue = "evil", **other: SQLiteValue) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        with database(target) as connection:
            insert(connection, target, seq, id_, **other)

    return act


def _routing_of_the_neighbour(target: Target) -> None:
    rows(in_reply_to=target.neighbour_message_id)(target)


def _invalid_utf8(target: Target) -> None:
    with database(target) as connection, connection:
        insert(connection, target, 1, "evil")
        connection.execute("UPDATE messages_out SET content = CAST(x'7bff7d' AS TEXT)")


def _large_blob(target: Target) -> None:
    with database(target) as connection, connection:
        insert(connection, target, 1, "evil")
        connection.execute("UPDATE messages_out SET content = zeroblob(30000000)")


def _large_text(target: Target) -> None:
    with database(target) as connection, connection:
        insert(connection, target, 1, "evil")
        connection.execute("UPDATE messages_out SET content = CAST(zeroblob(30000000) AS TEXT)")


def _flood(target: Target) -> None:
    text = content.encode(content.Text("evil"))
    with database(target) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 2 FROM n LIMIT 100000) INSERT INTO messages_out"
            " SELECT i, 'flood-' || i, ?, '', 'chat', 1, 0, ? FROM n",
            (target.message_id, text),
        )


def _used_again(target: Target) -> None:
    with database(target) as connection:
        connection.execute("DELETE FROM messages_out")
        insert(connection, target, 3, "again")


def _json(text: str, **other: SQLiteValue) -> Callable[[Target], None]:
    return rows(content=text, **other)


ROWS = [
    Attack("even_seq", rows(seq=2), "row"),
    Attack("seq_of_2_to_63", rows(seq=2**63 - 1), "session"),
    Attack("seq_beyond_2_to_53", rows(seq=2**53 + 1), "session"),
    Attack("seq_jumps", rows(seq=2**52 + 1), "session"),
    Attack("seq_goes_backwards", rows(seq=9_001, content="{"), "harmless", then=rows(seq=1, id_="earlier")),
    Attack("flood", _flood, "session"),
    Attack("content_is_a_blob", rows(content=b"{}"), "row"),
    Attack("content_is_a_number", rows(content=7), "row"),
    Attack("large_blob", _large_blob, "row"),
    Attack("large_text", _large_text, "row"),
    Attack("invalid_utf8", _invalid_utf8, "row"),
    Attack("not_json", _json("{"), "row"),
    Attack("json_but_no_object", _json("[1]"), "row"),
    Attack("nan", _json('{"type": "action", "name": "x", "arguments": {"n": NaN}}', kind="system"), "row"),
    Attack("lone_surrogate", _json('{"type": "text", "text": "\\ud800"}'), "row"),
    Attack(
        "lone_surrogate_in_arguments",
        _json('{"type": "action", "name": "x", "arguments": {"n": "\\udfff"}}', kind="system"),
        "row",
    ),
    Attack("deeply_nested", _json('{"type":' + "[" * 200_000 + "]" * 200_000 + "}"), "row"),
    Attack("unknown_operation", _json('{"type": "shutdown"}'), "row"),
    Attack("field_of_the_wrong_type", _json('{"type": "text", "text": {"a": 1}}'), "row"),
    Attack(
        "a_question_that_ends_beyond_any_clock",
        _json(
            '{"type": "ask_question", "text": "evil", "options": ["a"], "expires_at": 1180591620717411303424}'
        ),
        "row",
    ),
    Attack(
        "a_question_that_ended_before_there_were_clocks",
        _json('{"type": "ask_question", "text": "evil", "options": ["a"], "expires_at": "-1"}'),
        "row",
    ),
    Attack("kind_does_not_fit", _json('{"type": "text", "text": "evil"}', kind="system"), "row"),
    Attack("unknown_kind", rows(kind="root"), "row"),
    Attack("id_is_a_blob", rows(id_=b"evil"), "row"),
    Attack("id_is_empty", rows(id_=""), "row"),
    Attack("long_id", rows(id_="x" * 10_000), "row"),
    Attack("id_used_again", rows(id_="again", content="{"), "row", then=_used_again),
    Attack("time_is_a_text", rows(created_at="now"), "row"),
    Attack("routing_of_the_neighbour", _routing_of_the_neighbour, "row"),
    Attack("routing_to_a_destination_never_listed", rows(in_reply_to="", destination="boss"), "row"),
    Attack("no_routing", rows(in_reply_to=""), "row"),
    Attack("routing_is_a_blob", rows(in_reply_to=b"\0"), "row"),
    Attack("held_back_for_ever", rows(deliver_after=2**62), "harmless"),
    Attack(
        "edit_of_a_foreign_message",
        _json('{"type": "edit", "message_id": "m123", "text": "evil"}'),
        "told",
    ),
]


# ── claims and signs of life ─────────────────────────────────────────────────────────────────────────────


def ack(
    whose: Callable[[Target], str], status: SQLiteValue, attempt: SQLiteValue
) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        with database(target) as connection:
            connection.execute(
                "INSERT INTO processing_ack VALUES (?, ?, 'forged', ?, 't', '', 1)",
                (whose(target), status, attempt),
            )

    return act


def _own_ack(status: SQLiteValue, attempt: SQLiteValue) -> Callable[[Target], None]:
    return ack(lambda target: target.message_id, status, attempt)


def beside(name: str, make: Callable[[Path], object]) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        path = target.folder.outbound / name
        path.unlink(missing_ok=True)
        make(path)

    return act


def _future(path: Path) -> None:
    path.write_text("forged")
    os.utime(path, (2**33, 2**33))


def _nested(path: Path) -> None:
    path.write_text('{"incarnation":' + "[" * 100_000)


SIGNS = [
    Attack(
        "acknowledges_a_neighbours_message", ack(lambda t: t.neighbour_message_id, "completed", 1), "harmless"
    ),
    Attack("attempt_of_2_to_62", _own_ack("retry", 2**62), "harmless"),
    Attack("status_is_a_blob", _own_ack(b"completed", 1), "harmless"),
    Attack("attempt_is_a_text", _own_ack("completed", "one"), "harmless"),
    Attack("heartbeat_is_a_fifo", beside("heartbeat", lambda p: os.mkfifo(p)), "harmless"),
    Attack("heartbeat_is_a_device", beside("heartbeat", lambda p: p.symlink_to("/dev/zero")), "harmless"),
    Attack("heartbeat_in_the_future", beside("heartbeat", _future), "harmless"),
    Attack("progress_is_a_fifo", beside("progress.json", lambda p: os.mkfifo(p)), "harmless"),
    Attack("progress_is_a_device", beside("progress.json", lambda p: p.symlink_to("/dev/zero")), "harmless"),
    Attack("progress_is_a_folder", beside("progress.json", lambda p: p.mkdir()), "harmless"),
    Attack("progress_is_huge", beside("progress.json", lambda p: p.write_text("x" * 1_000_000)), "harmless"),
    Attack("progress_is_deeply_nested", beside("progress.json", _nested), "harmless"),
]

CORPUS = [*FILES, *SCHEMAS, *ROWS, *SIGNS]
