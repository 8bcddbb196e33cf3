"""Ends everything of a runner once its session may be another machine's: the host may be stopped and tell it nothing more.

In a container the first process does it, whose end is the end of all others in it and which none of them can stop. Where runners
are processes of the machine the runner does it, and ends what it started first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sessiondb import SessionFolder, lease
from sessiondb.contract import LEASE_OVER

LEASED = "DOVECOTE_LEASED"  # told by the host where it leads for a time only
LOOK = 0.5  # s between two looks at most: a machine that was asleep finds the time over at the next


def watch(end: Callable[[], None]) -> None:
    """From now on `end` is called, in a thread, once the lease is over; it does not return. Nothing where there is no lease, or
    where the process above does it."""
    root = os.environ.pop(LEASED, "") and os.environ.get("DOVECOTE_SESSION_DIR", "")
    if root:
        path = SessionFolder(Path(root)).lease
        threading.Thread(target=_wait, args=(path, end), name="leash", daemon=True).start()


def _wait(path: Path, end: Callable[[], None]) -> None:
    while (left := lease.left(path)) > 0:
        time.sleep(min(left, LOOK))
    sys.stderr.write(
        "ERROR leash: the lease is over: another machine may have this session, and all ends here\n"
    )
    end()


def end_container() -> None:
    """For the first process of one: the kernel ends the rest."""
    os._exit(LEASE_OVER)


def end_processes() -> None:
    """For a runner that is a process of the machine."""
    mark = f"DOVECOTE_INCARNATION={os.environ.get('DOVECOTE_INCARNATION', '')}".encode()
    while others := list(_marked(mark)):
        for pid in others:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    os._exit(LEASE_OVER)


def _marked(mark: bytes) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
