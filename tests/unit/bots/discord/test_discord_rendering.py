"""Operations as Discord payloads, and the names of threads."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.client import errors, wire
from bots.discord.sending import cards, rendering
from bots.discord.sending.threads import LONGEST_NAME, thread_name
from host.ports.bot import Unknown
from sessiondb import content

TEXTS = st.text(alphabet=st.sampled_from("ab `*_|>#~\n[]()<@1&é🎉-"), max_size=5_000)


@given(TEXTS)
def test_no_chunk_is_empty_or_beyond_what_discord_takes(text: str) -> None:
    for plain in (False, True):
        for payload in rendering.render(content.Text(text), plain=plain):
            assert 0 < len(payload["content"]) <= rendering.LONGEST


@given(TEXTS, st.integers(0, 20))
def test_there_is_always_room_for_those_whom_a_message_notifies(text: str, count: int) -> None:
    named = wire.named(["1" * 20] * count)
    for plain in (False, True):
        for payload in rendering.render(content.Text(text), plain=plain, room=len(named)):
            assert 0 < len(payload["content"]) <= rendering.LONGEST - len(named)


@given(TEXTS)
def test_an_edit_changes_one_message_and_adds_what_does_not_fit(text: str) -> None:
    first, *rest = rendering.render(content.Edit("m", text))
    assert set(first) == {"edit"}
    assert all(set(payload) == {"content"} for payload in rest)


def test_only_the_last_chunk_of_a_question_has_its_buttons() -> None:
    chunks = rendering.render(content.Question("word " * 1_000, ("yes", "no")))
    assert len(chunks) > 1
    assert ["question" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_more_options_than_buttons_are_listed_and_answered_in_words() -> None:
    options = tuple(f"option {number}" for number in range(30))
    [payload] = rendering.render(content.Question("Which?", options))
    assert payload["question"]["options"] == []
    assert payload["question"]["free_text"]
    assert "30. option 29" in payload["content"]


def test_a_question_whose_buttons_are_refused_is_answered_in_words() -> None:
    [payload] = rendering.render(content.Question("Which?", ("a", "b")))
    assert payload["plain"]["content"] == "Which?\n\n1. a\n2. b"
    assert (payload["plain"]["question"]["options"], payload["plain"]["question"]["free_text"]) == ([], True)


def test_an_approval_says_for_what() -> None:
    [payload] = rendering.render(content.Question("Delete it?", ("yes", "no"), approval="bash"))
    assert "plain" not in payload  # nobody allows something in their own words
    assert "🔐 **bash**" in payload["content"]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How do doves find home?", "How do doves find home?"),
        ("  first   line \nsecond", "first line"),
        ("", "Conversation"),
        ("\n\n", "Conversation"),
        ("word " * 40, "word " * 18 + "word…"),
        ("x" * 200, "x" * 99 + "…"),
    ],
)
def test_a_thread_is_named_from_the_questions_first_line(question: str, name: str) -> None:
    assert thread_name(question) == name
    assert len(name) <= LONGEST_NAME


def test_a_failed_server_leaves_the_outcome_unknown() -> None:
    class Answer:
        status = 500
        reason = "Server Error"

    error = discord.DiscordServerError(Answer(), "")  # type: ignore[arg-type]
    assert isinstance(errors.delivery_error(error), Unknown)


CARD = content.Card("Sales", "up **5 %**", (content.Field("Region", "North"),), "https://shop.example/q?a=1")


def test_a_card_is_a_quote_with_a_button_that_says_where_it_leads() -> None:
    [payload] = rendering.render(CARD)
    assert (
        payload["content"] == ">>> ### Sales\n\nup **5 %**\n\n- **Region**: North"
    )  # what its notification shows
    [row] = cards.view_of(**payload["card"]).to_components()
    assert [(b["label"], b["url"]) for b in row["components"]] == [("Open shop.example", CARD.url)]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://[::1",
        "ftp://a.example",
        "https://",
        "x" * 20,
        "https://a.example/" + "x" * 600,
    ],
)
def test_an_address_that_no_button_can_have_is_shown_in_words(url: str) -> None:
    [payload] = rendering.render(replace(CARD, url=url))
    assert "card" not in payload
    assert url[:100] in payload["content"].replace("\\", "")


def test_a_card_that_is_too_long_or_was_refused_is_words() -> None:
    long = rendering.render(replace(CARD, text="word " * 1_000))
    plain = rendering.render(CARD, plain=True)
    assert all(set(payload) == {"content"} for payload in (*long, *plain))
    assert len(long) > 1
    assert CARD.url in plain[-1]["content"]


@given(TEXTS, TEXTS, st.sampled_from(["", "https://a.example/x", "nonsense"]))
def test_whatever_a_card_says_fits_and_names_its_address(title: str, text: str, url: str) -> None:
    for plain in (False, True):
        for payload in rendering.render(content.Card(title, text, url=url), plain=plain):
            assert len(payload["content"]) <= rendering.LONGEST
            assert payload["content"]
