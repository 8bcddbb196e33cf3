"""What is to be seen of a commit is made durable before anybody acts on it, and what cannot be made so is said."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest

from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import settled
from host.registry.db import open_host_db
from sessiondb import Full, Missing, Unavailable, connection
from sessiondb.connection import open_writer, settle, settle_log
from tests.simulation.disk import NAME, Disk


class _Failing(apsw.VFS):
    """A disk whose folders cannot be synced: the journal is gone, and the commit has failed all the same."""

    def __init__(self) -> None:
        super().__init__("failing", "unix")
        self.fails = False

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        super().xDelete(filename, False)
        if syncdir and self.fails:
            raise apsw.IOError("the folder cannot be synced")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Failing]:
    made = _Failing()
    monkeypatch.setattr(connection, "vfs", "failing")
    yield made
    made.unregister()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was synced, for real, in its order."""
    found: list[Path] = []
    real = connection.sync

    def sync(path: Path) -> None:
        found.append(path)
        real(path)

    monkeypatch.setattr(connection, "sync", sync)
    return found


def test_a_commit_that_failed_and_is_to_be_seen_is_settled_before_the_next_look(
    tmp_path: Path, disk: _Failing, synced: list[Path]
) -> None:
    writer = InboundWriter(tmp_path / "inbound.db", lambda: 1)
    synced.clear()
    disk.fails = True
    with pytest.raises(Full), writer.writing():
        writer.set_value("asked", "yes")
    assert not synced
    disk.fails = False
    writer.make_certain()
    assert synced == [tmp_path]
    assert writer.value("asked") == "yes"  # it is to be seen, and will be after a power failure
    writer.make_certain()
    assert synced == [tmp_path]  # once is enough
    writer.close()


def test_as_long_as_it_cannot_be_settled_nobody_looks(
    tmp_path: Path, disk: _Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = InboundWriter(tmp_path / "inbound.db", lambda: 1)
    disk.fails = True
    with pytest.raises(Full), writer.writing():
        writer.set_value("asked", "yes")

    def refused(_: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "sync", refused)
        for _ in range(2):
            with pytest.raises(Unavailable, match="its folder cannot be synced: Input/output error"):
                writer.make_certain()
    writer.make_certain()
    writer.close()


def test_whoever_opens_a_file_to_act_on_it_syncs_its_folder(tmp_path: Path, synced: list[Path]) -> None:
    for name in ("inbound", "outbound"):
        folder = tmp_path / name
        folder.mkdir()
        open_writer(folder / f"{name}.db", name).close()
        assert synced.pop() == folder
    settled(tmp_path / "outbound" / "outbound.db").close()
    assert synced == [tmp_path / "outbound"]


def test_a_file_that_is_not_there_is_missing_and_so_is_its_folder(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        settled(tmp_path / "outbound.db")
    with pytest.raises(Unavailable, match=r"outbound\.db: its folder cannot be synced: No such file"):
        settle(tmp_path / "gone" / "outbound.db")


def test_a_folder_that_may_be_entered_and_not_read_keeps_nobody_from_its_file(tmp_path: Path) -> None:
    """A host that is not root, and a runner of another user; SQLite itself leaves such a folder without its sync."""
    path = tmp_path / "inner" / "outbound.db"
    path.parent.mkdir()
    open_writer(path, "outbound").close()
    path.parent.chmod(0o711)
    path.chmod(0o644)
    tmp_path.chmod(0o711)
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            if os.geteuid() == 0:
                os.setresuid(65534, 65534, 65534)
            else:
                path.parent.chmod(0o311)
            settle(path)
            status = 0
        os._exit(status)
    _, code = os.waitpid(child, 0)
    path.parent.chmod(0o700)
    assert os.waitstatus_to_exitcode(code) == 0


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_stands_in_a_folders_place_is_not_followed_and_holds_nobody_up(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    if kind == "link":
        (tmp_path / "outbound").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(tmp_path / "outbound")
    with pytest.raises(Unavailable):
        settle(tmp_path / "outbound" / "outbound.db")


def test_a_log_that_is_not_there_needs_no_sync(tmp_path: Path, synced: list[Path]) -> None:
    settle_log(tmp_path / "host.db")
    assert synced == [tmp_path]
    (tmp_path / "host.db-wal").write_bytes(b"")
    settle_log(tmp_path / "host.db")
    assert synced[1:] == [tmp_path / "host.db-wal", tmp_path]


@contextmanager
def _in_memory(seed: int, monkeypatch: pytest.MonkeyPatch, *, settles: bool) -> Iterator[Disk]:
    disk = Disk(random.Random(seed), lambda *_: None, lambda *_: None)
    with monkeypatch.context() as simulated:
        simulated.setattr(connection, "vfs", NAME)
        simulated.setattr(connection, "sync", disk.sync if settles else lambda _: None)
        yield disk
    disk.unregister()


def _kept(path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, *, settles: bool) -> bool:
    """Whether a commit that was in the log alone, and not synced, is there after the next start and a power failure."""
    with _in_memory(seed, monkeypatch, settles=settles) as disk:
        open_host_db(path).close()
        first = open_host_db(path)
        first.pragma("synchronous", "off")  # as one that is killed before it syncs its log
        first.execute("CREATE TABLE doves (id TEXT); INSERT INTO doves VALUES ('m1')")
        for file in list(disk._open):  # killed: its files are closed, and what it wrote stays as it is
            file.let_go()
        second = open_host_db(path)
        assert second.execute("SELECT id FROM doves").fetchall() == [("m1",)]
        disk.lose_power()
        third = open_host_db(path)
        [(found,)] = third.execute("SELECT count(*) FROM sqlite_master WHERE name = 'doves'").fetchall()
        third.close()
        return found == 1


@pytest.mark.parametrize("settles", [True, False])
def test_what_a_killed_host_left_in_its_log_outlives_a_power_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, settles: bool
) -> None:
    kept = set()
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        kept.add(_kept(folder / "host.db", seed, monkeypatch, settles=settles))
    assert kept == ({True} if settles else {True, False})


@pytest.mark.parametrize("of", ["folder", "file"])
def test_a_data_folder_or_a_registry_that_is_a_link_is_settled_where_it_leads(
    tmp_path: Path, synced: list[Path], of: str
) -> None:
    real, data = tmp_path / "real", tmp_path / "data"
    real.mkdir()
    if of == "folder":
        data.symlink_to(real)
    else:
        data.mkdir()
        (data / "host.db").symlink_to(real / "host.db")
    open_host_db(data / "host.db").close()
    assert synced == [real / "host.db-wal", real]
