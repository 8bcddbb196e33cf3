"""What passes beside the two databases: bells, the heartbeat, the progress file, the runner's lock.

None of them carries truth: a lost bell costs a poll interval, a lost heartbeat a closer look.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from dataclasses import asdict
from pathlib import Path

from sessiondb import plan
from sessiondb.frozen import frozen

NO_FIFOS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}  # SMB, exFAT, 9p


POLL_SLOWEST = 1.0  # s between two looks at a quiet file while a bell would tell of a change
POLL_WITHOUT_BELL = 0.08  # s where none can: an answer must not seem late for it, and a look is one lstat


def slowest_poll(told: float, *, bell: bool) -> float:
    """Seconds between two looks at a quiet file; `told` is the operator's word, 0 for none."""
    return told or (POLL_SLOWEST if bell else POLL_WITHOUT_BELL)


class Bell:
    """One direction of the pair of FIFOs in `gateway/`. Opened read-write so that neither end sees EOF or blocks."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)

    @staticmethod
    def make(path: Path) -> bool:
        """False where the file system knows no FIFOs: without bells polling finds everything a little later."""
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            return True
        except OSError as error:
            if error.errno in NO_FIFOS:
                return False
            raise
        return True

    @staticmethod
    def pair(first: Path, second: Path) -> tuple[Bell, Bell] | None:
        """Both ends' bells, or None where they could not be made."""
        try:
            one = Bell(first)
        except FileNotFoundError:
            return None
        try:
            return one, Bell(second)
        except FileNotFoundError:
            one.close()
            return None

    def fileno(self) -> int:
        return self._fd

    def ring(self) -> None:
        try:
            os.write(self._fd, b"!")
        except BlockingIOError:
            return  # full of unheard rings: the other side will look anyway

    def hush(self) -> None:
        """Swallows every ring so far: many rings are one."""
        try:
            while len(os.read(self._fd, 4096)) == 4096:
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self._fd)


class ChangeDetector:
    """Whether a file was written since the last look, by one lstat.

    A timestamp is only as fine as the kernel's tick: two commits within one tick look alike. A file that was written that
    recently is therefore reported once more when its tick is over, so a second commit is never missed.
    """

    TICK = 20_000_000  # ns; twice the coarsest tick in use

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._seen: tuple[int, int, int] | None = None
        self._young_until = 0  # ns; 0 when what was seen is older than a tick

    def changed(self) -> bool:
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp == self._seen and not self._young_until:
            return False
        now = time.time_ns()
        if stamp != self._seen:
            self._seen = stamp
            self._young_until = (
                found.st_mtime_ns + self.TICK if abs(now - found.st_mtime_ns) < self.TICK else 0
            )
            return True
        if not self._young_until - 2 * self.TICK < now < self._young_until:
            self._young_until = 0
            return True
        return False


@frozen
class Heartbeat:
    incarnation: str
    at: int  # ms UTC, by the file's mtime


def beat(path: Path, incarnation: str) -> None:
    """Touches the heartbeat; its content names the incarnation whose life it shows."""
    mine = incarnation.encode()
    found = read_small(path, limit=200)
    if found is not None and found[0] == mine:
        os.utime(path)
    else:
        replace_file(path, mine)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """None when there is none, or what lies there is not a small regular file."""
    data = read_small(path, limit=200)
    if data is None:
        return None
    content, mtime = data
    return Heartbeat(content.decode("utf-8", "replace"), mtime)


@frozen
class Progress:
    """What a person may see of a turn that is under way."""

    incarnation: str
    message_id: str  # the claimed message this turn answers
    status: str  # verbs for people: "searching the web"
    text: str  # the answer so far
    plan: tuple[plan.Item, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        data = read_small(path, limit=256 * 1024)
        if data is None:
            return None
        try:
            found = json.loads(data[0])
            words = {name: str(found[name]) for name in ("incarnation", "message_id", "status", "text")}
            return cls(**words, plan=plan.read(found.get("plan")))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, path: Path) -> None:
        """Atomic for readers, not durable: progress is worth nothing after a crash."""
        replace_file(path, json.dumps(asdict(self)).encode("utf-8", "surrogatepass"))


def replace_file(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)


def read_small(path: Path, *, limit: int) -> tuple[bytes, int] | None:
    """Content and mtime (ms) of a regular file of at most `limit` bytes; None for anything else.

    Looked at before it is opened and again after: the other side may have put a FIFO, a device or a symlink there.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        return os.read(fd, limit), found.st_mtime_ns // 1_000_000
    except OSError:
        return None
    finally:
        os.close(fd)


class RunnerLock:
    """Held by a runner for its life; the kernel lets go when the process dies (law 10)."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def acquire(cls, path: Path) -> RunnerLock | None:
        """None when another runner holds it."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        return cls(fd)

    def release(self) -> None:
        os.close(self._fd)
