"""What conversations may keep on disk: measured beside the event loop, enforced by ending the runner.

A bind mount has no limit of its own, and neither has the engine one for it. What is measured is what is in use: a file with
several names once, one without a name as long as somebody in the container keeps it open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from host.config import Limits
from host.folders import moments, tree, unnamed
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.words import Sentence, as_it_is, joined, known, say
from sessiondb.records import MessageIn

MIB = 1024 * 1024
LOOK_EVERY = 5.0  # s between two looks at a live session's files
SELDOM = 240.0  # s at most between two looks at files that stay as they are, while the disk does not fill
SLOWER = 4  # times as long is the next pause where nothing has changed
SHARE = 20  # a look that took long is followed by a pause of so many times its length
LONG = 0.05  # s; who takes longer is looked at alone, so that nobody waits for it
THREADS = 2
ROOM_TO_CLEAN = MIB  # bytes by which a session that starts beyond its quota may grow while it deletes
FILES_TO_CLEAN = 100
FILLED_BY = 16 * MIB  # bytes that are taken from a disk before everybody who works on it is looked at
FILLED_BY_FILES = 1_000
HIDES = say("this conversation hides files where they cannot be measured")


@dataclass(frozen=True, slots=True)
class Used:
    size: int  # bytes on disk
    files: int  # folders included
    hidden: bool  # there is more that cannot be seen


@dataclass(frozen=True, slots=True)
class Free:
    """What a file system has left; one that does not tell is always taken to fill."""

    size: int
    files: int
    tells: bool = True


class _Look(NamedTuple):
    used: Used
    took: float  # s
    disks: dict[int, Path]  # those that the folders lie on, each by one of them


@dataclass(eq=False)
class _Watched:
    folders: list[Path]
    pid: int
    first: Used
    last: _Look
    words: asyncio.Future[str]
    pause: float = LOOK_EVERY
    due: float = 0.0  # loop time
    under_way: bool = False


class DiskQuota:
    """All that are watched share rounds: fifty that are quiet cost one look at the disk they are on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="quota")
        self._watched: set[_Watched] = set()
        self._rounds: asyncio.Task[None] | None = None
        self._looks: set[asyncio.Task[None]] = set()
        self._most = limits.files * 4

    async def exceeded(self, folders: Iterable[Path], pid: int) -> str:
        """Looks again and again; returns when too much lies in the folders: in words, for people. `pid` is of the first
        process of the container that uses them, 0 where none can be looked at.

        What is beyond the quota at the first look may stay, so that an agent can be asked to delete it; it may not grow.
        What cannot be measured may not stay.
        """
        loop, here = asyncio.get_running_loop(), list(folders)
        look = await loop.run_in_executor(self._pool, _look, here, self._most, pid)
        watched = _Watched(here, pid, look.used, look, loop.create_future())
        self._watched.add(watched)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round(), name="quota")
        try:
            return await watched.words
        finally:
            self._watched.discard(watched)

    async def _go_round(self) -> None:
        loop, room = asyncio.get_running_loop(), Room()
        while self._watched:
            disks: dict[int, list[Path]] = {}
            for watched in self._watched:
                for disk, folder in watched.last.disks.items():
                    disks.setdefault(disk, []).append(folder)
            filled = room.filled(await loop.run_in_executor(self._pool, _free, disks.values()))
            due = [w for w in self._watched if not w.under_way and (filled or w.due <= loop.time())]
            quick = [watched for watched in due if watched.last.took <= LONG]
            for some in (quick, *([watched] for watched in due if watched.last.took > LONG)):
                if some:
                    look = asyncio.create_task(self._look(some))
                    self._looks.add(look)
                    look.add_done_callback(self._looks.discard)
            await moments.come(LOOK_EVERY)

    async def _look(self, some: list[_Watched]) -> None:
        for watched in some:
            watched.under_way = True
        loop = asyncio.get_running_loop()
        founds = await loop.run_in_executor(
            self._pool, lambda: [_look(watched.folders, self._most, watched.pid) for watched in some]
        )
        for watched, look in zip(some, founds, strict=True):
            same = look.used == watched.last.used
            watched.pause = min(watched.pause * SLOWER, SELDOM) if same else LOOK_EVERY
            watched.last, watched.under_way = look, False
            watched.due = moments.after(loop.time(), max(watched.pause, look.took * SHARE))
            if (words := excess(self._limits, watched.first, look.used)) and not watched.words.done():
                watched.words.set_result(words)

    def close(self) -> None:
        for task in (*self._looks, *([self._rounds] if self._rounds is not None else ())):
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


class Room:
    """What disks have left, from one look to the next."""

    def __init__(self) -> None:
        self._most: dict[int, Free] = {}

    def filled(self, free: Mapping[int, Free]) -> bool:
        """Whether so much was taken of one since it last was said, or since somebody gave some back."""
        found = False
        for disk, now in free.items():
            most = self._most.get(disk, now)
            if not now.tells or most.size - now.size > FILLED_BY or most.files - now.files > FILLED_BY_FILES:
                found, most = True, now
            self._most[disk] = Free(max(most.size, now.size), max(most.files, now.files))
        return found


def _free(disks: Iterable[Iterable[Path]]) -> dict[int, Free]:
    """Each by the first of the folders on it that is still there: a question for every folder of fifty runners costs more than
    all else that is done for them while they rest."""
    found = {}
    for folders in disks:
        for folder in folders:
            with contextlib.suppress(OSError):
                disk = os.statvfs(folder)
                found[disk.f_fsid] = Free(disk.f_bfree * disk.f_frsize, disk.f_ffree, disk.f_blocks > 0)
                break
    return found


def _look(folders: list[Path], most: int, pid: int) -> _Look:
    began, disks = time.monotonic(), dict[int, Path]()
    used = measure(folders, most, pid)
    for folder in folders:
        with contextlib.suppress(OSError):
            disks[folder.lstat().st_dev] = folder
    return _Look(used, time.monotonic() - began, disks)


def notice(session: Session, why: str, now: int, message: MessageIn | None = None) -> Notice:
    """That its runner was stopped: told where the message came from, or once a day where the conversation is."""
    remedy = say("An operator has to look.") if why == HIDES else say("Ask me to delete some.")
    stopped = say("⚠️ I was stopped: {reason} ({id}).", reason=known(why), id=session.id[:9])
    text = joined(" ", [stopped, remedy])
    if message is None:
        return Notice(f"over-quota:{session.id}:{now // 86_400_000}", session.place, text)
    return Notice(f"over-quota:{message.id}", message.address, text, answers=message.platform_message_id)


def excess(limits: Limits, first: Used, used: Used) -> Sentence:
    """'' while it is within limits. Pure."""
    if used.size > max(limits.disk_mb * MIB, first.size + ROOM_TO_CLEAN):
        return say("the files of this conversation take more than {most} MiB", most=limits.disk_mb)
    if used.files > max(limits.files, first.files + FILES_TO_CLEAN):
        return say("this conversation has more than {most} files", most=limits.files)
    if used.hidden:
        return HIDES
    return as_it_is("")


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
