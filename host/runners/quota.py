"""What conversations may keep on disk: measured beside the event loop, enforced by ending the runner.

A bind mount has no limit of its own, and neither has the engine one for it. What is measured is what is in use: a file with
several names once, one without a name as long as somebody in the container keeps it open.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from host.config import Limits
from host.folders import tree, unnamed
from host.registry.notices import Notice
from host.registry.sessions import Session
from sessiondb.records import MessageIn

MIB = 1024 * 1024
LOOK_EVERY = 5.0  # s between two looks at a live session's files
SHARE = 20  # a look that took long is followed by a pause of so many times its length
THREADS = 2
ROOM_TO_CLEAN = MIB  # bytes by which a session that starts beyond its quota may grow while it deletes
FILES_TO_CLEAN = 100
HIDES = "this conversation hides files where they cannot be measured"


@dataclass(frozen=True, slots=True)
class Used:
    size: int  # bytes on disk
    files: int  # folders included
    hidden: bool  # there is more that cannot be seen


class DiskQuota:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="quota")

    async def exceeded(self, folders: Iterable[Path], pid: int) -> str:
        """Looks again and again; returns when too much lies in the folders: in words, for people. `pid` is of the first
        process of the container that uses them, 0 where none can be looked at.

        What is beyond the quota at the first look may stay, so that an agent can be asked to delete it; it may not grow.
        What cannot be measured may not stay.
        """
        watched = list(folders)
        first, _ = await self._look(watched, pid)
        while True:
            used, took = await self._look(watched, pid)
            if words := excess(self._limits, first, used):
                return words
            await asyncio.sleep(max(LOOK_EVERY, took * SHARE))

    async def _look(self, folders: list[Path], pid: int) -> tuple[Used, float]:
        began = time.monotonic()
        most = self._limits.files * 4
        used = await asyncio.get_running_loop().run_in_executor(self._pool, measure, folders, most, pid)
        return used, time.monotonic() - began

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def notice(session: Session, why: str, now: int, message: MessageIn | None = None) -> Notice:
    """That its runner was stopped: told where the message came from, or once a day where the conversation is."""
    remedy = "An operator has to look" if why == HIDES else "Ask me to delete some"
    text = f"⚠️ I was stopped: {why} ({session.id[:9]}). {remedy}."
    if message is None:
        return Notice(f"over-quota:{session.id}:{now // 86_400_000}", session.place, text)
    return Notice(f"over-quota:{message.id}", message.address, text, answers=message.platform_message_id)


def excess(limits: Limits, first: Used, used: Used) -> str:
    """'' while it is within limits. Pure."""
    if used.size > max(limits.disk_mb * MIB, first.size + ROOM_TO_CLEAN):
        return f"the files of this conversation take more than {limits.disk_mb} MiB"
    if used.files > max(limits.files, first.files + FILES_TO_CLEAN):
        return f"this conversation has more than {limits.files} files"
    if used.hidden:
        return HIDES
    return ""


def measure(folders: Iterable[Path], most: int, pid: int = 0) -> Used:
    """Counts at most so many entries. A folder that is not there is empty."""
    size = files = 0
    hidden = False
    several: set[tuple[int, int]] = set()  # files that were counted by one of their names
    devices: set[int] = set()
    for folder in folders:
        try:
            devices.add(folder.lstat().st_dev)
            for entry in tree.entries(folder, opening=True):
                files += 1
                hidden = hidden or entry.hidden
                if files >= most:
                    return Used(size, files, hidden)
                if entry.found.st_nlink > 1 and not stat.S_ISDIR(entry.found.st_mode):
                    identity = (entry.found.st_dev, entry.found.st_ino)
                    if identity in several:
                        continue
                    several.add(identity)
                size += entry.found.st_blocks * unnamed.BLOCK
        except FileNotFoundError:
            continue
        except OSError:
            # A folder of a foreign user's that is closed to the host, or one that is moved about while it is walked.
            hidden = True
    kept = unnamed.measure(pid, devices) if pid else unnamed.Unnamed()
    return Used(size + kept.size, files + kept.files, hidden or kept.hidden)
