"""One host per data folder: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

PATIENCE = 10.0  # s in which whoever only looks has looked
PAUSE = 0.01  # s between two tries


class DataFolderError(Exception):
    """The data folder cannot be used; the text says why and what to do."""


class DataLock:
    def __init__(self, data: Path) -> None:
        """Raises `DataFolderError` when another host has the folder, or it cannot be written."""
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(data / "host.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            problem = error.strerror or str(error)
            raise DataFolderError(
                f"{data}: {problem}. Make the folder writable for uid {os.getuid()}, or set `data` in dovecote.toml."
            ) from error
        try:
            problem = _taken(self._fd)
        except OSError as error:
            problem = (
                f"its file system gives no lock: {error.strerror}. Set `data` to a folder on a local disk."
            )
        if problem:
            os.close(self._fd)
            raise DataFolderError(f"{data}: {problem}")
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._fd)


def _taken(fd: int) -> str:
    """Why it cannot be had; '' when it is. Raises `OSError`.

    A host has it alone. Who only looks whether one does (`held`) shares it, for a moment, and is waited for: an error at
    a start that meets a command would be one for good to a service manager.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _shares(fd):
                return "another dovecote is running on this folder. Stop it first, or set another `data`."
            if time.monotonic() > until:
                return "a command that looks at this folder does not end. End it, then start again."
            time.sleep(PAUSE)
        else:
            return ""


def _shares(fd: int) -> bool:
    """Whether all who have it only look. It is given back at once, for two starts would keep it from each other."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True


def held(data: Path) -> bool:
    """Whether a host runs on this folder. Makes and changes nothing; a folder that is not there has no host."""
    try:
        fd = os.open(data / "host.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
