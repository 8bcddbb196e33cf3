"""The address where a sign-in ends is found in what people write, and hidden in what was written before."""

from __future__ import annotations

from typing import Any

import pytest

from host.intake import pages
from host.intake.pages import HIDDEN, PATH, pasted_in
from host.ports.events import Author, EventClass, InboundEvent, Said
from sessiondb.content import Part
from sessiondb.records import Address

ADDRESS = f"http://127.0.0.1:41234{PATH}?code=abc&state=xyz"


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        f"I landed here: {ADDRESS} and nothing loads",
        f"<{ADDRESS}>",
        f"<{ADDRESS.replace('&', '&amp;')}|a link>",
        f"[it]({ADDRESS})",
        f"`{ADDRESS}`".replace("`", "'"),
    ],
)
def test_the_address_is_found_however_it_was_pasted(text: str) -> None:
    assert pasted_in(text) == ADDRESS


@pytest.mark.parametrize(
    "text",
    ["", "hello", f"what is {PATH}?", f"https://example.com{PATH}?code=a", f"http://127.0.0.1:1{PATH}"],
)
def test_anything_else_is_a_message_like_others(text: str) -> None:
    assert pasted_in(text) == ""


def event(**more: Any) -> InboundEvent:
    return InboundEvent(EventClass.MESSAGE, Address("slack", "T1", "C1"), "1", Author("U1"), 1, **more)


def test_what_was_said_before_or_is_quoted_keeps_everything_but_the_address() -> None:
    before = Said(f"here: {ADDRESS} done", "Ada", parts=(Part("quoted", f"<{ADDRESS}>"),))
    quoted = Part("preview", f"a page {ADDRESS}", link=ADDRESS)
    found = pages.without(event(text="and now?", thread_so_far=(before, Said("hello")), parts=(quoted,)))
    assert [said.text for said in found.thread_so_far] == [f"here: {HIDDEN} done", "hello"]
    assert found.thread_so_far[0].parts[0].text == f"<{HIDDEN}>"
    assert (found.parts[0].text, found.parts[0].link) == (f"a page {HIDDEN}", HIDDEN)
    assert found.text == "and now?"


def test_an_event_without_one_is_left_as_it_is() -> None:
    plain = event(text="hello", thread_so_far=(Said("http://127.0.0.1:1/other?code=a"),))
    assert pages.without(plain) is plain
