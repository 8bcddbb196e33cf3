"""What each of Slack's refusals means for a delivery."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.client.errors import translated
from host.ports.bot import LONGEST_WAIT, DeliveryError, Rejected, Unknown, Unsent
from host.words import known


def refusal(error: str, status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
    answer = AsyncSlackResponse(
        client=AsyncWebClient(),
        http_verb="POST",
        api_url="",
        req_args={},
        data={"ok": False, "error": error} if error else {},
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("refused", answer)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("ratelimited", 429), Unsent),
        (refusal("", 503), Unknown),
        (refusal("internal_error"), Unknown),
        (refusal("invalid_blocks"), Rejected),
        (refusal("channel_not_found"), Rejected),
        (refusal("token_revoked"), Unsent),
        (aiohttp.ServerDisconnectedError(), Unknown),
        (TimeoutError(), Unknown),
    ],
)
def test_what_is_not_proven_is_unknown(error: Exception, kind: type[DeliveryError]) -> None:
    assert type(translated(error)) is kind


SOON = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("named", "least", "most"),
    [
        ("17", 17, 17),
        ("29.5", 29.5, 29.5),
        ("3600", 3_600, 3_600),
        pytest.param(SOON, 1_800, 3_600, id="a date"),  # else its name would change with each second
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1, 1),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 1, 1),
        ("", 1, 1),
        ("soon", 1, 1),
        ("²", 1, 1),
        ("nan", 1, 1),
        ("-5", 1, 1),
        ("9" * 400, LONGEST_WAIT, LONGEST_WAIT),
        ("1e300", LONGEST_WAIT, LONGEST_WAIT),
    ],
)
def test_the_time_that_slack_names_is_respected_however_it_is_written(
    named: str, least: float, most: float
) -> None:
    found = translated(refusal("ratelimited", 429, {"Retry-After": named}))
    assert isinstance(found, Unsent)
    assert least <= found.retry_after <= most


@pytest.mark.parametrize("asked", [math.inf, 1e300, math.nan, -1.0])
def test_no_platform_has_us_wait_for_ever(asked: float) -> None:
    assert 0 <= Unsent("it said so", asked).retry_after <= LONGEST_WAIT


def test_only_blocks_that_slack_does_not_take_are_worth_a_plain_text() -> None:
    blocks, gone = translated(refusal("msg_blocks_too_long")), translated(refusal("is_archived"))
    assert isinstance(blocks, Rejected)
    assert blocks.plain_may_work
    assert isinstance(gone, Rejected)
    assert not gone.plain_may_work


@pytest.mark.parametrize("code", ["is_archived", "channel_not_found", "not_in_channel"])
def test_a_closed_channel_is_told_in_words_in_the_language_of_whoever_reads_it(code: str) -> None:
    reason = translated(refusal(code)).reason
    assert code not in reason
    assert known(reason).told("de") != reason
