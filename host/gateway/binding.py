"""The socket of a session: where it lies, and whose it is."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from host.folders import ownership


def listening_on(path: Path) -> socket.socket:
    """A socket that only the runner's user can speak on. By the folder's descriptor: an address holds 107 bytes."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, *ownership.container_ids(), follow_symlinks=False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener
