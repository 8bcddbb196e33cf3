"""What a start that failed is for people: words, and nothing of this machine."""

from __future__ import annotations

import pytest

from host.runners.starts import ended
from sessiondb.contract import DAMAGED, WAITED_IN_VAIN


@pytest.mark.parametrize("code", [3, 4, 5, WAITED_IN_VAIN, DAMAGED])
def test_each_way_in_which_a_runner_ends_by_itself_has_words(code: int) -> None:
    assert str(code) not in ended(code)


@pytest.mark.parametrize("code", [1, 137, -9])
def test_any_other_end_is_told_by_its_number_and_where_to_look(code: int) -> None:
    assert ended(code) == f"my process ended with code {code}; its runner.log says why"
