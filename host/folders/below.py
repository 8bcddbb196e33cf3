"""Looking into a folder whose inside is somebody else's: by descriptors, below it alone, following no symlink."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

DEEPEST = 64  # folders of one path
MOST_LISTED = 1_000  # entries of one folder
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    kind: str  # "folder", "file", "other": what is neither is named and never opened
    size: int  # bytes


def listing(root: Path, path: str) -> tuple[list[Entry], bool]:
    """What is in the folder, folders first; whether there is more than `MOST_LISTED`. Raises `OSError`."""
    with folder(root, _parts(path)) as here:
        with os.scandir(here) as inside:
            names = [one.name for one in islice(inside, MOST_LISTED + 1)]
        found = [_entry(here, name) for name in names[:MOST_LISTED]]
    shown = [one for one in found if one is not None]
    return sorted(shown, key=lambda one: (one.kind != "folder", one.name)), len(names) > MOST_LISTED


@contextmanager
def opened(root: Path, path: str) -> Iterator[tuple[int, os.stat_result]]:
    """A plain file's descriptor, and what it is. Raises `OSError`."""
    *folders, name = _parts(path) or [""]
    with folder(root, folders) as here:
        found = os.open(name, _FILE, dir_fd=here)
    try:
        what = os.fstat(found)
        if not stat.S_ISREG(what.st_mode):
            raise FileNotFoundError(path)
        yield found, what
    finally:
        os.close(found)


def read(root: Path, path: str, most: int) -> tuple[bytes, int]:
    """The beginning of a file, and how many bytes all of it has. Raises `OSError`."""
    with opened(root, path) as (descriptor, what):
        pieces, left = [], most
        while left > 0 and (piece := os.read(descriptor, min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces), what.st_size


@contextmanager
def folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Its descriptor. Raises `OSError`."""
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(path: str) -> list[str]:
    """Raises `FileNotFoundError` for what leads elsewhere."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > DEEPEST or "\0" in path or not {".", ".."}.isdisjoint(parts):
        raise FileNotFoundError(path)
    return parts


def _entry(folder: int, name: str) -> Entry | None:
    told = name.encode("utf-8", "replace").decode()
    if told != name:  # no address can name it
        return Entry(told, "other", 0)
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return Entry(name, "folder", 0)
    return Entry(name, "file" if stat.S_ISREG(found.st_mode) else "other", found.st_size)
