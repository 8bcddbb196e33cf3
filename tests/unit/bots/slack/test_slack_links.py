"""An address that the model wrote is nobody's link where a call has no switch against previews."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.sending import links, rendering
from sessiondb import content
from tests.fakes.slack import previews

WAYS_OUT = [
    "https://evil.example/?q=secret",
    "see evil.example/secret now",
    "[docs](https://evil.example/secret)",
    "<https://evil.example/secret|docs>",
    "HTTPS://EVIL.EXAMPLE/x",
    "www.evil.com",
    "see evil1.example/secret",
    "163.com/secret",
]


@pytest.mark.parametrize("text", WAYS_OUT)
@pytest.mark.parametrize("change", [links.unlinked, links.growing])
def test_no_address_is_left(text: str, change: object) -> None:
    assert previews.fetched({}, text)
    assert callable(change)
    assert previews.fetched({}, change(text)) == []
    assert change(text).replace(links.JOINT, "") == text


@given(
    st.lists(st.sampled_from(["https:", "//", "a", "1", ".", "example", "[x]", "](", "@", " ", "`"])),
    st.integers(0, 30),
)
def test_a_text_that_grows_keeps_what_was_shown_of_it(pieces: list[str], cut: int) -> None:
    whole = "".join(pieces)
    assert links.growing(whole).startswith(links.growing(whole[:cut]).rstrip(links.JOINT))


@pytest.mark.parametrize("change", [links.unlinked, links.growing])
def test_letters_that_end_in_a_mark_stand_before_a_dot_like_others(change: Callable[[str], str]) -> None:
    assert change("हिन्दी.example") == f"हिन्दी.{links.JOINT}example"


@pytest.mark.parametrize("written", ["1. first\n2. second", "3.14 of 10.5", "…", "."])
def test_numbers_and_lists_stay_as_they_are(written: str) -> None:
    assert links.growing(written) == links.unlinked(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "run `curl a.example` at 3.14",
        "``a` https://a.example `b``",
        "\\\\`a.example`",
        "```\nhttps://a.example\n```",
        "> ```\n> a.example\n> ```",
        "- x\n  ````\n  ``` a.example\n  ````",
    ],
)
def test_code_can_still_be_copied(written: str) -> None:
    assert links.in_markdown(written) == written


ADDRESS = "https://evil.example/secret"
SEEMING = [
    "\\` {0} \\`",
    "\\`[docs]({0})\\`",
    "`` {0} `",
    "` {0}",
    "``` {0} ``",
    "\\\\` a ` {0} ` b `",
    "a `b` {0} `c`",
    "\\``` {0} ```",
    "    x\n\n` {0}",
    "日本**`**` {0} `",
    "日本**a**語 [docs]({0})",
    "日本**a**語 {0}",
    "日本**a**語 <{0}>",
    "日*``\n`{0}`*",
]


@pytest.mark.parametrize("written", SEEMING)
@pytest.mark.parametrize("made", [content.Edit, lambda _, text: content.Edit("m", f"x\n\n{text}\n\n`y`")])
def test_nothing_that_only_looks_like_code_is_left_a_link(
    written: str, made: Callable[[str, str], content.Edit]
) -> None:
    """An edit is a call without the switch."""
    payloads = list(rendering.operation(made("m", written.format(ADDRESS)), plain=False))
    assert previews.fetched({}, payloads)
    assert previews.fetched({}, links.shown(payloads)) == []


@given(
    st.lists(
        st.sampled_from(
            ["`", "``", "\\", "\n", " ", "a", "[x](", ADDRESS, ")", "> ", "- ", "    ", "|", "*", "日"]
        )
    )
)
def test_no_edit_has_an_address_fetched_however_it_is_put_together(pieces: list[str]) -> None:
    payloads = list(rendering.operation(content.Edit("m", "".join(pieces)), plain=False))
    assert previews.fetched({}, links.shown(payloads)) == []


def test_what_a_button_opens_stays() -> None:
    button = {
        "type": "button",
        "url": "https://a.example",
        "text": {"type": "plain_text", "text": "Go to a.example"},
    }
    found = links.shown({"text": "https://a.example", "blocks": [button]})
    assert found["blocks"][0]["url"] == "https://a.example"
    assert previews.fetched({}, {"text": found["text"], "blocks": found["blocks"][0]["text"]}) == []
