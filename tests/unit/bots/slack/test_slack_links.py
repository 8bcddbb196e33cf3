"""An address that the model wrote is nobody's link where a call has no switch against previews."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.sending import links
from tests.fakes.slack import previews

WAYS_OUT = [
    "https://evil.example/?q=secret",
    "see evil.example/secret now",
    "[docs](https://evil.example/secret)",
    "<https://evil.example/secret|docs>",
    "HTTPS://EVIL.EXAMPLE/x",
    "www.evil.com",
]


@pytest.mark.parametrize("text", WAYS_OUT)
@pytest.mark.parametrize("change", [links.unlinked, links.growing])
def test_no_address_is_left(text: str, change: object) -> None:
    assert previews.fetched({}, text)
    assert callable(change)
    assert previews.fetched({}, change(text)) == []
    assert change(text).replace(links.JOINT, "") == text


@given(
    st.lists(st.sampled_from(["https:", "//", "a", ".", "example", "[x]", "](", "@", " ", "`"])),
    st.integers(0, 30),
)
def test_a_text_that_grows_keeps_what_was_shown_of_it(pieces: list[str], cut: int) -> None:
    whole = "".join(pieces)
    assert links.growing(whole).startswith(links.growing(whole[:cut]).rstrip(links.JOINT))


def test_code_can_still_be_copied() -> None:
    assert links.unlinked("run `curl a.example` at 3.14") == "run `curl a.example` at 3.14"


def test_what_a_button_opens_stays() -> None:
    button = {
        "type": "button",
        "url": "https://a.example",
        "text": {"type": "plain_text", "text": "Go to a.example"},
    }
    found = links.shown({"text": "https://a.example", "blocks": [button]})
    assert found["blocks"][0]["url"] == "https://a.example"
    assert previews.fetched({}, {"text": found["text"], "blocks": found["blocks"][0]["text"]}) == []
