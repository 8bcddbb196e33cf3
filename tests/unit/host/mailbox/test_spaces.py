"""Where workspaces are on a machine that shares with nobody, and in a folder that several share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.folders import share
from host.folders.share import Patient, Unfit
from host.mailbox.luggage import MOST, Luggage
from host.mailbox.spaces import KEY, Spaces, known_mark
from host.registry import meta
from host.registry.db import HostDB
from host.registry.sessions import Sessions
from sessiondb import Unavailable

SCOPE = "default", "memory-w-public-1"
ROWS = "SELECT count(*) FROM packed"


def spaces(db: HostDB, data: Path, common: Path | None = None) -> Spaces:
    known = Sessions(data, common)
    return Spaces(db, known, Luggage(db, data, lambda: 1, MOST))


@pytest.fixture
def common(tmp_path: Path) -> Path:
    folder = tmp_path / "mnt"
    folder.mkdir()
    (folder / share.MARK).touch()
    return folder


async def test_alone_a_workspace_is_in_the_data_folder_and_nothing_is_packed(
    db: HostDB, tmp_path: Path
) -> None:
    own = spaces(db, tmp_path)
    await own.begin("i1")
    path = await own.ready(*SCOPE)
    assert path == tmp_path / "workspaces" / SCOPE[0] / SCOPE[1]
    (path / "note").write_text("tea")
    assert await own.keep(*SCOPE, at_rest=True)
    assert await own.let_go(*SCOPE)
    assert await db.read(lambda c: c.execute(ROWS).fetchone()) == (0,)
    await own.erase(*SCOPE)
    assert not path.exists()
    await own.erase(*SCOPE)  # as when it is ordered again
    assert not list(tmp_path.glob("packing/*"))


async def test_what_is_erased_goes_whatever_its_agent_closed_and_what_its_links_lead_to_stays(
    db: HostDB, tmp_path: Path
) -> None:
    own, outside = spaces(db, tmp_path), tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("another's")
    path = await own.ready(*SCOPE)
    (path / "closed").mkdir()
    (path / "closed" / "note").write_text("tea")
    (path / "closed").chmod(0)
    (path / "link").symlink_to(outside)
    await own.erase(*SCOPE)
    assert not path.exists()
    assert (outside / "kept").read_text() == "another's"
    path.symlink_to(outside)  # as somebody beside the host may have it
    await own.erase(*SCOPE)
    assert not os.path.lexists(path)
    assert (outside / "kept").exists()


async def test_in_a_share_nothing_is_made_read_or_forgotten_where_it_is_not_mounted(
    db: HostDB, tmp_path: Path, common: Path
) -> None:
    shared = spaces(db, tmp_path / "data", common)
    await shared.begin("i1")
    assert (common / share.MARK).read_text().strip() == await db.read(known_mark)
    path = await shared.ready(*SCOPE)
    assert path == common / SCOPE[0] / SCOPE[1]
    assert await shared.keep(*SCOPE, at_rest=True)
    assert await shared.is_current(*SCOPE)
    assert await shared.let_go(*SCOPE)
    common.rename(tmp_path / "gone")
    common.mkdir()
    for refused in (shared.ready(*SCOPE), shared.take_over(*SCOPE), shared.erase(*SCOPE)):
        with pytest.raises(Unfit, match="not mounted there"):
            await refused
    assert list(common.iterdir()) == []
    common.rmdir()
    (tmp_path / "gone").rename(common)
    await shared.erase(*SCOPE)
    assert not path.exists()
    assert (common / share.MARK).exists()
    assert not (tmp_path / "data").exists()


async def test_a_crash_between_the_mark_and_the_database_is_made_good_by_the_next_start(
    db: HostDB, tmp_path: Path, common: Path
) -> None:
    made = share.claim(common, "i1")
    await spaces(db, tmp_path, common).begin("i1")
    assert await db.read(known_mark) == made
    await spaces(db, tmp_path, common).begin("i1")
    await db.write(lambda connection: meta.put(connection, KEY, "i1 another"))
    with pytest.raises(Unavailable, match="another folder than the one that the nodes"):
        await spaces(db, tmp_path, common).begin("i1")


async def test_a_share_that_hangs_is_said_to_and_holds_up_nobody_for_long(
    db: HostDB, tmp_path: Path, common: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = spaces(db, tmp_path, common)
    await shared.begin("i1")
    monkeypatch.setattr(shared, "_patient", Patient(0.05))
    (common / share.MARK).unlink()
    os.mkfifo(common / share.MARK)  # whoever opens it waits for a writer
    try:
        for waits in (shared.ready(*SCOPE), shared.erase(*SCOPE)):
            with pytest.raises(Unfit, match="does not answer"):
                await waits
        with pytest.raises(Unfit, match="does not answer"):
            await shared.run(common, share.marked, common)
    finally:
        os.close(os.open(common / share.MARK, os.O_RDWR | os.O_NONBLOCK))


async def test_a_link_in_the_place_of_workspaces_is_a_share_of_before_and_is_not_packed(
    db: HostDB, tmp_path: Path
) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    for folder in (data, outside):
        folder.mkdir()
    (data / "workspaces").symlink_to(outside)
    own = spaces(db, data)
    await own.begin("i1")
    path = await own.ready(*SCOPE)
    assert path == outside / SCOPE[0] / SCOPE[1]
    assert await own.is_current(*SCOPE)
    await own.erase(*SCOPE)
    assert not path.exists()
    assert outside.exists()
