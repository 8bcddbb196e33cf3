"""Looking below a folder of somebody else's: nothing outside of it is listed, opened or waited for, whatever lies there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from host.folders import below
from host.folders.below import Entry

NOT_OPENED = (OSError, ValueError)  # whatever the system calls it


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "notes" / "deep").mkdir(parents=True)
    (made / "notes" / "deep" / "memory.md").write_text("what I know", "utf-8")
    (made / "a.txt").write_bytes(b"x" * 100)
    (tmp_path / "secret.txt").write_text("nobody's business", "utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_text("nobody's business", "utf-8")
    return made


def test_folders_come_first_and_files_have_sizes(root: Path) -> None:
    entries, more = below.listing(root, "")
    assert (entries, more) == ([Entry("notes", "folder", 0), Entry("a.txt", "file", 100)], False)
    assert below.listing(root, "notes/deep/")[0] == [Entry("memory.md", "file", 11)]
    assert below.listing(root, "//notes")[0] == [Entry("deep", "folder", 0)]
    assert below.read(root, "notes/deep/memory.md", 4) == (b"what", 11)
    assert below.read(root, "notes/deep/memory.md", 1_000) == (b"what I know", 11)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "notes/../../secret.txt",
        "..",
        "notes/..",
        ".",
        "./a.txt",
        "a.txt\0",
        "nothing",
        "notes/nothing",
        "a.txt/below",
        "x/" * 65 + "y",
        "y" * 5_000,
    ],
)
def test_no_path_leads_out_or_to_what_is_not_there(root: Path, path: str) -> None:
    with pytest.raises(NOT_OPENED):
        below.read(root, path, 10)
    with pytest.raises(NOT_OPENED):
        below.listing(root, path)


def test_an_absolute_path_is_below_the_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        below.read(root, str(tmp_path / "secret.txt"), 10)


@pytest.mark.parametrize("target", ["../secret.txt", "a.txt", "../outside", "notes", "/etc/passwd", "loop"])
def test_no_link_is_followed_at_any_place_of_the_path(root: Path, target: str) -> None:
    (root / "loop").symlink_to(target)
    assert Entry("loop", "other", len(target)) in below.listing(root, "")[0]
    for path in ("loop", "loop/key", "loop/deep", "notes/../loop"):
        with pytest.raises(NOT_OPENED):
            below.read(root, path, 10)
        with pytest.raises(NOT_OPENED):
            below.listing(root, path)


def test_a_root_that_is_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(NOT_OPENED):
        below.listing(tmp_path / "link", "")


def test_what_is_neither_file_nor_folder_is_named_and_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
    kinds = {one.name: one.kind for one in below.listing(root, "")[0]}
    assert (kinds["pipe"], kinds["socket"]) == ("other", "other")
    for name in ("pipe", "socket", "notes"):
        with pytest.raises(NOT_OPENED):
            below.read(root, name, 10)


def test_names_that_nobody_can_write_are_shown_and_not_opened(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe.txt")).write_bytes(b"x")
    (root / "<script>.txt").write_bytes(b"")
    (root / "\u202egnp").write_bytes(b"")
    entries = below.listing(root, "")[0]
    assert Entry("??.txt", "other", 0) in entries
    assert Entry("<script>.txt", "file", 0) in entries
    for one in entries:
        one.name.encode("utf-8")


def test_a_folder_of_very_many_is_listed_in_part(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(below, "MOST_LISTED", 5)
    for number in range(10):
        (root / "notes" / f"{number}").write_bytes(b"")
    entries, more = below.listing(root, "notes")
    assert (len(entries), more) == (5, True)


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        below.listing(root, "notes/deep")
        below.read(root, "a.txt", 10)
        for wrong in ("nothing", "notes", "a.txt/x"):
            with pytest.raises(NOT_OPENED):
                below.read(root, wrong, 10)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
