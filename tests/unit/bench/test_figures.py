"""Figures: what a ratio is held against, how rounds are put together, and what results.json says of them."""

from __future__ import annotations

import json

import pytest

from bench import plots
from bench.figure import Figure, Timings, one, rates, together


def figure(measured: list[float], floor: list[float], aim: float = 1.5, **more: bool) -> Figure:
    return Figure(Timings("a trip", measured), Timings("its commits", floor), aim, **more)


def test_a_ratio_is_of_the_medians_of_the_same_rounds() -> None:
    found = figure([3.0, 2.0, 100.0], [1.0, 2.0, 3.0])
    assert found.ratio == 1.5
    assert found.holds
    assert not figure([3.1], [2.0]).holds


def test_a_figure_that_is_to_be_high_holds_from_its_aim_upwards() -> None:
    assert figure([3.0], [1.0], 3.0, at_least=True).holds
    assert not figure([2.9], [1.0], 3.0, at_least=True).holds


def test_the_slowest_of_a_hundred_are_held_against_those_of_the_floor() -> None:
    measured, floor = [1.0] * 98 + [10.0, 11.0], [1.0] * 98 + [5.0, 5.0]
    assert figure(measured, floor, of_p99=True).ratio == pytest.approx(11 / 5)
    assert figure(measured, floor).ratio == 1.0


def test_a_single_value_is_its_own_p99() -> None:
    assert Timings("a start", [0.4]).p99 == 0.4


def test_a_figure_without_a_floor_is_a_multiple_of_its_unit() -> None:
    found = Figure(Timings("host CPU", [0.0036, 0.0034, 0.0035]), one("ms"), aim=1.2)
    assert found.ratio == pytest.approx(3.5)
    assert not found.holds


def test_rates_are_the_inverse_of_durations_and_so_is_their_median() -> None:
    assert rates("E", [0.01, 0.02, 0.04]).median == pytest.approx(50)


def test_rounds_are_put_together_by_the_figures_names_in_their_order() -> None:
    other = Figure(Timings("ingest", [1.0]), Timings("E", [1.0]), aim=2.0)
    [trip, ingest] = together([[figure([1.0], [1.0]), other], [figure([3.0], [2.0])], [figure([2.0], [3.0])]])
    assert (trip.measured.values, trip.floor.values) == ([1.0, 3.0, 2.0], [1.0, 2.0, 3.0])
    assert ingest == other


def test_a_figure_comes_through_the_line_between_processes_as_it_was() -> None:
    found = Figure(Timings("kept", [101.5], "KiB"), one("KiB"), aim=100, at_least=False, of_p99=True)
    assert Figure.decode(json.loads(json.dumps(found.encode()))) == found


def test_results_say_what_was_measured_against_what_and_whether_it_holds() -> None:
    assert figure([3.0], [1.0], 2.0).result() == {
        "name": "a trip",
        "figure": 3.0,
        "floor": 1.0,
        "ratio": 3.0,
        "aim": 2.0,
        "holds": False,
    }
    assert figure([3.0], [1.0], 2.0, at_least=True).result()["holds"] is True


def test_a_bar_ends_before_the_line_just_when_its_figure_holds() -> None:
    for ratio in (0.01, 0.5, 0.99, 1.0, 1.01, 3.0, 1_000.0):
        below, above = figure([ratio], [1.0], 1.0), figure([ratio], [1.0], 1.0, at_least=True)
        assert (plots.used(below) <= 1) == below.holds
        assert (plots.used(above) <= 1) == above.holds
