"""What an agent noted in a folder of its own, line by line, for people: read, and changed one at a time.

The inside of the folder is the container's (law 8): it is gone into by descriptors, no symlink is followed, and what is no
text of a usual size is named and can only be taken away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host.folders import below

LARGEST = 256 * 1024  # bytes of a file whose lines are shown
MOST_FILES = 200
MOST_FOLDERS = 200
BEING_WRITTEN = ".dovecote-"  # of a file that is being written, until it takes the other's place


class Changed(Exception):
    """It is not there any more as it was read."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int  # in its file, from 0
    text: str
    mark: str  # of what it is, in hexadecimal: another line, or this one with other words, has another


@dataclass(frozen=True, slots=True)
class Note:
    """A file; without lines where it is no text that can be shown."""

    path: str
    mark: str
    lines: tuple[Line, ...] = ()
    is_text: bool = True


def read(root: Path) -> tuple[list[Note], bool]:
    """All of them by their paths; whether there are more than are read. One that vanishes meanwhile is left out."""
    paths, more = _paths(root)
    found: list[Note] = []
    for path in paths:
        with suppress(OSError):
            found.append(_note(path, *below.read(root, path, LARGEST)))
    return found, more


def correct(root: Path, note: Note, line: Line, text: str) -> None:
    """Raises `Changed`, `OSError`."""
    _change(root, note, lambda lines: lines.__setitem__(line.number, text))


def take_line(root: Path, note: Note, line: Line) -> None:
    """A file in which nothing else stood goes with it. Raises `Changed`, `OSError`."""
    _change(root, note, lambda lines: lines.__delitem__(line.number))


def take(root: Path, note: Note) -> None:
    """Raises `OSError`."""
    *folders, name = note.path.split("/")
    with below.folder(root, folders) as inside:
        os.unlink(name, dir_fd=inside)


def take_all(root: Path) -> None:
    """Also what is not shown. Raises `OSError`."""
    with suppress(FileNotFoundError):
        shutil.rmtree(root)


def _change(root: Path, note: Note, change: Callable[[list[str]], None]) -> None:
    """By a new file that takes the old one's place: whoever reads meanwhile reads the one or the other whole."""
    data, size = below.read(root, note.path, LARGEST)
    if _digest(note.path, data) != note.mark or size > LARGEST:
        raise Changed(note.path)
    lines = data.decode().splitlines()
    change(lines)
    if not any(line.strip() for line in lines):
        take(root, note)
        return
    *folders, name = note.path.split("/")
    with below.folder(root, folders) as inside:
        before = os.stat(name, dir_fd=inside, follow_symlinks=False)
        new = f"{BEING_WRITTEN}{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(new, flags, before.st_mode & 0o777, dir_fd=inside)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(("\n".join(lines) + "\n").encode())
                if os.geteuid() == 0:  # else it is the container's user's already
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.rename(new, name, src_dir_fd=inside, dst_dir_fd=inside)
        except OSError:
            with suppress(OSError):
                os.unlink(new, dir_fd=inside)
            raise


def _paths(root: Path) -> tuple[list[str], bool]:
    found: list[str] = []
    folders, looked, more = [""], 0, False
    while folders and looked < MOST_FOLDERS and len(found) <= MOST_FILES:
        here, looked = folders.pop(), looked + 1
        try:
            entries, cut = below.listing(root, here)
        except OSError:
            continue
        more |= cut
        for entry in entries:
            path = f"{here}/{entry.name}".lstrip("/")
            if entry.kind == "folder":
                folders.append(path)
            elif entry.kind == "file" and not entry.name.startswith(BEING_WRITTEN):
                found.append(path)
    return sorted(found)[:MOST_FILES], more or bool(folders) or len(found) > MOST_FILES


def _note(path: str, data: bytes, size: int) -> Note:
    mark = _digest(path, data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Note(path, mark, is_text=False)
    if size > LARGEST or "\0" in text:
        return Note(path, mark, is_text=False)
    return Note(path, mark, tuple(_lines(path, text.splitlines())))


def _lines(path: str, lines: Sequence[str]) -> Iterator[Line]:
    same: Counter[str] = Counter()
    for number, text in enumerate(lines):
        if text.strip():
            same[text] += 1
            yield Line(number, text, _digest(f"{path}\0{same[text]}", text.encode()))


def _digest(path: str, data: bytes) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass") + b"\0" + data).hexdigest()
