"""Upgrades: records of an earlier version are kept as they were, brought forward, and served; newer ones are refused in words."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import apsw
import pytest

from host.cli import tasks_ordered
from host.ports import faults
from host.registry.db import open_registry
from host.registry.where import VERSION
from host.upkeep.backups import upgrading
from host.upkeep.backups.making import MANIFEST, BackupError
from host.upkeep.backups.restoring import restore
from sessiondb import Incompatible
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.upgrades import older


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_folder_of_every_earlier_version_is_backed_up_whole_before_it_is_brought_forward(
    tmp_path: Path, version: int
) -> None:
    data, told = tmp_path / "data", list[str]()
    id_ = older(data, version)
    file = upgrading.keep(data, told.append)
    assert file is not None
    assert file.parent == data / "backups"
    assert file.name.startswith(f"before-upgrade-{version}.1-to-{VERSION}.1-")
    assert file.stat().st_mode & 0o777 == 0o600
    assert told == ["1 of 1 conversations"]
    with tarfile.open(file) as archive:
        said = archive.extractfile(MANIFEST)
        assert said is not None
        assert json.loads(said.read())["host_db"] == version
        assert {"host.db", f"sessions/{id_}/inbound/inbound.db", f"sessions/{id_}/work/notes.txt"} <= set(
            archive.getnames()
        )
    with file.open("rb") as source:
        assert restore(source, tmp_path / "back").sessions == 1
    assert not (tmp_path / "back" / "backups").exists()


async def test_a_host_keeps_brings_forward_and_serves_what_an_earlier_version_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older(tmp_path, 4)
    for left in (".dovecote-copying-abc", ".restoring-abc"):  # by commands that were killed
        (tmp_path / left).mkdir()
        (tmp_path / left / "host.db").write_text("what people wrote")
    bot = MemoryBot()
    async with serving(config(tmp_path), bot):
        assert not [*tmp_path.glob(".*/host.db")]
        await bot.until(lambda: bot.said("c") == ["from before"])
    [kept] = upgrading.kept(tmp_path)
    [told] = [r.getMessage() for r in caplog.records if getattr(r, "action", "") == "backed_up"]
    assert str(kept) in told
    assert "`dovecote restore` brings them back" in told
    open_registry(tmp_path).close()  # it is of this version
    async with serving(config(tmp_path), MemoryBot()):
        pass
    assert upgrading.kept(tmp_path) == [kept]  # what is up to date is not kept again


def test_an_order_is_no_upgrade_only_a_host_that_has_kept_what_was_is(tmp_path: Path) -> None:
    older(tmp_path, VERSION - 1)
    with pytest.raises(Incompatible, match="version"):
        tasks_ordered.order(tmp_path, "pause", "one")
    assert upgrading.keep(tmp_path, print) is not None
    tasks_ordered.order(tmp_path / "new", "pause", "one")  # before the first start it is kept for it
    assert (tmp_path / "new" / "host.db").exists()


def test_a_folder_that_is_new_or_up_to_date_is_not_backed_up(tmp_path: Path) -> None:
    assert upgrading.keep(tmp_path, print) is None
    older(tmp_path / "data", VERSION)
    assert upgrading.keep(tmp_path / "data", print) is None
    assert not (tmp_path / "data" / "backups").exists()


def test_conversations_files_of_an_earlier_contract_are_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, VERSION)
    monkeypatch.setattr(upgrading, "CONTRACT", 2)  # of a Dovecote to come
    file = upgrading.keep(tmp_path, lambda _: None)
    assert file is not None
    assert f"-{VERSION}.1-to-{VERSION}.2-" in file.name


def test_records_of_a_newer_version_are_refused_in_words_and_stay_as_they_are(tmp_path: Path) -> None:
    older(tmp_path, VERSION)
    connection = apsw.Connection(str(tmp_path / "host.db"))
    connection.pragma("user_version", VERSION + 1)
    connection.close()
    before = (tmp_path / "host.db").read_bytes()
    with pytest.raises(Incompatible) as refused:
        upgrading.keep(tmp_path, print)
    assert "a newer Dovecote wrote it" in faults.of(refused.value)
    assert (tmp_path / "host.db").read_bytes() == before


def test_the_latest_two_are_kept_and_what_a_crash_left_goes(tmp_path: Path) -> None:
    older(tmp_path, 4)
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        earlier = folder / f"before-upgrade-{day}.1-to-4.1-2026-11-0{day}T120000Z.tar.gz"
        earlier.write_bytes(b"earlier")
        os.utime(earlier, (day, day))
    (folder / "before-upgrade-4.1-to-5.1-2026-11-04T120000Z.tar.gz.unfinished").write_bytes(b"cut off")
    (folder / "my own.tar.gz").write_bytes(b"mine")
    file = upgrading.keep(tmp_path, lambda _: None)
    left = sorted(path.name for path in folder.iterdir())
    assert file is not None
    assert left == sorted(["before-upgrade-3.1-to-4.1-2026-11-03T120000Z.tar.gz", file.name, "my own.tar.gz"])


def test_without_room_for_the_backup_nothing_is_changed_and_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, 4)
    monkeypatch.setattr(upgrading, "SPARE", 1 << 60)  # more than any disk has
    with pytest.raises(
        BackupError, match=r"needs .* MB and has .* MB free\. Make room there, let .* be a link"
    ):
        upgrading.keep(tmp_path, print)
    with pytest.raises(Incompatible, match="version 4"):
        open_registry(tmp_path)


def test_the_folder_for_them_may_be_on_another_disk(tmp_path: Path) -> None:
    data, away = tmp_path / "data", tmp_path / "away"
    older(data, 4)
    away.mkdir()
    (data / "backups").symlink_to(away)
    assert upgrading.keep(data, lambda _: None) is not None
    assert len(list(away.iterdir())) == 1


def test_records_that_cannot_be_read_are_left_to_whoever_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "host.db").write_bytes(b"no database" * 1_000)
    assert upgrading.keep(tmp_path, print) is None


def test_a_backup_goes_when_what_it_holds_is_over_everywhere_else(tmp_path: Path) -> None:
    older(tmp_path, 4)
    file = upgrading.keep(tmp_path, lambda _: None)
    assert file is not None
    made = int(file.stat().st_mtime * 1000)
    upgrading.drop(tmp_path, made - 1)
    assert upgrading.kept(tmp_path) == [file]
    upgrading.drop(tmp_path, made + 1_000)
    assert upgrading.kept(tmp_path) == []
    upgrading.drop(tmp_path / "none", made)  # where there never was one
