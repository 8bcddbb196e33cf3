"""What lies in a folder, measured while hostile code may be changing it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.config import Limits
from host.folders import ownership, tree
from host.runners import quota
from host.runners.quota import FILLED_BY, FILLED_BY_FILES, MIB, DiskQuota, Free, Room, Used, excess, measure
from tests.support.waiting import eventually

MANY = 1_000_000
EMPTY = Used(0, 0, False)


def nest(root: Path, depth: int) -> None:
    """Folders within folders, deeper than a path can name."""
    folder = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


def test_files_and_folders_are_counted_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_bytes(bytes(100_000))

    used = measure([tmp_path, tmp_path / "nothing"], MANY)

    assert used.files == 2
    assert 100_000 <= used.size < 200_000
    assert not used.hidden


def test_a_symlink_is_counted_and_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "large").write_bytes(bytes(1_000_000))
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "large")
    (inside / "loop").symlink_to(inside)

    assert measure([inside], MANY).files == 3
    assert measure([inside], MANY).size < 100_000


def test_a_sparse_file_takes_what_it_has(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1_000_000_000)

    assert measure([tmp_path], MANY).size < MIB


def remove(folder: Path) -> None:
    """As deep as it goes; the clean-up of the test's folder would recurse."""
    subprocess.run(["rm", "-rf", str(folder)], check=True, timeout=30)


def test_folders_deeper_than_any_path_are_counted_like_others(tmp_path: Path) -> None:
    nest(tmp_path, 3_000)
    try:
        used = measure([tmp_path], MANY)
        ownership.hand_over([tmp_path])
    finally:
        remove(tmp_path / "d")
    assert used.files == 3_000
    assert not used.hidden


def test_a_walk_keeps_few_descriptors_however_deep_it_goes(tmp_path: Path) -> None:
    nest(tmp_path, 500)
    (tmp_path / "beside").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    most = 0
    try:
        for _ in tree.entries(tmp_path):
            most = max(most, len(list(Path("/proc/self/fd").iterdir())) - before)
    finally:
        remove(tmp_path / "d")
    assert most <= tree.MOST_OPEN + 2
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_that_is_moved_while_it_is_walked_does_not_lead_elsewhere(tmp_path: Path) -> None:
    """From below, `..` is another folder by then; what is moved comes back to be counted at the next look."""
    deep, elsewhere = tmp_path / "deep", tmp_path / "elsewhere"
    deep.mkdir()
    elsewhere.mkdir()
    nest(deep, tree.MOST_OPEN * 2)
    walk = tree.entries(deep)
    try:
        for _ in range(tree.MOST_OPEN * 2):
            lowest = next(walk)
        inside = os.open(lowest.name, os.O_RDONLY, dir_fd=lowest.folder)
        above = os.open("../" * (tree.MOST_OPEN + 1), os.O_RDONLY, dir_fd=inside)
        os.rename("d", elsewhere / "d", src_dir_fd=above)
        os.close(above)
        os.close(inside)
        with pytest.raises(tree.MovedError):
            next(walk)
        assert not measure([tmp_path], MANY).hidden
    finally:
        remove(deep)
        remove(elsewhere)


def test_a_file_with_several_names_takes_its_place_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1_000_000))
    for number in range(10):
        (tmp_path / f"again{number}").hardlink_to(tmp_path / "one")

    used = measure([tmp_path], MANY)

    assert used.files == 11
    assert used.size < 1_100_000


NOBODY = 65_534


