"""What is to be done about a live message: pure decisions (law 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OPEN_AFTER = 4.0  # s a turn lasts before people are shown a message; most are answered sooner
SIGN_EVERY = (
    60.0  # s between two signs that work goes on of which nothing else is heard: the minutes it has taken
)
LINGER = 10_000  # ms a message may wait for its next attempt while its live message stays up
OPEN_AGAIN = 15.0  # s until an opening that the platform did not take is tried again


class Fate(StrEnum):
    """What became of the message that a live message is shown for."""

    CLAIMED = "claimed"  # a live runner works on it, at the attempt that was noted
    ANOTHER_ATTEMPT = "another attempt"  # it works on it again
    SOON = "soon"  # it waits for an attempt that comes soon
    WAITING = "waiting"  # nobody works on it
    ANSWERING = "answering"  # it has its outcome, which is still on its way to the platform
    OVER = "over"  # it has its outcome, and people can see it


class Step(StrEnum):
    WAIT = "wait"
    OPEN = "open"
    FIND = "find"
    TAKE_OVER = "take over"
    REMOVE = "remove"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class View:
    """One address of a session."""

    state: str  # of its live message: intended | shown, or '' when there is none
    fate: Fate  # of the message it is shown for; any when there is none
    working: bool  # a live runner works on some message here
    lasted: float = 0.0  # s it has worked
    refused: bool = False  # the platform takes no live message for that message
    closing: bool = False  # the host stops: nobody would see to it


def decide(view: View) -> Step:
    """An intent whose outcome is unknown comes first: whatever else is done, there must not be two."""
    if not view.state:
        if view.closing or not view.working:
            return Step.DONE
        return Step.OPEN if view.lasted >= OPEN_AFTER and not view.refused else Step.WAIT
    if view.state == "intended":
        return Step.FIND
    if view.closing or view.fate is Fate.OVER:
        return Step.REMOVE
    if view.fate is Fate.ANOTHER_ATTEMPT:
        return Step.TAKE_OVER
    if view.fate is Fate.WAITING or view.fate is Fate.SOON:
        # Another message of the address is worked on alone: what is shown speaks of that from now on.
        if view.working:
            return Step.TAKE_OVER
        return Step.WAIT if view.fate is Fate.SOON else Step.REMOVE
    return Step.WAIT
