"""What a refusal of the model API means for people, and what of it they hear from the host already."""

from __future__ import annotations

import pytest

from runner.providers import failures
from sessiondb.contract import SAID_BY_HOST

OVER = "the budget of all agents for today ($5.00) does not allow another request"


@pytest.mark.parametrize("before", ["", "402 ", 'API Error: 402 {"error": '])
def test_what_the_host_says_itself_is_not_said_twice(before: str) -> None:
    found = failures.refused(402, "billing_error", f"{before}{SAID_BY_HOST}{OVER}")
    assert (found.text, found.told, found.retryable) == (OVER, True, False)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 529])
def test_every_other_refusal_is_told_by_the_runner(status: int) -> None:
    assert not failures.refused(status, "", OVER).told
    if status != 402:
        assert not failures.refused(status, "", f"{SAID_BY_HOST}{OVER}").told


def test_a_long_reason_is_cut() -> None:
    assert len(failures.refused(402, "", SAID_BY_HOST + "x" * 5_000).text) == failures.LONGEST_DETAIL
