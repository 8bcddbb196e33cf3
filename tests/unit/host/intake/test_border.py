"""What an event may hold when it comes in: whatever could not be written down later is none of it."""

from __future__ import annotations

import pytest

from host.intake.speaking import LATEST, LONGEST_TEXT, within_limits
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Said
from sessiondb import Address
from sessiondb.content import Part

LONE = "a\ud800"


def event(text: str = "hello", at: int = 1) -> InboundEvent:
    return InboundEvent(EventClass.MESSAGE, Address("memory", "w", "c"), "n1", Author("U1"), at, text)


def test_a_lone_surrogate_stands_nowhere_in_what_came_in() -> None:
    """One in a file's name or in the thread so far broke every try to store its message, and nobody was told."""
    file, part = IncomingFile(LONE, LONE, 5, LONE), Part("quoted", LONE, LONE, LONE)
    came = InboundEvent(
        EventClass.MESSAGE,
        Address("memory", LONE, LONE, LONE),
        LONE,
        Author(LONE, LONE, groups=(LONE, "fine"), zone=LONE),
        at=1,
        text=LONE,
        value=LONE,
        files=(file,),
        parts=(part,),
        thread_so_far=(Said(LONE, LONE, LONE, parts=(part,), files=(file,)),),
    )
    kept = within_limits(came)
    str(kept).encode("utf-8")
    assert "ud800" not in repr(kept)
    assert isinstance(kept.address, Address)
    assert kept.author.groups == ("a?", "fine")
    assert kept.thread_so_far[0].files[0].bytes == 5


@pytest.mark.parametrize("at", [-(2**70), 2**70])
def test_a_time_that_no_calendar_has_is_bounded(at: int) -> None:
    assert 0 <= within_limits(event(at=at)).at <= LATEST


def test_what_is_within_all_limits_is_as_it_came() -> None:
    came = event("größer 🟢")
    assert within_limits(came) is came
    assert len(within_limits(event("x" * (LONGEST_TEXT + 1))).text) < LONGEST_TEXT + 100
