"""The machine's clock and zone: by what is known for certain, by the records, and by what servers say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from host.config import Config
from host.ports.findings import Finding

EARLIEST = 1_764_547_200_000  # ms UTC, 2025-12-01: no clock that is right shows anything before
LATEST = 4_102_444_800_000  # ms UTC, 2100-01-01
TOLERATED = 120.0  # s; platforms refuse signatures that are five minutes off
AHEAD = 3_600_000  # ms that the records may be ahead of the clock: it may have been corrected a little
REMEDY = "Set the clock: `timedatectl set-ntp true`, or `date --set`"


def findings(config: Config, newest: int, now: int) -> Iterator[Finding]:
    """`newest` (ms UTC) is the latest moment that host.db knows of, 0 for none."""
    shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now / 1000))
    if not EARLIEST <= now <= LATEST:
        yield Finding("Clock", False, f"it shows {shown} UTC, which cannot be", REMEDY)
    elif newest - now > AHEAD:
        behind = spoken((newest - now) / 1000)
        seen = f"it shows {shown} UTC, and the records of host.db go on for {behind} after that"
        yield Finding("Clock", False, seen, f"{REMEDY}. If it is right now, it was ahead: that mends itself")
    else:
        yield Finding("Clock", True, f"{shown} UTC, days begin in {config.host.zone}")
    if (zone := os.environ.get("TZ", "").lstrip(":")) and not _known(zone):
        yield Finding("Time zone", False, f"TZ={zone} is none that this machine knows", "Correct or unset TZ")


def by_server(date: str, url: str, now: float) -> Finding | None:
    """What the `Date` of a server's answer says of the clock (`now` in s); None where both agree."""
    try:
        off = now - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    if abs(off) <= TOLERATED:
        return None
    at = url.split("://", 1)[-1].split("/", 1)[0]
    way = "ahead of" if off > 0 else "behind"
    return Finding("Clock", False, f"it is {spoken(abs(off))} {way} that of {at}", REMEDY)


def spoken(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "," in zone or any(char.isdigit() for char in zone)  # a POSIX rule: CET-1CEST
    return True
