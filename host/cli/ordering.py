"""An order to the host that runs on a data folder, and what it says to that."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.folders import lock
from host.registry import orders
from host.registry.db import open_registry

DEADLINE = 60.0  # s the host gets to carry an order out
REFUSED = "refused"
NO_ANSWER = "the host has not answered yet; it will carry the order out"


def reload(data: Path) -> str:
    """What the host says. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    if not lock.held(data):
        raise NothingFoundError(f"no host runs on {data}: the next start reads the configuration anyway")
    number = orders.give(data / "host.db", "reload", "", now_ms(), getpass.getuser())
    return outcome(data, number)


def outcome(data: Path, number: int) -> str:
    """Once it is carried out, or the deadline is over."""
    registry = open_registry(data)
    deadline = time.monotonic() + DEADLINE
    try:
        while not (told := orders.outcome(registry, number)) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        registry.close()
    return told or NO_ANSWER
