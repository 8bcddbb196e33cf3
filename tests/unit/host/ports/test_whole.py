"""What may come in: whatever could not be written down later is none of it."""

from __future__ import annotations

import pytest

from host.intake.speaking import LONGEST_TEXT, within_limits
from host.ports.controls import Judged
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Said
from host.ports.whole import LATEST, border, whole
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
    kept = whole(came)
    str(kept).encode("utf-8")
    assert "ud800" not in repr(kept)
    assert isinstance(kept.address, Address)
    assert kept.author.groups == ("a?", "fine")
    assert kept.thread_so_far[0].files[0].bytes == 5


@pytest.mark.parametrize("at", [-(2**70), 2**70])
def test_a_time_that_no_calendar_has_is_bounded(at: int) -> None:
    assert 0 <= whole(event(at=at)).at <= LATEST


def test_what_is_within_all_limits_is_as_it_came() -> None:
    came = event("größer 🟢")
    assert within_limits(whole(came)) is came
    assert len(within_limits(event("x" * (LONGEST_TEXT + 1))).text) < LONGEST_TEXT + 100


async def test_what_is_given_at_a_border_comes_whole_by_place_and_by_name() -> None:
    @border
    class Desk:
        async def take(self, *given: object, **named: object) -> object:
            return given, named

    taken = await Desk().take(LONE, Judged("k", "bad", 2**70, LONE), more=Address("memory", LONE, "c"))
    assert taken == (("a?", Judged("k", "bad", LATEST, "a?")), {"more": Address("memory", "a?", "c")})
