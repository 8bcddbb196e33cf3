"""Which engine a data folder's registry has: what the folder says and what the configuration says have to be the same."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from host import registry
from host.folders.disk import ThreadDisk
from host.registry import elsewhere, nodes
from host.registry.db import beside, open_host_db, open_registry
from host.registry.where import ELSEWHERE
from host.upkeep.backups.making import BackupError, make
from sessiondb import Unavailable
from tests.support.hosting import ended
from tests.support.postgres import Server

SOMEWHERE = "postgresql://dovecote@/d?host=/nowhere"


async def test_without_a_setting_it_is_a_file_in_the_folder(tmp_path: Path, disk: ThreadDisk) -> None:
    registry = await elsewhere.opened(tmp_path, "", disk, ended)
    await registry.close()
    assert (tmp_path / "host.db").exists()
    assert not (tmp_path / ELSEWHERE).exists()


async def test_with_one_it_is_that_database_and_the_folder_says_so(
    tmp_path: Path, disk: ThreadDisk, postgres: Server
) -> None:
    url = postgres.database()
    for _ in range(2):
        registry = await elsewhere.opened(tmp_path, url, disk, ended)
        await registry.write(
            lambda s: s.execute("INSERT INTO paused VALUES ('default', 1) ON CONFLICT DO NOTHING")
        )
        await registry.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [ELSEWHERE, nodes.FILE]
    with closing(open_registry(tmp_path)) as reads:
        assert reads.execute("SELECT count(*) FROM paused").fetchone() == (1,)


async def test_a_node_that_stands_by_knows_where_the_records_are_and_is_the_same_at_each_try(
    tmp_path: Path, disk: ThreadDisk, postgres: Server
) -> None:
    url, folders = postgres.database(), (tmp_path / "one", tmp_path / "other")
    for folder in folders:
        folder.mkdir()
    serves = await elsewhere.opened(folders[0], url, disk, ended)
    for _ in range(2):
        with pytest.raises(nodes.Led):
            await elsewhere.opened(folders[1], url, disk, ended)
    with closing(open_registry(folders[1])) as reads:
        found = [(one.id, one.serves) for one in nodes.seen(reads)]
    await serves.close()
    assert found == [(nodes.own(folders[0]).id, True), (nodes.own(folders[1]).id, False)]


async def test_records_in_the_folder_are_not_left_behind_for_an_empty_database(
    tmp_path: Path, disk: ThreadDisk
) -> None:
    open_host_db(tmp_path / "host.db").close()
    with pytest.raises(Unavailable, match=r"in host\.db"):
        await elsewhere.opened(tmp_path, SOMEWHERE, disk, ended)


async def test_records_in_a_database_are_not_left_behind_for_an_empty_file(
    tmp_path: Path, disk: ThreadDisk
) -> None:
    (tmp_path / ELSEWHERE).write_text(f"{SOMEWHERE}\n")
    with pytest.raises(Unavailable, match="in a database"):
        await elsewhere.opened(tmp_path, "", disk, ended)
    assert not (tmp_path / "host.db").exists()


def test_a_backup_of_a_folder_alone_would_hold_half_and_is_not_made(tmp_path: Path) -> None:
    (tmp_path / ELSEWHERE).write_text(f"{SOMEWHERE}\n")
    with (tmp_path / "out").open("wb") as out, pytest.raises(BackupError, match="PostgreSQL"):
        make(tmp_path, out, print)
    assert (tmp_path / "out").read_bytes() == b""


def test_every_way_to_a_database_says_in_words_that_the_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ELSEWHERE).write_text("postgresql://nowhere.example/dovecote\n")
    monkeypatch.delattr(registry, "postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "host.registry.postgresql", None)
    with pytest.raises(Unavailable, match="`cluster` is not installed"):
        open_registry(tmp_path)
    with pytest.raises(Unavailable, match="`cluster` is not installed"), beside(tmp_path / "host.db"):
        pass
    with pytest.raises(Unavailable, match="`cluster` is not installed"):
        elsewhere.look("postgresql://nowhere.example/dovecote")
