"""How a process of ours ends."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """At once: to take the interpreter apart first costs a runner 13 ms of a processor, and who waits for its end that time."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
