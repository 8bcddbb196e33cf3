"""By when a run begins: tasks of the same minute are spread over a window, and each is promised to begin within its own. Pure.

A window is never longer than a part of the time between two runs, so that a run is never put off until the next is due. Where in
it a task begins follows from its id alone: the same at every due time, whatever else there is, and never before its time.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from host.config import recurrence
from host.config.recurrence import Schedule, ScheduleError
from host.words import Sentence, as_it_is, length, say

PART = 4  # of the shortest time between two runs: its first quarter
LEFT = 5  # the last fifth of a window is for waiting for a place
MINUTE = 60_000  # ms


def window_of(schedule: Schedule, most: int, now: int) -> int:
    """ms after a due time within which a run begins; 0 for a single time, which is kept. `most` is the host's."""
    if not schedule.cron:
        return 0
    interval = schedule.shortest_interval(now)
    found = min(most, interval // PART) if interval else most
    return found - found % (MINUTE if found >= MINUTE else 1_000)


def put_off(task_id: str, window: int) -> int:
    """ms after a due time at which the task is fired."""
    span = window - window // LEFT
    return int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:8], "big") % span if span > 0 else 0


def within(window: int) -> Sentence:
    """Behind when a task is due; '' for one that is punctual."""
    return say(", within {length}", length=length(window)) if window else as_it_is("")


def between(due: int, window: int, zone: str) -> Sentence:
    """ "between 09:00 and 09:05"."""
    return say("between {begin} and {end}", begin=clock(due, zone), end=clock(due + window, zone))


def clock(ms: int, zone: str) -> str:
    """`09:05`, in UTC where this machine does not know the zone."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, recurrence.known_zone(zone)):%H:%M}"
    except ScheduleError:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M} UTC"


def later(due: int, begun: int, window: int) -> Sentence:
    """By how much a run began later than promised, in words; '' where the promise was kept, or there was none."""
    over = begun - due - window
    if not window or not begun or over <= 0:
        return as_it_is("")
    return say("begun {length} later than promised", length=length(-(-over // MINUTE) * MINUTE))
