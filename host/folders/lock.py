"""One host per data folder: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


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
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise DataFolderError(
                f"{data}: another dovecote is running on this folder. Stop it first, or set another `data`."
            ) from error
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._fd)


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
