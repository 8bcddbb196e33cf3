"""A runner's output on disk: one file and one older one, each of a bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

LARGEST_LOG = 1_000_000  # bytes; then the log is rotated, keeping one older


def open_log(path: Path) -> int:
    """A descriptor to append by; the caller closes it. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def append_bounded(path: Path, chunks: Iterable[bytes], limit: int) -> None:
    """Appends at most `limit` bytes. Raises `OSError`."""
    log = open_log(path)
    try:
        for chunk in chunks:
            os.write(log, chunk[:limit])
            limit -= len(chunk)
            if limit <= 0:
                os.write(log, b"[the rest is left out]\n")
                return
    finally:
        os.close(log)
