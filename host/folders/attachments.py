"""Opening a file that an agent wants to send: by descriptors, inside its folder, whatever lies on the way (law 8).

AttachmentError    not there, not inside, not a regular file, or too large; the text is for people
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

LARGEST = 100 * 1024**2  # bytes; platforms take less
DEEPEST = 20  # folders below the session's `files/`

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class AttachmentError(Exception):
    pass


@contextmanager
def opened(folder: Path, path: str, *, largest: int = LARGEST) -> Iterator[BinaryIO]:
    """The file at `path` below `folder`. Each part is opened from the one before and no symlink is followed, so nothing
    that is renamed or replaced meanwhile leads out. The reader still caps what it reads: the file may grow."""
    parts = _parts(path)
    try:
        fd = _walk(folder, parts)
    except OSError as error:
        raise AttachmentError(f"{path!r} cannot be opened: {error.strerror}") from error
    found = os.fstat(fd)
    problem = ""
    if not stat.S_ISREG(found.st_mode):
        problem = "is no regular file"
    elif found.st_size > largest:
        problem = f"has {found.st_size} bytes; at most {largest} are sent"
    if problem:
        os.close(fd)
        raise AttachmentError(f"{path!r} {problem}")
    with os.fdopen(fd, "rb") as file:
        yield file


def read(folder: Path, path: str, *, largest: int = LARGEST) -> bytes:
    with opened(folder, path, largest=largest) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise AttachmentError(f"{path!r} has more than {largest} bytes")
    return data


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or len(parts) > DEEPEST or path.startswith("/") or "\0" in path or ".." in parts:
        raise AttachmentError(f"{path!r} is no path inside the session's files")
    return parts


def _walk(folder: Path, parts: tuple[str, ...]) -> int:
    """`folder` is the container's own `files/`, itself untrusted; the folder that holds it is the host's mount."""
    here = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            here, above = os.open(part, _FOLDER, dir_fd=here), here
            os.close(above)
        return os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)
