"""What lies of people beside the records: files that were put aside, a file that nobody can read, transcripts of the terminal,
lines of the log."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from host.folders import logs
from host.mailbox import untrusted
from sessiondb import Damaged, SessionError, SessionFolder
from sessiondb.connection import open_reader, vfs
from sessiondb.errors import translated

log = logging.getLogger(__name__)

CONSOLE = "console"
HISTORY = "history"  # of what was typed into the terminal


def is_damaged(path: Path) -> bool:
    """Whether an outbound.db can be read to its last page; one that is busy or away may be sound."""
    try:
        through = untrusted.NAME if vfs is None else None
        with (
            translated(path),
            contextlib.closing(open_reader(path, defensive=True, through=through)) as connection,
        ):
            return bool(connection.pragma("quick_check", 1) != "ok")
    except Damaged:
        return True
    except SessionError:
        return False


def set_aside(folder: SessionFolder) -> int:
    """Takes away whatever does not belong there: what was damaged once, by the host or by whoever mended it, and what a runner
    printed. How many copies of records went. Raises `OSError`."""
    kept = {
        folder.root: {"inbound", "outbound", "gateway", "work"},
        folder.inbound: {"inbound.db", "inbound.db-journal", "files"},
        folder.outbound: {
            "outbound.db",
            "outbound.db-journal",
            "files",
            folder.heartbeat.name,
            folder.runner_lock.name,
            folder.progress.name,
        },
    }
    left = [path for place, names in kept.items() for path in _within(place) if path.name not in names]
    _take(left)
    return sum("bound" in path.name for path in left)


def unreadable(folder: SessionFolder) -> int:
    """Takes an outbound.db away that its owner cannot empty, with what belongs to it. How many files of records went."""
    there = [path for path in _within(folder.outbound) if path.name.startswith("outbound.db")]
    _take([*there, folder.outbound_files, folder.progress])
    return len(there)


def transcript(data: Path, channel: str) -> None:
    """What the terminal shows of a conversation: it is said again to a host that does not know it. Raises `OSError`."""
    path = data / CONSOLE / f"{channel}.jsonl"
    if path.parent == data / CONSOLE:
        path.unlink(missing_ok=True)
    (data / CONSOLE / HISTORY).unlink(missing_ok=True)


def notes(folder: Path, user: str) -> None:
    """Of a platform that does not run any more. Raises `OSError`."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink() and user.encode() in path.read_bytes():
            path.unlink(missing_ok=True)


def unsay(data: Path, words: re.Pattern[str], instead: str) -> None:
    """In the log of `dovecote chat`. Raises `OSError`."""
    logs.rewrite(data / "logs", lambda text: words.sub(instead, text))


def _within(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _take(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        told = {"action": "forgotten", "path": str(path)}
        log.warning("%s was taken away: it held somebody who is forgotten", path.name, extra=told)
