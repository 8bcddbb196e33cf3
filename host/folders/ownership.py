"""Whose a session's files are: the container's user, who is never root."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from host.folders import tree

CONTAINER_USER = 1000  # for a host that runs as root; any other host lends the container its own ids


def container_ids() -> tuple[int, int]:
    """uid and gid of everything in a container."""
    uid = os.geteuid()
    return (uid, os.getegid()) if uid != 0 else (CONTAINER_USER, CONTAINER_USER)


def as_its_folder(path: Path) -> None:
    """Gives one new file or folder to whom the folder belongs that it lies in: a live runner has that one mounted.

    Elsewhere than on a host that runs as root they are that user's already. Raises `OSError`.
    """
    if os.geteuid() == 0:
        around = path.parent.lstat()
        os.chown(path, around.st_uid, around.st_gid, follow_symlinks=False)


def hand_over(folders: Iterable[Path]) -> None:
    """Gives trees that a root host made to the container's user; elsewhere they are that user's already.

    Runs before the container does. What is mounted read-only stays so whoever owns it. Symlinks are changed
    themselves, never followed, by descriptor: a runner of the same workspace may be moving things about.
    Raises `OSError`.
    """
    if os.geteuid() != 0:
        return
    uid, gid = container_ids()
    for folder in folders:
        os.chown(folder, uid, gid, follow_symlinks=False)
        for entry in tree.entries(folder):
            # What lies deeper than the walk goes was made in the container, and is that user's.
            if entry.found.st_uid != uid:
                with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
                    os.chown(entry.name, uid, gid, dir_fd=entry.folder, follow_symlinks=False)
