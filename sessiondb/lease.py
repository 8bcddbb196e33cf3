"""Until when a session is this machine's to work on, where another machine may take it over: a file that the host owns.

The time of its last change is the moment at which that ends, by a clock that host and runner share (law 9), that nobody sets and
that goes on while either is stopped or the machine asleep. To renew it is one call and no commit; a host that is stopped renews
nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_S = 1_000_000_000  # ns


def clock() -> float:
    """s since the machine started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def renew(path: Path, until: float) -> None:
    """`until` in s by `clock`. Raises `OSError`, also where there is no such file."""
    at = int(max(until, 0.0) * _S)
    os.utime(path, ns=(at, at), follow_symlinks=False)


def left(path: Path) -> float:
    """s; 0 or less once it is over. What is not there is over."""
    try:
        return path.lstat().st_mtime_ns / _S - clock()
    except OSError:
        return 0.0
