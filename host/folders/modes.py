"""The data folder is nobody else's: 0700 and 0600, whatever the umask of whoever starts the host."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from host.folders import tree

REMEDY = "Run `dovecote doctor --mend`, which closes it"
OTHERS = 0o077  # the bits of a mode that let in group and others
LEND = ("outbound", "work")  # below a session: the container's own, which only the folder around them closes


def keep_private() -> None:
    """What this process makes from now on is its user's alone. What a runner of another uid needs is given to that uid."""
    os.umask(OTHERS)


def openness(data: Path) -> str:
    """Whom the folder lets in besides its owner, in words; '' when nobody, or when it is not there."""
    try:
        found = data.stat()
    except FileNotFoundError:
        return ""
    if not found.st_mode & OTHERS:
        return ""
    return f"other users of this machine can look into it (mode {stat.S_IMODE(found.st_mode):04o})"


def close(data: Path) -> int:
    """Closes the folder and what the host made in it; returns how many modes it changed. Raises `OSError`.

    What belongs to containers keeps its inner modes: they are theirs to set, and the folder around them is closed.
    """
    changed = _narrow(data)
    for path in data.iterdir():
        match path.name:
            case "sessions":
                changed += _narrow(path) + sum(_close_session(session) for session in path.iterdir())
            case "workspaces":
                changed += sum(_narrow(folder) for folder in (path, *path.glob("*"), *path.glob("*/*")))
            case _:
                changed += _narrow_all(path)
    return changed


def _close_session(session: Path) -> int:
    if session.is_symlink() or not session.is_dir():
        return 0
    changed = _narrow(session)
    for path in session.iterdir():
        changed += _narrow(path) if path.name in LEND else _narrow_all(path)
    return changed


def _narrow_all(path: Path) -> int:
    changed = _narrow(path)
    if not path.is_symlink() and path.is_dir():
        for entry in tree.entries(path):
            if not stat.S_ISLNK(entry.found.st_mode) and entry.found.st_mode & OTHERS:
                os.chmod(entry.name, stat.S_IMODE(entry.found.st_mode) & ~OTHERS, dir_fd=entry.folder)
                changed += 1
    return changed


def _narrow(path: Path) -> int:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & OTHERS:
        return 0
    path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    return 1
