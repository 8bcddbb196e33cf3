"""How the process deals with memory. Texts of megabytes come and go in many threads, each with an arena of its own."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGE = 256 * 1024  # bytes


def give_large_blocks_back() -> None:
    """To the system, as soon as they are free. glibc raises its limit with each such block that is freed, up to 32 MB, and
    keeps what is smaller; other C libraries have nothing to set."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
