"""The small line that says what an answer took."""

from __future__ import annotations

import pytest

from host.ports import bill
from host.words import languages


@pytest.mark.parametrize(
    ("ms", "micro", "said"),
    [
        (400, None, "Took 0 s"),
        (-5_000, 0, "Took 0 s · $0.00"),
        (12_300, 31_000, "Took 12 s · $0.03"),
        (61_000, 9_999, "Took 1 min 1 s · under $0.01"),
        (3_600_000, 1_234_560_000, "Took 1 h 0 min 0 s · $1,234.56"),
    ],
)
def test_a_bill_is_known_by_its_form_and_taken_away_from_below_a_text(
    ms: int, micro: int | None, said: str
) -> None:
    assert bill.said(ms, micro) == said
    assert bill.is_one(said)
    for text in ("Done.", "Done.\n-# in small", "```\ncode\n```", ""):
        assert bill.without(bill.below(text, said)) == text


@pytest.mark.parametrize(
    "text",
    [
        "Took 12 s",
        "-# Took a while",
        "-# Took 12 s · free of charge",
        "-# Took 1 s\nand more",
        "x -# Took 1 s",
    ],
)
def test_what_is_no_bill_stays(text: str) -> None:
    assert bill.without(text) == text
    assert not bill.is_one(f"{text}!")


@pytest.mark.parametrize("language", languages())
def test_a_bill_is_known_in_every_language_that_it_is_told_in(language: str) -> None:
    for ms, micro in ((400, None), (61_000, 9_999), (3_600_000, 1_234_560_000)):
        told = bill.said(ms, micro).told(language)
        assert bill.is_one(told), told
        assert bill.without(bill.below("Done.", told)) == "Done."
