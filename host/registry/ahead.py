"""By how much the database's clock is ahead of this machine's: nodes that share a database go by one time, the database's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from host.registry.port import Registry
from sessiondb import SessionError

EVERY = 3_600.0  # s between two measurements: a clock that nobody sets may be slow
STEP = 5_000  # ms: less than half of it is nothing, and what is adopted after a start was told the same

log = logging.getLogger(__name__)


async def measured(db: Registry, now: Callable[[], int]) -> int:
    """ms, in whole `STEP`s; 0 on a machine that is alone. Raises `SessionError`."""
    if db.ties is None:
        return 0
    before = now()
    [(there,)] = await db.read(lambda connection: connection.execute("SELECT ms_now()").fetchall())
    off = round((int(there) - (before + now()) / 2) / STEP) * STEP
    if off:
        told = "This machine's clock is %d s %s the database's, whose time counts: set it (NTP)"
        log.warning(
            told, abs(off) // 1000, "behind" if off > 0 else "ahead of", extra={"action": "clock_off"}
        )
    return off


class OneClock:
    """The time of day of nodes that share a database: its own, as it was measured, and from then on by a clock that nobody sets.
    A machine that is alone goes by the clock it has."""

    def __init__(self, own: Callable[[], int]) -> None:
        self._own = own
        self._steady: Callable[[], float] | None = None  # s
        self._base = 0.0  # ms UTC at its zero

    def __call__(self) -> int:
        return self._own() if self._steady is None else int(self._base + self._steady() * 1000)

    async def begin(self, db: Registry) -> None:
        """Raises `SessionError`."""
        off = await measured(db, self._own)
        if db.ties is None:
            self._steady = None
            return
        steady = asyncio.get_running_loop().time
        self._base = self._own() + off - steady() * 1000
        self._steady = steady
        db.ahead = self.ahead

    async def keep(self, db: Registry) -> None:
        """Until cancelled."""
        while db.ties is not None:
            await asyncio.sleep(EVERY)
            try:
                off = await measured(db, self)
            except SessionError:
                continue
            self._base += off

    def ahead(self) -> int:
        """ms, in whole `STEP`s, that it is ahead of what this machine's clock shows now."""
        return round((self() - self._own()) / STEP) * STEP
