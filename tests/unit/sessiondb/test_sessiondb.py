"""The contract of the two files: seq, parity, journal mode, versions, refusals."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from runner.inbound import InboundReader
from runner.maintain import maintain
from runner.outbound import Emitted, OutboundWriter, Superseded
from sessiondb import (
    CONTRACT,
    Address,
    Damaged,
    Incompatible,
    Missing,
    SessionFolder,
    Unavailable,
    connection,
    content,
    seq,
)

PLACE = Address("memory", "w", "c")


def message(id_: str, **more: object) -> NewMessage:
    fields = {"id": id_, "kind": "chat", "address": PLACE, "content": content.Chat("hi"), "created_at": 1}
    return NewMessage(**{**fields, **more})  # type: ignore[arg-type]


def folder_at(path: Path) -> SessionFolder:
    made = SessionFolder(path / "session")
    made.create()
    return made


def host_side(folder: SessionFolder, incarnation: str = "one") -> InboundWriter:
    writer = InboundWriter(folder.inbound_db, lambda: 1)
    with writer.writing():
        writer.set_value("incarnation", incarnation)
    return writer


def runner_side(folder: SessionFolder, incarnation: str = "one") -> OutboundWriter:
    return OutboundWriter(folder.outbound_db, InboundReader(folder.inbound_db), incarnation, lambda: 1)


@given(st.lists(st.integers(0, 10**9), max_size=5))
def test_the_next_seq_is_above_all_seen_and_of_its_own_parity(seen: list[int]) -> None:
    even, odd = seq.next_seq("even", *seen), seq.next_seq("odd", *seen)
    assert even % 2 == 0
    assert odd % 2 == 1
    assert min(even, odd) > max(seen, default=0)
    assert abs(even - odd) == 1
    assert even >= 2


def test_the_two_sides_never_use_the_same_seq(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    host, runner = host_side(folder), runner_side(folder)
    used: list[int] = []
    for number in range(4):
        with host.writing():
            host.insert(message(f"m{number}"))
        used.append(host.pending()[-1].seq)
        runner.finish_turn(f"t{number}", [Emitted(f"o{number}", content.Text("x"), f"m{number}")], [], ())
        row = apsw.Connection(str(folder.outbound_db)).execute("SELECT max(seq) FROM messages_out").fetchone()
        used.append(int(row[0]))  # type: ignore[index]
        with host.writing():
            host.raise_mark("seq_high_water", used[-1])
    assert used == sorted(set(used))


def test_a_row_of_the_wrong_parity_is_refused_by_the_file_itself(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    host_side(folder)
    raw = apsw.Connection(str(folder.inbound_db))
    with pytest.raises(apsw.ConstraintError):
        raw.execute(
            "INSERT INTO messages_in (seq, id, kind, created_at, channel_type, workspace_id, platform_id, thread_id, content)"
            " VALUES (3, 'x', 'chat', 0, '', '', '', '', '')"
        )


def test_seq_never_falls_when_rows_are_pruned(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    host = host_side(folder)
    with host.writing():
        host.insert(message("first"))
    before = host.pending()[0].seq
    apsw.Connection(str(folder.inbound_db)).execute("DELETE FROM messages_in")
    with host.writing():
        host.insert(message("second"))
    assert host.pending()[0].seq > before


def test_inserting_a_message_twice_is_one_row(tmp_path: Path) -> None:
    host = host_side(folder_at(tmp_path))
    with host.writing():
        assert host.insert(message("m"))
        assert not host.insert(message("m"))
    assert len(host.pending()) == 1


def test_files_are_in_delete_mode_and_synced_up_to_the_folder(tmp_path: Path) -> None:
    opened = connection.open_writer(tmp_path / "inbound.db", "inbound")
    assert opened.pragma("journal_mode") == "delete"
    assert opened.pragma("synchronous") == 3
    assert opened.pragma("mmap_size") in (0, None)
    assert opened.pragma("user_version") == CONTRACT


def test_a_newer_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "inbound.db"
    connection.open_writer(path, "inbound").pragma("user_version", CONTRACT + 1)
    with pytest.raises(Incompatible, match="contract version"):
        connection.open_writer(path, "inbound")
    with pytest.raises(Incompatible):
        connection.open_reader(path)


@pytest.mark.parametrize("left", [None, b""])
def test_a_lost_file_is_made_again_by_nobody_who_knows_of_it(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "outbound.db"
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(Missing):
        connection.open_writer(path, "outbound", may_be_new=False)
    assert maintain(path, delivered_up_to=0, older_than=0) == {}
    assert (path.read_bytes() if path.exists() else None) == left
    connection.open_writer(path, "outbound").close()
    connection.open_writer(path, "outbound", may_be_new=False).close()


def test_a_symlink_a_folder_and_rubbish_are_refused(tmp_path: Path) -> None:
    real = tmp_path / "real.db"
    connection.open_writer(real, "inbound").close()
    (tmp_path / "link.db").symlink_to(real)
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "rubbish.db").write_bytes(b"not a database at all" * 1000)
    for name in ("link.db", "folder.db", "rubbish.db"):
        with pytest.raises(Damaged):
            connection.open_reader(tmp_path / name)
    with pytest.raises(Unavailable):
        connection.open_reader(tmp_path / "nothing.db")


def test_a_runner_that_was_replaced_commits_nothing(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    host = host_side(folder)
    with host.writing():
        host.insert(message("m"))
    runner = runner_side(folder)
    runner.claim(host.pending(), "t")
    with host.writing():
        host.set_value("incarnation", "two")
    with pytest.raises(Superseded):
        runner.finish_turn("t", [Emitted("o", content.Text("late"), "m")], ["m"], ())
    assert runner.acks(["m"])["m"].status == "processing"


def test_a_runner_whose_turn_another_one_has_taken_up_ends_as_one_that_was_replaced(tmp_path: Path) -> None:
    """Where no lock keeps the second out: both write the same steps, and that is no bug of the first."""
    folder = folder_at(tmp_path)
    host = host_side(folder)
    first = runner_side(folder)
    first.start_call("t", "call-1", "{}", "look", 0)
    with host.writing():
        host.set_value("incarnation", "two")
    second = runner_side(folder, "two")
    second.finish_call("t", "call-1", "seen", [])
    with pytest.raises(Superseded):
        first.finish_call("t", "call-1", "seen", [])
    with pytest.raises(apsw.ConstraintError):  # nobody else: then it is one
        second.finish_call("t", "call-1", "seen", [])


def _fail_after(_: object) -> None:
    raise ZeroDivisionError


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    host = host_side(folder_at(tmp_path))
    with pytest.raises(ZeroDivisionError), host.writing():
        _fail_after(host.insert(message("m")))
    assert host.pending() == []


@given(st.text(), st.text())
def test_content_survives_the_file(text: str, name: str) -> None:
    chat = content.Chat(text, author_name=name, attachments=(content.Attachment("a", "b", "c", 1),))
    assert content.decode_inbound(content.encode(chat)) == chat


@pytest.mark.parametrize(
    "broken", ["", "[]", "{}", '{"type": "nonsense"}', '{"type": "chat"}', '{"type": "chat", "x": 1}']
)
def test_broken_content_is_refused(broken: str) -> None:
    with pytest.raises(content.ContentError):
        content.decode_inbound(broken)


@pytest.mark.parametrize("text", ["UTF-8", "UTF-16"])
def test_a_database_of_somebody_elses_is_damage_and_neither_a_new_file_nor_a_lost_one(
    tmp_path: Path, text: str
) -> None:
    """Taken for one that was never made it was told as lost, and told again as damaged once a runner had met it."""
    path = tmp_path / "outbound.db"
    foreign = apsw.Connection(str(path))
    foreign.execute(f"PRAGMA encoding = '{text}'; CREATE TABLE theirs (a); INSERT INTO theirs VALUES ('y')")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(Damaged):
        connection.open_reader(path)
    for may_be_new in (True, False):
        with pytest.raises(Damaged):
            connection.open_writer(path, "outbound", may_be_new=may_be_new)
    assert path.read_bytes() == before
