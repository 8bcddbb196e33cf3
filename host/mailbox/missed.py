"""Which due times run and which do not, after the host or the task was away. Pure (law 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from host.config.recurrence import Schedule
from host.words import moment

Policy = Literal["run_once", "run_all", "skip"]

LATE = 60_000  # ms after which a due time counts as missed
MOST_NAMED = 10  # missed times that a run names one by one
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Firing:
    """What a task does now. Times are ms UTC, 0 for none."""

    occurrence: int  # the due time that runs; 0 when none does
    stands_for: tuple[str, ...]  # the due times the run makes up for, in words; empty when it is on time
    skipped: int  # the last due time that does not run
    last: int  # the last due time that is dealt with now
    next_at: int


def decide(schedule: Schedule, policy: Policy, next_at: int, now: int, window: int = 0) -> Firing:
    """`next_at` is due, and may run so many ms later. `run_all` runs the earliest due time now and leaves the others due."""
    late_after = LATE + window
    if policy == "run_all":
        late = (moment(next_at, schedule.zone),) if now - next_at > late_after else ()
        return Firing(next_at, late, 0, next_at, schedule.next_after(next_at))
    latest = schedule.latest(next_at, now) or next_at
    following = schedule.next_after(latest)
    if policy == "skip":
        if now - latest > late_after:
            return Firing(0, (), latest, latest, following)
        earlier = schedule.between(next_at - 1, latest, 1)
        return Firing(latest, (), earlier[0] if earlier else 0, latest, following)
    return Firing(latest, _made_up_for(schedule, next_at, latest, now - late_after), 0, latest, following)


def _made_up_for(schedule: Schedule, first: int, latest: int, on_time: int) -> tuple[str, ...]:
    """`on_time`: what was due then is not late."""
    if first == latest and latest >= on_time:
        return ()
    earlier = schedule.between(first - 1, latest, MOST_COUNTED)
    said = [moment(due, schedule.zone) for due in (*earlier, latest)]
    if len(said) <= MOST_NAMED:
        return tuple(said)
    left = f"{len(said) - 4} more" if len(earlier) < MOST_COUNTED else f"more than {MOST_COUNTED - 4} more"
    return (*said[:3], f"… {left} …", said[-1])
