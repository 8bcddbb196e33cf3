"""One life of a runner, as its supervisor knows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from host.config import Config
from host.registry.sessions import Session
from host.runners.launch.base import Runner

CLOCK_SET = 5_000  # ms by which the time of day moved more or less than time did: somebody has set it


@dataclass
class Life:
    """A runner that lives, or is about to."""

    session: Session
    task: asyncio.Task[None]
    runner: Runner | None = None
    started_at: int = 0
    silent_from: int = 0  # from when on a silence counts, ms UTC: its start, or when the clock was last set
    held_at: int = 0  # when it was last seen held, ms UTC: it shows no life because the host keeps it from it
    busy_at: int = 0  # when it was last seen at work, or was given some
    ordered_to_stop: bool = False
    over_quota: str = ""  # why it was ended: what lies too much on disk
    woken: bool = False  # since it last looked for work
    background: bool = False  # nothing but scheduled work waits for it
    config: Config | None = None  # which it was started by, and keeps; None before its start
    scope: str = ""  # the privacy scope whose folder its runner has; '' before its start
    ahead: float = (
        0.0  # ms by which the time of day was ahead of the loop's clock, which nobody sets, at the last look
    )

    def begins(self, runner: Runner, now: int) -> None:
        self.runner, self.started_at, self.silent_from, self.ordered_to_stop = runner, now, now, False
        self.held_at = 0
        self.ahead = _ahead(now)

    def mind_the_clock(self, now: int) -> bool:
        """A time of day that was set says nothing about how long a runner has been silent: that is counted anew. Whether it
        was set since the last look."""
        before, self.ahead = self.ahead, _ahead(now)
        if abs(self.ahead - before) <= CLOCK_SET:
            return False
        self.silent_from = self.busy_at = now
        return True


def _ahead(now: int) -> float:
    return now - asyncio.get_running_loop().time() * 1000
