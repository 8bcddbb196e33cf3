"""Whose a session's files are: the container's user, who is never root."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

CONTAINER_USER = 1000  # for a host that runs as root; any other host lends the container its own ids


def container_ids() -> tuple[int, int]:
    """uid and gid of everything in a container."""
    uid = os.geteuid()
    return (uid, os.getegid()) if uid != 0 else (CONTAINER_USER, CONTAINER_USER)


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
        for _, _, files, fd in os.fwalk(folder, follow_symlinks=False):
            for name in files:
                _give(name, fd, uid, gid)
            if os.fstat(fd).st_uid != uid:
                os.fchown(fd, uid, gid)


def _give(name: str, folder: int, uid: int, gid: int) -> None:
    try:
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid != uid:
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return  # taken away meanwhile
