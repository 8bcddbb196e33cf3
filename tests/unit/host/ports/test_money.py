"""Amounts as people write them: understood, or asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.ports import money


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2.50", 2.5),
        ("2,5", 2.5),
        (" $3,50 ", 3.5),
        ("5 $", 5.0),
        ("US$ 5", 5.0),
        ("5 USD", 5.0),
        ("5 dollars", 5.0),
        ("0", 0.0),
        ("0.125", 0.125),
        ("1000", 1000.0),
        ("1000.125", 1000.125),
        ("1,000.50", 1000.5),
        ("1.000,50 $", 1000.5),
        ("1,000,000", 1_000_000.0),
        ("1 000", 1000.0),
        ("1\u00a0000,50", 1000.5),
        ("1'000", 1000.0),
        ("1’000.5", 1000.5),
        ("１２.５", 12.5),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, amount: float) -> None:
    assert money.entered(text) == amount


@pytest.mark.parametrize("text", ["1,000", "1.000", "$1,250", "999.999 USD"])
def test_what_can_be_read_in_two_ways_is_asked_about_with_both(text: str) -> None:
    with pytest.raises(money.NoAmount) as asked:
        money.entered(text)
    many, few = str(asked.value.text).removesuffix(".").rpartition("write ")[2].split(" or ")
    assert money.entered(many) == 1000 * money.entered(few)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-0",
        "-5",
        "+5",
        "5€",
        "£5",
        "a lot",
        "nan",
        "inf",
        "1e3",
        "1.000.50",
        "1,00,000",
        "5.",
        ".5",
        "1.2.3",
        "9" * 13,
    ],
)
def test_what_is_no_amount_of_dollars_is_refused(text: str) -> None:
    with pytest.raises(money.NoAmount):
        money.entered(text)


@given(st.integers(0, 10**18 - 1))
def test_an_amount_that_is_sent_back_as_it_is_shown_is_the_same(micro: int) -> None:
    amount = micro / money.MICRO
    if amount < 10**money.LONGEST:
        assert money.entered(money.written(amount)) == amount


def test_an_amount_is_shown_as_people_write_it() -> None:
    amounts = (10.0, 2.5, 12345.67, 1.234, 0.000001)
    assert money.written(999_999_999_999.0) == "999999999999"
    assert [money.written(amount) for amount in amounts] == ["10", "2.50", "12345.67", "1.2340", "0.000001"]
