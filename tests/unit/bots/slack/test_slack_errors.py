"""What each of Slack's refusals means for a delivery."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.client.errors import translated
from host.ports.bot import DeliveryError, Rejected, Unknown, Unsent


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


def test_the_time_that_slack_names_is_respected() -> None:
    found = translated(refusal("ratelimited", 429, {"Retry-After": "17"}))
    assert isinstance(found, Unsent)
    assert found.retry_after == 17


def test_only_blocks_that_slack_does_not_take_are_worth_a_plain_text() -> None:
    blocks, gone = translated(refusal("msg_blocks_too_long")), translated(refusal("is_archived"))
    assert isinstance(blocks, Rejected)
    assert blocks.plain_may_work
    assert isinstance(gone, Rejected)
    assert not gone.plain_may_work
