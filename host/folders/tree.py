"""Walking a folder that hostile code may be changing: by descriptors, following no symlink, however deep it goes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_OPEN = 64  # levels whose descriptors are kept; on the way up from below them `..` leads back


@dataclass(frozen=True, slots=True)
class Entry:
    """`folder` is an open descriptor, valid until the next entry is asked for; `name` lies in it."""

    folder: int
    name: str
    found: os.stat_result
    hidden: bool = False  # a folder whose inside cannot be seen


class MovedError(OSError):
    """A folder was moved while its inside was walked: the way back is lost."""


@dataclass(slots=True)
class _Level:
    descriptor: int  # -1 while it is let go of
    identity: tuple[int, int]
    pending: list[str] = field(default_factory=list)


def entries(root: Path, *, opening: bool = False) -> Iterator[Entry]:
    """Everything below the folder, in no order. What vanishes meanwhile is left out. Raises `OSError` for the root.

    `opening`: a folder of our own user's that is closed to us is opened, for its user alone.
    """
    levels = [_level(enter(str(root), None, os.lstat(root), opening=opening))]
    try:
        while levels:
            here = levels[-1]
            if not here.pending:
                _leave(levels)
                continue
            name = here.pending.pop()
            try:
                found = os.stat(name, dir_fd=here.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode):
                yield Entry(here.descriptor, name, found)
                continue
            try:
                inside = _level(enter(name, here.descriptor, found, opening=opening))
            except PermissionError:
                yield Entry(here.descriptor, name, found, hidden=True)
                continue
            except (FileNotFoundError, NotADirectoryError):
                continue
            levels.append(inside)
            yield Entry(here.descriptor, name, found)
            if len(levels) > MOST_OPEN:
                _let_go(levels[-MOST_OPEN - 1])
    finally:
        for level in levels:
            _let_go(level)


def _level(descriptor: int) -> _Level:
    try:
        return _Level(descriptor, _identity(descriptor), os.listdir(descriptor))
    except OSError:
        os.close(descriptor)
        raise


def _leave(levels: list[_Level]) -> None:
    """Goes up. Raises `MovedError` where `..` is no longer the folder it was."""
    left = levels.pop()
    try:
        if levels and levels[-1].descriptor < 0:
            above = _open("..", left.descriptor)
            if _identity(above) != levels[-1].identity:
                os.close(above)
                raise MovedError("a folder was moved while it was walked")
            levels[-1].descriptor = above
    finally:
        _let_go(left)


def _let_go(level: _Level) -> None:
    if level.descriptor >= 0:
        os.close(level.descriptor)
        level.descriptor = -1


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _open(name: str, folder: int | None) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


def enter(name: str, folder: int | None, found: os.stat_result, *, opening: bool) -> int:
    """A descriptor of the folder that was found, and of no other that has taken its place. Raises `OSError`."""
    try:
        descriptor = _open(name, folder)
    except PermissionError:
        if not opening or found.st_uid != os.geteuid():
            raise
        _let_in(name, folder, found)
        descriptor = _open(name, folder)
    if _identity(descriptor) != (found.st_dev, found.st_ino):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return descriptor


def _let_in(name: str, folder: int | None, found: os.stat_result) -> None:
    """Changes the mode of the very folder that was found, whatever has its name by now. Raises `OSError`."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if _identity(place) != (found.st_dev, found.st_ino):
            raise FileNotFoundError(name)
        os.chmod(f"/proc/self/fd/{place}", stat.S_IMODE(found.st_mode) | stat.S_IRWXU)  # noqa: PTH101
    finally:
        os.close(place)
