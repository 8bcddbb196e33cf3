"""The texts of files that people write, whatever lies in their place: read whole and at once, or refused in words."""

from __future__ import annotations

import io
import os
import stat
import time
from pathlib import Path

from host.config.errors import ConfigError, Fault, unreadable

LARGEST = 4 * 1024 * 1024  # bytes
SETTLED = 2.0  # s since a file was last written, after which nobody is at it
PAUSE = 0.25  # s between two looks at one that was written just now
LOOKS = 20
LOOKS_FOR_NOTHING = 4


def text_of(file: Path) -> str:
    """Raises `ConfigError`, and `FileNotFoundError` where nothing is."""
    try:
        # A pipe would keep whoever opens it waiting, and a device has no end.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise _fault(file, "is no regular file", "Name a file that holds the text itself")
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise _fault(
                file, f"is larger than {LARGEST // 1024**2} MB", "Name the right file, or shorten this one"
            )
        return io.StringIO(raw.decode("utf-8-sig"), newline=None).read()  # Windows writes a mark first
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from error


def settle(file: Path) -> None:
    """Returns when nobody is writing the file any more: what is half there may well be a configuration, and another one.

    Blocks. Raises `ConfigError` where that does not end, or the file is gone.
    """
    before: tuple[int, ...] | None = None
    for look in range(LOOKS):
        try:
            found = file.stat()
        except FileNotFoundError:  # some editors take it away for a moment
            if look == LOOKS_FOR_NOTHING:
                raise _fault(file, "is gone", "Put it back, and reload once more") from None
            time.sleep(PAUSE)
            continue
        except OSError as error:
            raise unreadable(file, error) from error
        now = (found.st_ino, found.st_size, found.st_mtime_ns)
        if now == before or time.time() - found.st_mtime > SETTLED:
            return
        before = now
        time.sleep(PAUSE)
    raise _fault(file, "is being written all the time", "Reload once more when that is over")


def _fault(file: Path, problem: str, remedy: str) -> ConfigError:
    return ConfigError(file, [Fault("", problem, remedy)])
