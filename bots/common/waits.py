"""The time that an answer asks to wait, however it is written and however long it is."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from host.ports.bot import LONGEST_WAIT


def seconds(named: str) -> float:
    """What `Retry-After` names, by its number or its date; 0 for what is neither, or over; what is asked for beyond
    `LONGEST_WAIT` is asked for again then."""
    try:
        found = float(named)
    except ValueError:
        found = _until(named)
    return min(found, LONGEST_WAIT) if found > 0 else 0.0


def _until(named: str) -> float:
    try:
        return parsedate_to_datetime(named).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
