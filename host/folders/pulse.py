"""A sign of life for whoever watches from outside: a file that every whole sweep touches."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

NAME = "host.pulse"
STALE = 120.0  # s; a sweep over everything may take a while, and nothing is restarted for a slow disk


def beat(data: Path) -> None:
    # A full disk must not end the sweep that could tell of it.
    with contextlib.suppress(OSError):
        (data / NAME).touch()


def age(data: Path) -> float:
    """Seconds since the last beat. Raises `FileNotFoundError` when there never was one."""
    return max(0.0, time.time() - (data / NAME).stat().st_mtime)
