"""What runners print, in the host's own log: a container's word, marked as such, a little of it, and never more than a value.

Whoever is in a container may print anything and any amount. So each line is one field of one record, which the log's format
shows as a value however it looks; its length, its rate and its level are the host's to bound. All of it is in runner.log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from host.folders import moments
from host.runners.launch.logs import open_log

log = logging.getLogger(__name__)

LONGEST_LINE = 1_000  # characters that are shown
LINES = 20  # a minute, of one runner
LINES_OF_ALL = 300  # a minute
MINUTE = 60.0  # s
READ_EVERY = 2.0  # s between two looks at what runners have printed
READ_SELDOM = 15.0  # s of the same while none of them prints anything
LARGEST_REST = 16_384  # bytes of a line without an end that are kept until it comes
LARGEST_READ = 65_536  # bytes that are read at a time; of more, the last
TAIL = 100  # lines that an engine is asked for at a time
STAMPED = re.compile(rb"(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)", re.DOTALL)
LEVELS = {
    "DEBUG": logging.DEBUG,
    "WARNING": logging.WARNING,
    "ERROR": logging.WARNING,
    "CRITICAL": logging.WARNING,
}


class Allowance:
    """So many a minute."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._since = clock()
        self._taken = 0

    def take(self) -> bool:
        now = self._clock()
        if now - self._since >= MINUTE:
            self._since, self._taken = now, 0
        self._taken += 1
        return self._taken <= self._most


OF_ALL = Allowance(LINES_OF_ALL)


class Echo:
    """Of one life of a runner. Any thread may tell it something."""

    def __init__(
        self,
        session_id: str,
        incarnation: str,
        *,
        of_all: Allowance = OF_ALL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fields = {"action": "runner", "session": session_id, "runner": incarnation}
        self._mine, self._of_all = Allowance(LINES, clock), of_all
        self._rest = b""
        self._overlong = False  # the rest of the line is passed over
        self._left_out = 0
        self._stamp = ""  # of the latest line that came with one
        self._lock = threading.Lock()

    def hear(self, data: bytes) -> None:
        with self._lock:
            self._hear(data)

    def hear_stamped(self, data: bytes) -> None:
        """Lines as an engine gives them, each behind a time of constant length; what was heard before is passed over."""
        with self._lock:
            stamped = [found for line in data.split(b"\n") if (found := STAMPED.fullmatch(line))]
            fresh = [found for found in stamped if found[1].decode() > self._stamp]
            for found in fresh:
                self._stamp = found[1].decode()
                self._say(found[2])
            if len(fresh) >= TAIL:
                self._left_out += 1  # or more: nobody counts what was not asked for

    def end(self) -> None:
        """What is left of a line, and how much was left out."""
        with self._lock:
            rest, self._rest = self._rest, b""
            self._say(rest)
            self._confess()

    def passed_over(self) -> None:
        """There was more than is read."""
        with self._lock:
            self._left_out += 1
            self._rest, self._overlong = b"", True  # it begins in the middle of a line

    def _hear(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._overlong:
                self._overlong = False
                continue
            self._say(line)
        if len(rest) > LARGEST_REST and not self._overlong:
            self._say(rest)
            self._overlong = True
        self._rest = b"" if self._overlong else rest

    def _say(self, line: bytes) -> None:
        text = line[: 4 * LONGEST_LINE].decode("utf-8", "replace").strip()
        if not text:
            return
        if not self._mine.take() or not self._of_all.take():
            self._left_out += 1
            return
        self._confess()
        level = LEVELS.get(text.partition(" ")[0], logging.INFO)
        said = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
        log.log(level, "A runner says", extra={**self._fields, "said": said})

    def _confess(self) -> None:
        if self._left_out:
            fields = {**self._fields, "lines": self._left_out}
            log.info("A runner said more, which runner.log has", extra=fields)
            self._left_out = 0


class Followed:
    """A runner's file, from where it ends now; `read` echoes what came since. Any thread may; after `close` nothing is read."""

    def __init__(self, path: Path, echo: Echo) -> None:
        """Raises `OSError`."""
        os.close(open_log(path))
        self._echo = echo
        self._lock = threading.Lock()  # a file that was closed under a read could be another one by then
        self._closed = False
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(self._file)
        self._at = found.st_size
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise OSError(f"{path} is no file")

    def read(self) -> bool:
        """Whether there was anything new."""
        with self._lock:
            if self._closed:
                return False
            size = os.fstat(self._file).st_size
            if size == self._at:
                return False
            if size - self._at > LARGEST_READ:
                self._at = size - LARGEST_READ
                self._echo.passed_over()
            data = os.pread(self._file, LARGEST_READ, self._at)
            self._at += len(data)
            self._echo.hear(data)
            return True

    def end(self) -> bool:
        heard = self.read()
        self._echo.end()
        return heard

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._file)


class Followers:
    """Reads what all runners print in one visit to a thread: a visit for each costs more than fifty runners at rest."""

    def __init__(self) -> None:
        self._files: set[Followed] = set()
        self._reading: asyncio.Task[None] | None = None

    def add(self, followed: Followed) -> None:
        self._files.add(followed)
        if self._reading is None:
            self._reading = asyncio.create_task(self._keep_reading(), name="echo")

    async def end(self, followed: Followed) -> None:
        """Its runner has ended: its last words."""
        self._files.discard(followed)
        try:
            await asyncio.to_thread(_read, [followed], Followed.end)
        finally:
            followed.close()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _keep_reading(self) -> None:
        heard = True
        while True:
            await moments.come(READ_EVERY if heard else READ_SELDOM)
            if self._files:
                broken, heard = await asyncio.to_thread(_read, list(self._files), Followed.read)
                self._files.difference_update(broken)


def _read(files: Sequence[Followed], how: Callable[[Followed], bool]) -> tuple[list[Followed], bool]:
    """Those that cannot be read any more, one of which keeps no other from being read; and whether any had something new."""
    broken, heard = [], False
    for followed in files:
        try:
            heard |= how(followed)
        except OSError as error:
            log.debug("A runner's output is not echoed: %s", error)
            broken.append(followed)
    return broken, heard
