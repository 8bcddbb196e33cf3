"""Whether a file's lock keeps a second process out: some network shares give one lock to everybody who asks.

One host a folder, one runner a conversation and every commit of SQLite hang on it.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Sequence

WITHIN = 20.0  # s that the second process gets; a share that hangs is no place for records
TRY = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for name in ("flock", "lockf"):
    try:
        getattr(fcntl, name)(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        continue
    print(name)
"""
SECOND = (sys.executable, "-I", "-S", "-c", TRY)
NAMES = {"flock": "of whole files (flock)", "lockf": "of ranges (fcntl, SQLite's)"}


def let_in(fd: int, second: Sequence[str] = SECOND) -> tuple[str, ...]:
    """Of the locks that the caller holds on the open file: those that `second` got as well, in words. Raises `OSError`.

    What it inherits is the caller's own opening; it opens the file anew by it, which needs no name.
    """
    asked = [*second, f"/proc/self/fd/{fd}"]
    try:
        told = subprocess.run(
            asked, capture_output=True, text=True, timeout=WITHIN, check=True, pass_fds=(fd,)
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, "a lock there is neither given nor refused") from error
    except subprocess.CalledProcessError as error:
        raise OSError(
            errno.EREMOTEIO, "a second process cannot open what the first has made there"
        ) from error
    return tuple(NAMES[name] for name in told.stdout.split())
