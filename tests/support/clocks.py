"""A time of day that a file shifts, for every process of a test: DATA/clock says by how many ms.

`python -m tests.support.clocks` is a runner under that clock.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runner import __main__ as runner
from sessiondb.signals import beat


def set_clock(data: Path, shift: int) -> None:
    temporary = data / "clock.new"
    temporary.write_text(str(shift))
    temporary.replace(data / "clock")


def clock_of(data: Path) -> Callable[[], int]:
    """ms UTC; the real time while there is no file."""

    def now() -> int:
        try:
            shift = int((data / "clock").read_text())
        except FileNotFoundError:
            shift = 0
        return time.time_ns() // 1_000_000 + shift

    return now


def main() -> int:
    now = clock_of(Path(os.environ["DOVECOTE_SESSION_DIR"]).parents[1])

    def beat_by_it(path: Path, incarnation: str) -> None:
        """The kernel has one clock for all files; what it wrote is set to this one."""
        beat(path, incarnation)
        os.utime(path, ns=(now() * 1_000_000,) * 2)

    runner.now_ms, runner.beat = now, beat_by_it  # type: ignore[attr-defined]
    return runner.main()


if __name__ == "__main__":
    sys.exit(main())
