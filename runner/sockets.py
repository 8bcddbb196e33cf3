"""Addresses of Unix sockets, which hold 107 bytes."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST = 107  # bytes


def reachable(socket: Path) -> str:
    """The path, or a short one through a folder that stays open."""
    if len(os.fsencode(socket)) <= LONGEST:
        return str(socket)
    return f"/proc/self/fd/{os.open(socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)}/{socket.name}"
