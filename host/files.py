"""Opening what a container wrote: no symlink is followed at any step, only plain files are opened (law 8)."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path, PurePosixPath


class NotAFile(Exception):
    """The path names nothing that may be read; the text says why, for the agent."""


def open_inside(folder: Path, relative: str) -> BufferedReader:
    """Opens `relative` below `folder` for reading. Raises `NotAFile`."""
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative:
        raise NotAFile("the path leaves the folder of files")
    at = _open(None, str(folder), os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            at, before = _open(at, part, os.O_DIRECTORY), at
            os.close(before)
        found = _open(at, parts[-1], os.O_NONBLOCK)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise NotAFile("it is not a plain file")
    return os.fdopen(found, "rb")


def _open(at: int | None, name: str, flags: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=at)
    except OSError as error:
        raise NotAFile(f"the file cannot be read: {error.strerror}") from error
