"""What lies in a folder, measured while hostile code may be changing it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from host.config import Limits
from host.folders import ownership, tree
from host.runners.quota import MIB, Used, excess, measure

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


def test_folders_deeper_than_any_path_are_hidden_and_harm_nobody(tmp_path: Path) -> None:
    nest(tmp_path, 3_000)
    try:
        assert measure([tmp_path], MANY) == Used(measure([tmp_path], MANY).size, tree.DEEPEST, True)
        ownership.hand_over([tmp_path])
    finally:
        # Its own way down is as deep as it takes; the clean-up of the test's folder would recurse.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True, timeout=30)


def test_a_folder_that_is_closed_to_the_host_hides_what_is_in_it(tmp_path: Path) -> None:
    """A container can close its workspace to a host that is the same user and not root."""
    tmp_path.chmod(0)
    mine = os.geteuid()
    try:
        if mine == 0:
            os.seteuid(65_534)
        used = measure([tmp_path], MANY)
    finally:
        os.seteuid(mine)
        tmp_path.chmod(0o700)

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
        (Used(300 * MIB, 5000, True), Used(300 * MIB, 5000, True), ""),
        (Used(300 * MIB, 0, False), Used(301 * MIB + 1, 0, False), "MiB"),
        (Used(0, 5000, False), Used(0, 5101, False), "files"),
    ],
)
def test_what_is_too_much_may_shrink_but_not_grow(first: Used, used: Used, words: str) -> None:
    found = excess(LIMITS, first, used)

    assert words in found
    assert bool(found) == bool(words)
