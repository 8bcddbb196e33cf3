"""A sign of life for whoever watches from outside: a file that the sweep writes as its looks come to their end."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAME = "host.pulse"
STALE = 120.0  # s; a sweep over everything may take a while, and nothing is restarted for a slow disk


@dataclass(frozen=True, slots=True)
class Told:
    """What the host said of itself then, by platform."""

    connected: dict[str, bool] = field(default_factory=dict)
    hanging: tuple[str, ...] = ()
    stands_by: str = ""  # why it does not serve, where another node does or is to


class Pulse:
    """The one of this life of the host."""

    def __init__(self, data: Path) -> None:
        self._path = data / NAME
        self._told: Told | None = None  # what is in the file

    def beat(self, told: Told) -> None:
        """Whoever reads meanwhile finds the one before or this one, whole."""
        # A full disk must not end the sweep that could tell of it.
        with contextlib.suppress(OSError):
            if told == self._told and self._touched():
                return
            new = self._path.with_name(f"{NAME}.new")
            new.write_text(json.dumps(asdict(told)), "utf-8")
            new.replace(self._path)
            self._told = told

    def _touched(self) -> bool:
        """A file is written again for what it says alone: to write it takes thirty times as long."""
        try:
            os.utime(self._path)
        except FileNotFoundError:
            return False
        return True


def end(data: Path) -> None:
    """At a stop that was asked for: a host that has ended is well to nobody."""
    with contextlib.suppress(OSError):
        (data / NAME).unlink(missing_ok=True)


def age(data: Path) -> float:
    """Seconds since the last beat. Raises `FileNotFoundError` when there was none, or its host has ended."""
    return max(0.0, time.time() - (data / NAME).stat().st_mtime)


def read(data: Path) -> Told:
    """Raises `OSError`; a file that says nothing, as older hosts left it, tells of no platform."""
    try:
        found = json.loads((data / NAME).read_text("utf-8"))
        return Told(dict(found["connected"]), tuple(found["hanging"]), str(found.get("stands_by", "")))
    except (ValueError, KeyError, TypeError):
        return Told()