@contextmanager
def not_root() -> Iterator[None]:
    """Root sees into every folder; a host that is somebody else does not."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of that user's, where they can reach it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    remove(folder)


def test_a_folder_that_its_user_closed_is_opened_to_be_measured(theirs: Path) -> None:
    """A container can close its workspace to a host that is the same user and not root."""
    with not_root():
        (theirs / "in" / "side").mkdir(parents=True)
        (theirs / "in" / "side" / "file").write_bytes(bytes(1_000_000))
        for folder in (theirs / "in" / "side", theirs / "in", theirs):
            folder.chmod(0)
        used = measure([theirs], MANY)
    assert used.files == 3
    assert used.size >= 1_000_000
    assert not used.hidden


def test_what_took_a_closed_folders_place_is_not_opened(theirs: Path) -> None:
    """Between the look and the opening the name leads somewhere else."""
    with not_root():
        (theirs / "closed").mkdir(mode=0)
        (theirs / "mine").mkdir(mode=0)
        found = (theirs / "closed").lstat()
        (theirs / "closed").rmdir()
        (theirs / "closed").symlink_to(theirs / "mine")
        here = os.open(theirs, os.O_RDONLY)
        with pytest.raises(OSError, match="irectory"):
            tree._let_in("closed", here, found)
        (theirs / "closed").unlink()
        (theirs / "closed").mkdir(mode=0)
        with pytest.raises(FileNotFoundError):
            tree._let_in("closed", here, (theirs / "mine").lstat())
        os.close(here)
        assert {path.stat().st_mode & 0o777 for path in theirs.iterdir()} == {0}


def test_a_closed_folder_of_another_user_hides_what_is_in_it(theirs: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make one")
    (theirs / "roots").mkdir(mode=0)
    with not_root():
        used = measure([theirs], MANY)

    assert used.hidden
    assert "hides files" in excess(Limits(), EMPTY, used)


def test_counting_ends_at_a_limit(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()

    assert measure([tmp_path], 10).files == 10


LIMITS = Limits(disk_mb=100, files=1000)


@pytest.mark.parametrize(
    ("first", "used", "words"),
    [
        (EMPTY, Used(100 * MIB, 1000, False), ""),
        (EMPTY, Used(100 * MIB + 1, 0, False), "more than 100 MiB"),
        (EMPTY, Used(0, 1001, False), "more than 1000 files"),
        (EMPTY, Used(0, 0, True), "cannot be measured"),
        (Used(300 * MIB, 5000, False), Used(300 * MIB, 5000, False), ""),
        (Used(0, 0, True), Used(0, 0, True), "cannot be measured"),
        (Used(300 * MIB, 0, False), Used(301 * MIB + 1, 0, False), "MiB"),
        (Used(0, 5000, False), Used(0, 5101, False), "files"),
    ],
)
def test_what_is_too_much_may_shrink_but_not_grow(first: Used, used: Used, words: str) -> None:
    found = excess(LIMITS, first, used)

    assert words in found
    assert bool(found) == bool(words)


FREE = Free(100 * MIB, 100_000)


def test_a_disk_that_fills_is_noticed_however_slowly_and_one_that_empties_is_not() -> None:
    room, left = Room(), FREE
    assert not room.filled({1: left})
    said = []
    for _ in range(40):  # a MiB at a time
        left = Free(left.size - MIB, left.files)
        said.append(room.filled({1: left}))
    assert said.count(True) == 2
    assert not room.filled({1: FREE})
    assert not room.filled({1: Free(FREE.size - FILLED_BY, FREE.files)})
    assert room.filled({1: Free(FREE.size - FILLED_BY - 1, FREE.files)})


def test_a_disk_that_fills_with_small_files_is_noticed_and_each_disk_by_itself() -> None:
    room = Room()
    assert not room.filled({1: FREE, 2: FREE})
    fewer = Free(FREE.size, FREE.files - FILLED_BY_FILES - 1)
    assert room.filled({1: Free(FREE.size + 900 * MIB, FREE.files), 2: fewer})
    assert not room.filled({1: Free(FREE.size + 900 * MIB, FREE.files), 2: fewer})


def test_a_disk_is_asked_once_by_whichever_of_the_folders_on_it_is_still_there(tmp_path: Path) -> None:
    gone, here = tmp_path / "gone", tmp_path
    alone = quota._look([here], 100, 0).disks
    assert quota._look([gone, here], 100, 0).disks == alone
    assert len(quota._free([[gone, here]])) == 1
    assert quota._free([[gone]]) == {}
    assert set(quota._free([[here, gone]])) == set(quota._free([[here]]))


def test_a_disk_that_tells_nothing_is_taken_to_fill() -> None:
    room, mute = Room(), Free(0, 0, tells=False)
    assert room.filled({1: mute})
    assert room.filled({1: mute})


async def test_whoever_exceeds_is_told_and_nobody_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(
        quota, "SELDOM", 0.1
    )  # the longer this takes, the longer is the pause of who was quiet
    watching = DiskQuota(Limits(disk_mb=8, files=100))
    quiet, filling, hiding = (tmp_path / name for name in ("quiet", "filling", "hiding"))
    for folder in (quiet, filling, hiding):
        folder.mkdir()
    tasks = [asyncio.create_task(watching.exceeded([folder], 0)) for folder in (quiet, filling, hiding)]
    await eventually(lambda: len(watching._watched) == 3)  # each was looked at before anything is written
    (filling / "large").write_bytes(bytes(12 * MIB))
    async with asyncio.timeout(20):
        assert "more than 8 MiB" in await tasks[1]
    for number in range(300):
        (hiding / f"f{number}").touch()
    async with asyncio.timeout(20):
        assert "more than 100 files" in await tasks[2]
    assert not tasks[0].done()
    tasks[0].cancel()
    await asyncio.wait(tasks)
    later = asyncio.create_task(watching.exceeded([quiet], 0))  # after all of them had ended
    await eventually(lambda: watching._watched)
    (quiet / "large").write_bytes(bytes(12 * MIB))
    async with asyncio.timeout(20):
        assert await later
    watching.close()
