"""What of a message is the host's, also where its author changes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from host.intake import orders
from host.ports.commands import Grammar
from host.ports.events import Author, EventClass, InboundEvent
from sessiondb import Address


def said(kind: EventClass, text: str) -> InboundEvent:
    place = Address("memory", "w", "c")
    return InboundEvent(kind, place, "p1", Author("U1", "Ada"), 1, text=text, platform_message_id="p1")


@pytest.mark.parametrize("kind", [EventClass.MESSAGE, EventClass.EDIT])
@pytest.mark.parametrize(
    ("text", "rest", "queued", "remark"),
    [
        ("!queue and then the tests", "and then the tests", True, False),
        ("!aside lunch?", "lunch?", False, True),
        ("!summary in French", f"{orders.SUMMARISE} in French", True, False),
        ("no order at all", "no order at all", False, False),
    ],
)
def test_the_word_that_marks_what_is_said_is_none_of_its_words_however_often_it_is_changed(
    kind: EventClass, text: str, rest: str, queued: bool, remark: bool
) -> None:
    event = orders.obeyed(said(kind, text), Grammar())
    assert (event.event_class, event.text, event.queued, event.remark) == (kind, rest, queued, remark)


@pytest.mark.parametrize("text", ["!stop", "!clear", "!stpo"])
def test_a_change_is_no_order(text: str) -> None:
    assert orders.obeyed(said(EventClass.MESSAGE, text), Grammar()).event_class is EventClass.CONTROL
    assert orders.obeyed(said(EventClass.EDIT, text), Grammar()) == said(EventClass.EDIT, text)


@pytest.mark.parametrize(
    ("value", "text", "said_to_it"),
    [
        ("queue", "and the tests", ("and the tests", True, False)),
        ("aside", "lunch?", ("lunch?", False, True)),
        ("summary", "", (orders.SUMMARISE, True, False)),
        ("", "!queue is a word here", ("!queue is a word here", False, False)),
    ],
)
def test_what_a_platform_has_behind_a_slash_is_said_as_if_it_were_typed(
    value: str, text: str, said_to_it: tuple[str, bool, bool]
) -> None:
    event = orders.obeyed(replace(said(EventClass.COMMAND, text), value=value), Grammar())
    assert (event.text, event.queued, event.remark) == said_to_it
    assert (event.event_class, event.value) == (EventClass.COMMAND, "")
