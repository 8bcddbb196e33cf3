"""What a container keeps on disk without a name: files that are deleted, and still open or mapped in one of its processes.

Its processes are those that share the PID namespace of its first one, and they are looked at from outside, in `/proc`. A
descriptor that is on its way through a socket is in no process and is not seen.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MOST_SEEN = 100_000  # descriptors and mappings of one container that are looked at
BLOCK = 512  # bytes in a block of `st_blocks`

_MAPPED = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) .* \(deleted\)$", re.M)


@dataclass(frozen=True, slots=True)
class Unnamed:
    size: int = 0  # bytes on disk
    files: int = 0
    hidden: bool = False  # there is more than is looked at


def belongs(pid: int, mark: str) -> bool:
    """Whether that process of this machine is of the control group that the mark names: an engine may be on another one."""
    try:
        return bool(mark) and mark in (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def visible(pid: int) -> bool:
    """Whether this process may look at what that one holds open."""
    try:
        (PROC / str(pid) / "ns" / "pid").stat()
    except OSError:
        return False
    return True


def measure(pid: int, devices: Collection[int]) -> Unnamed:
    """Of the container whose first process that is, on these devices. One that has ended has nothing."""
    found: dict[tuple[int, int], int] = {}
    seen = 0
    for process in _processes(pid):
        for key, size in _held(process):
            seen += 1
            if key[0] in devices:
                found[key] = max(size, found.get(key, 0))
            if seen >= MOST_SEEN:
                return Unnamed(sum(found.values()), len(found), hidden=True)
    return Unnamed(sum(max(0, size) for size in found.values()), len(found), hidden=-1 in found.values())


def _processes(pid: int) -> Iterator[Path]:
    try:
        space = (PROC / str(pid) / "ns" / "pid").stat().st_ino
    except OSError:
        return
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "ns" / "pid").stat().st_ino == space:
                yield process


def _held(process: Path) -> Iterator[tuple[tuple[int, int], int]]:
    """Of each descriptor and mapping (device, inode) and size, where no name leads to the file; (0, 0) for others.

    A size that cannot be seen is -1.
    """
    try:
        tasks = list((process / "task").iterdir())
    except OSError:
        return
    for task in tasks:  # each thread may have a table of descriptors of its own
        with contextlib.suppress(OSError):
            for name in os.listdir(task / "fd"):  # noqa: PTH208 - many, and only their names
                with contextlib.suppress(OSError):
                    found = (task / "fd" / name).stat()
                    yield (
                        ((found.st_dev, found.st_ino), found.st_blocks * BLOCK)
                        if not found.st_nlink
                        else ((0, 0), 0)
                    )
    for task in tasks:
        with contextlib.suppress(OSError):
            if maps := _maps(task):
                yield from (_mapped(task.name, mapping) for mapping in _MAPPED.finditer(maps))
                return


def _maps(task: Path) -> bytes:
    """Threads share their memory: one's that has ended while others go on are empty, the first one's too."""
    return (task / "maps").read_bytes()


def _mapped(task: str, mapping: re.Match[bytes]) -> tuple[tuple[int, int], int]:
    begin, end, major, minor, inode = mapping.groups()
    try:
        found = (PROC / task / "map_files" / f"{begin.decode()}-{end.decode()}").stat()
        return (found.st_dev, found.st_ino), found.st_blocks * BLOCK
    except (
        OSError
    ):  # only root may look there, and how much is mapped says little: one page keeps a whole file
        return (os.makedev(int(major, 16), int(minor, 16)), int(inode)), -1
