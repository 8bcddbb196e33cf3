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


@pytest.mark.parametrize(
    "detail",
    [
        "prompt is too long: 208310 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "Input is too long for requested model.",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "litellm.ContextWindowExceededError: too much",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ],
)
def test_a_request_that_is_too_long_is_known_by_every_wording(detail: str) -> None:
    assert failures.is_too_long(400, detail)
    assert failures.is_for_what_was_said(400, detail)
    assert not failures.is_too_long(500, detail)


def test_a_wish_for_too_long_an_answer_is_no_fault_of_what_was_said() -> None:
    detail = "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens"
    assert not failures.is_too_long(400, detail)
    assert not failures.is_for_what_was_said(400, detail)


def test_a_request_of_too_many_bytes_is_for_what_was_said_whatever_the_words() -> None:
    assert failures.is_for_what_was_said(413, "Request exceeds the maximum size")
    assert not failures.is_for_what_was_said(400, "Request exceeds the maximum size")


def test_an_error_within_a_stream_counts_by_its_type() -> None:
    kinds = ("invalid_request_error", "request_too_large", "overloaded_error", "")
    assert [failures.status_of(200, kind) for kind in kinds] == [400, 413, 200, 200]
    assert failures.status_of(429, "invalid_request_error") == 429
