"""What to do about a runner and its claims: pure decisions (law 11). `looks` makes the view, `supervisor` acts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEARTBEAT_STALE = 60_000  # ms without a touch after which a runner counts as dead or hung
ACTIVITY_STALE = 600_000  # ms a provider may take without any sign while a message is claimed
TOOL_GRACE = 30_000  # ms beyond a tool's declared deadline
LONGEST_TOOL = 3_600_000  # ms beyond the last activity that a declared tool deadline is believed
IDLE_GRACE = 60_000  # ms beyond the idle limit before a runner that should have ended by itself is stopped
BLOCKED = 10_000  # ms a reader may keep the host from committing to inbound.db
START_BACKOFF = 2_000  # ms after the first start that died without a claim; doubles
LONGEST_START_BACKOFF = 300_000  # ms


class Verdict(StrEnum):
    KEEP = "keep"
    STOP_HUNG = "stop_hung"  # its process shows no life
    STOP_STUCK = "stop_stuck"  # it lives, but its turn does not get on
    STOP_IDLE = "stop_idle"  # it should have ended by itself long ago


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a live runner; times in ms UTC, 0 for "never". Signs of other incarnations are left out."""

    now: int
    started_at: int
    heartbeat_at: int
    claims: int  # open claims of this incarnation
    activity_at: int
    tool_deadline: int
    busy_at: int = 0  # when the host last saw it at work, or gave it some
    idle_exit: int = 0  # ms after which it ends by itself


def decide(view: View) -> Verdict:
    """Signs from the future (a forgery, or a clock that jumped back) count for nothing, and the start as now at most:
    a runner that lives touches its heartbeat again long before the patience with its start is over."""
    started_at = min(view.started_at, view.now)
    alive_at = max(started_at, _believed(view.heartbeat_at, view.now))
    if view.now - alive_at > HEARTBEAT_STALE:
        return Verdict.STOP_HUNG
    active_at = max(started_at, _believed(view.activity_at, view.now))
    if view.claims == 0:
        busy_at = max(started_at, min(view.busy_at, view.now))
        overdue = view.idle_exit and view.now - busy_at > view.idle_exit + IDLE_GRACE
        return Verdict.STOP_IDLE if overdue else Verdict.KEEP
    tool_until = min(view.tool_deadline, active_at + LONGEST_TOOL) + TOOL_GRACE if view.tool_deadline else 0
    return Verdict.STOP_STUCK if view.now > max(active_at + ACTIVITY_STALE, tool_until) else Verdict.KEEP


def _believed(at: int, now: int) -> int:
    """A little ahead is the skew between two clocks; far ahead is no sign of life."""
    return 0 if at > now + HEARTBEAT_STALE else min(at, now)


def blocks(since: int, now: int) -> bool:
    """Whether a reader has kept the host from writing for too long; `since` is 0 when none does."""
    return bool(since) and now - since > BLOCKED


def start_pause(failures: int) -> int:
    """ms until the next start after so many in a row that died without a claim."""
    return min(START_BACKOFF * 2 ** min(failures - 1, 20), LONGEST_START_BACKOFF) if failures > 0 else 0
