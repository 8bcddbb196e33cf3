"""Plots of costs: the highest bar fills its room, the many small ones are one, and a label is a line."""

from __future__ import annotations

import pytest

from host.web import money
from host.web.money import HIGH, MOST_SHOWN, REST


def test_bars_are_held_against_the_highest() -> None:
    plot = money._plot("by agent", [("a", 10), ("b", 40), ("c", 20)])
    assert [(bar.label, bar.tall) for bar in plot.bars] == [("b", HIGH), ("c", HIGH / 2), ("a", HIGH / 4)]


def test_what_cost_nothing_has_no_height_and_divides_nothing() -> None:
    plot = money._plot("by agent", [("a", 0), ("b", 0)])
    assert [bar.tall for bar in plot.bars] == [0.0, 0.0]
    assert money._plot("by agent", []).bars == []


def test_rows_of_one_name_are_one_bar() -> None:
    """Two people of one name, two channels that are both private: what is shown cannot tell them apart."""
    plot = money._plot("by person", [("Ada", 1), ("Bob", 5), ("Ada", 3)])
    assert [(bar.label, bar.cost) for bar in plot.bars] == [("Bob", 5), ("Ada", 4)]


def test_many_small_ones_are_one_and_nothing_is_lost() -> None:
    rows = [(f"channel {number}", number) for number in range(100)]
    plot = money._plot("by channel", rows)
    assert len(plot.bars) == MOST_SHOWN + 1
    assert plot.bars[-1].label == REST
    assert sum(bar.cost for bar in plot.bars) == sum(cost for _, cost in rows)


def test_equals_stand_in_the_same_order_each_time() -> None:
    one = money._plot("by agent", [("b", 1), ("a", 1), ("c", 1)])
    other = money._plot("by agent", [("c", 1), ("b", 1), ("a", 1)])
    assert [bar.label for bar in one.bars] == [bar.label for bar in other.bars] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("label", "shown"), [("", "none"), ("a\nb", "a b"), ("x" * 1_000, "x" * 299 + "…"), ("<b>", "<b>")]
)
def test_a_label_is_a_line(label: str, shown: str) -> None:
    assert money._plot("by task", [(label, 1)]).bars[0].label == shown


@pytest.mark.parametrize(("day", "shown"), [(20261128, "2026-11-28"), (20260101, "2026-01-01")])
def test_a_day_is_written_as_people_write_it(day: int, shown: str) -> None:
    assert money._words(day) == shown
