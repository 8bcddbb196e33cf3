"""By how much the database's clock is ahead of this machine's: nodes that share a database go by one time, the database's."""

from __future__ import annotations

import logging
from collections.abc import Callable

from host.registry.port import Registry

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
