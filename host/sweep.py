"""What to do about a runner and its claims: pure decisions (law 11). The loop around them is in `host.supervisor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEARTBEAT_STALE = 60_000  # ms without a touch after which a runner counts as dead or hung
ACTIVITY_STALE = 600_000  # ms a provider may take without any sign while a message is claimed
TOOL_GRACE = 30_000  # ms beyond a tool's declared deadline
START_BACKOFF = 2_000  # ms after the first start that died without a claim; doubles
LONGEST_START_BACKOFF = 300_000  # ms


class Verdict(StrEnum):
    KEEP = "keep"
    STOP_HUNG = "stop_hung"  # its process shows no life
    STOP_STUCK = "stop_stuck"  # it lives, but its turn does not get on


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a live runner; times in ms UTC, 0 for "never". Signs of other incarnations are left out."""

    now: int
    started_at: int
    heartbeat_at: int
    claims: int  # open claims of this incarnation
    activity_at: int
    tool_deadline: int


def decide(view: View) -> Verdict:
    """A heartbeat or activity in the future (a clock that jumped back, or a forgery) counts as now at most."""
    alive_at = max(view.started_at, min(view.heartbeat_at, view.now))
    if view.now - alive_at > HEARTBEAT_STALE:
        return Verdict.STOP_HUNG
    if view.claims == 0:
        return Verdict.KEEP
    active_at = max(view.started_at, min(view.activity_at, view.now))
    patience = max(active_at + ACTIVITY_STALE, view.tool_deadline + TOOL_GRACE if view.tool_deadline else 0)
    return Verdict.STOP_STUCK if view.now > patience else Verdict.KEEP


def start_pause(failures: int) -> int:
    """ms until the next start after so many in a row that died without a claim."""
    return min(START_BACKOFF * 2 ** min(failures - 1, 20), LONGEST_START_BACKOFF) if failures > 0 else 0
