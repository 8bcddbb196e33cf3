"""Walking a folder that hostile code may be changing: by descriptors, following no symlink, however deep it goes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 64  # folders within folders that are opened; each costs a descriptor


@dataclass(frozen=True, slots=True)
class Entry:
    """`folder` is an open descriptor, valid until the next entry is asked for; `name` lies in it."""

    folder: int
    name: str
    found: os.stat_result
    hidden: bool = False  # a folder whose inside cannot be seen: it is closed to us, or too deep


def entries(root: Path) -> Iterator[Entry]:
    """Everything below the folder, in no order. What vanishes meanwhile is left out. Raises `OSError` for the root."""
    stack = [_open(str(root), None)]
    pending = [os.listdir(stack[0])]  # noqa: PTH208 - by its descriptor
    try:
        while stack:
            if not pending[-1]:
                os.close(stack.pop())
                pending.pop()
                continue
            name, folder = pending[-1].pop(), stack[-1]
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode):
                yield Entry(folder, name, found)
                continue
            if len(stack) == DEEPEST:
                yield Entry(folder, name, found, hidden=True)
                continue
            try:
                inside = _enter(name, folder, found)
            except PermissionError:
                yield Entry(folder, name, found, hidden=True)
                continue
            except (FileNotFoundError, NotADirectoryError):
                continue
            stack.append(inside)
            yield Entry(folder, name, found)
            pending.append(os.listdir(inside))  # noqa: PTH208 - by its descriptor
    finally:
        for descriptor in stack:
            os.close(descriptor)


def _open(name: str, folder: int | None) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


def _enter(name: str, folder: int, found: os.stat_result) -> int:
    """A descriptor of the folder that was found, and of no other that has taken its place. Raises `OSError`."""
    descriptor = _open(name, folder)
    opened = os.fstat(descriptor)
    if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return descriptor
