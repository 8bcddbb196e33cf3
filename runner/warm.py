"""A runner that waits for a session: its imports are done, and nothing of anybody is in it until a session is handed over.

    python -m runner --warm claude        its standard input is one end of a pair of sockets

    {"environment": {…}, "folder": "/…"}\n        one line; the descriptor beside it is the session's log

Whoever holds the other end is its master. When that end closes, because the host has ended or died, it ends too, and a line
without an end is none: a host that died in the midst of it has handed nothing over.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NamedTuple

from runner.providers import factory

CHUNK = 65_536  # bytes


class _Told(NamedTuple):
    environment: dict[str, str]
    folder: str
    log: int


def handed_over(provider: str) -> bool:
    """Waits; True when this process is the session's from now on, as if it had been started for it."""
    factory.load(provider)
    with socket.socket(fileno=os.dup(0)) as master:
        told = _heard(master)
    if told is None:
        return False
    for descriptor in (1, 2):
        os.dup2(told.log, descriptor)
    os.close(told.log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.update(told.environment)
    os.chdir(told.folder)
    return True


def _heard(master: socket.socket) -> _Told | None:
    """None when the master has gone before it has said all."""
    try:
        line, descriptors, _, _ = socket.recv_fds(master, CHUNK, 1)
        while line and not line.endswith(b"\n"):
            more = master.recv(CHUNK)
            if not more:
                return None
            line += more
    except ConnectionError:
        return None
    if not line or not descriptors:
        return None
    told: dict[str, Any] = json.loads(line)
    return _Told(told["environment"], told["folder"], descriptors[0])
