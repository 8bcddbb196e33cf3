"""A container's folder as one file and back, whatever is in it."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from host.folders import packing
from host.folders.packing import Broken, TooLarge

MOST = 1 << 20


def packed(root: Path) -> bytes:
    file = io.BytesIO()
    packing.pack(root, file, MOST)
    return file.getvalue()


def filled(root: Path) -> Path:
    (root / "memories" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "memories" / "deep" / "a.md").write_text("tea")
    (root / os.fsdecode(b"\xff\n name")).write_text("odd")
    (root / ("long" * 50)).write_text("long")
    script = root / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o4755)
    os.link(script, root / "same.sh")
    (root / "out").symlink_to("/etc/passwd")
    (root / "in").symlink_to("memories/deep")
    with (root / "sparse").open("wb") as file:
        file.truncate(MOST // 2)
    os.mkfifo(root / "pipe")
    return root


def told(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        name = str(path.relative_to(root))
        if stat.S_ISLNK(mode):
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_bytes() if stat.S_ISREG(mode) else "folder" if path.is_dir() else "other"
    return found


def test_what_is_unpacked_is_what_was_packed_but_for_what_is_no_file_and_it_packs_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    root, again = filled(tmp_path / "one"), tmp_path / "again"
    again.mkdir()
    file = io.BytesIO()
    made = packing.pack(root, file, MOST)
    file.seek(0)
    assert packing.unpack(file, again, MOST) == made.digest
    before = told(root)
    assert before.pop("pipe") == "other"
    assert made.left == 0
    assert told(again) == before
    assert stat.S_IMODE((again / "run.sh").stat().st_mode) == 0o755
    assert (again / "run.sh").samefile(again / "same.sh")
    assert (again / "sparse").stat().st_blocks * 512 < MOST // 2
    assert packed(again) == file.getvalue() == packed(root)


def test_a_look_sees_each_change_and_nothing_else(tmp_path: Path) -> None:
    root = filled(tmp_path / "one")
    seen = [packing.look(root).mark]
    assert packing.look(root).mark == seen[0]
    note = root / "memories" / "deep" / "a.md"

    def same_size_and_time() -> None:
        before = note.stat()
        note.write_text("sea")
        os.utime(note, ns=(before.st_atime_ns, before.st_mtime_ns))

    changes: list[Callable[[], object]] = [
        same_size_and_time,
        lambda: note.rename(note.with_name("b.md")),
        (root / "empty").rmdir,
        (root / "new").mkdir,
        lambda: (root / "run.sh").chmod(0o600),
    ]
    for change in changes:
        change()
        seen.append(packing.look(root).mark)
    assert len(set(seen)) == len(seen)
    assert packing.look(tmp_path / "nowhere") == packing.Look("", 0, 0)


def test_what_is_too_large_is_not_packed_however_little_of_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLarge):
        packed(tmp_path)
    monkeypatch.setattr(packing, "MOST_FILES", 2)
    root = filled(tmp_path / "many")
    for refused in (packing.look, packed):
        with pytest.raises(TooLarge, match="more than 2 files"):
            refused(root)
    monkeypatch.undo()
    made = io.BytesIO(packed(root))
    monkeypatch.setattr(packing, "MOST_FILES", 2)
    (tmp_path / "again").mkdir()
    with pytest.raises(Broken, match="more files than it may"):
        packing.unpack(made, tmp_path / "again", MOST)


def test_links_are_not_followed_and_files_that_change_while_they_are_read_keep_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "one", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "a").symlink_to(outside)
    for name in ("grows", "shrinks", "swapped"):
        (root / name).write_text("1234")
    opened = os.open

    def changing(path: str, flags: int, *more: int, **given: int) -> int:
        match path:
            case "grows":
                (root / path).write_text("12345678")
            case "shrinks":
                (root / path).write_text("1")
            case "swapped":
                (root / path).unlink()
                (root / path).symlink_to(outside / "secret")
        return opened(path, flags, *more, **given)

    monkeypatch.setattr(os, "open", changing)
    file = io.BytesIO()
    made = packing.pack(root, file, MOST)
    monkeypatch.undo()
    file.seek(0)
    again = tmp_path / "again"
    again.mkdir()
    packing.unpack(file, again, MOST)
    assert made.left == 1
    assert told(again) == {"a": f"-> {outside}", "grows": b"1234", "shrinks": b"1\0\0\0"}


def archive(*heads: tarfile.TarInfo) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as out:
        for head in heads:
            out.addfile(head, io.BytesIO(bytes(head.size)))
    file.seek(0)
    return file


def head(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


@pytest.mark.parametrize(
    "heads",
    [
        (head("../out"),),
        (head("/out"),),
        (head("a", tarfile.SYMTYPE, ".."), head("a/out")),
        (head("a", tarfile.SYMTYPE, ".."), head("a/out", tarfile.SYMTYPE, "secret")),
        (head("a", tarfile.LNKTYPE, "../secret"),),
        (head("b", tarfile.SYMTYPE, "../secret"), head("a", tarfile.LNKTYPE, "b")),
        (head("a", tarfile.CHRTYPE),),
        (head("bomb", size=MOST + 1),),
    ],
)
def test_nothing_that_is_unpacked_lies_elsewhere_or_is_of_another_kind(
    tmp_path: Path, heads: tuple[tarfile.TarInfo, ...]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    with pytest.raises((Broken, OSError)):
        packing.unpack(archive(*heads), root, MOST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "secret"]
    assert (tmp_path / "secret").stat().st_nlink == 1


@pytest.mark.parametrize(
    "file",
    [b"", b"no pack", gzip.compress(b"no tar" * 400), gzip.compress(b"x" * 999)[:-9]],
    ids=["nothing", "no gzip", "no tar", "cut off"],
)
def test_what_is_no_pack_is_broken(tmp_path: Path, file: bytes) -> None:
    with pytest.raises(Broken):
        packing.unpack(io.BytesIO(file), tmp_path, MOST)
