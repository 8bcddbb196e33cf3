"""Slack's refusals and the network's failures, translated once into the tree of `host.ports.bot.DeliveryError`."""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.common import waits
from host.ports.bot import DeliveryError, Rejected, Unknown, Unsent
from host.words import mark

TRANSIENT = (aiohttp.ClientError, SlackClientError, TimeoutError, OSError)

RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
PLAIN_MAY_WORK = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "markdown_text_conflict",
        "block_mismatch",
    }
)
TOKEN_REFUSED = frozenset(
    {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"}
)
CURED_BY_AN_OPERATOR = TOKEN_REFUSED | {"missing_scope"}
_REFUSALS = {
    "is_archived": mark("the channel is archived"),
    "channel_not_found": mark("the channel is gone, or I am not in it"),
    "not_in_channel": mark("I am not in the channel"),
}
OPERATOR_PAUSE = 60.0  # s until a refused token is tried again: somebody has to renew it first


def code_of(error: Exception) -> str:
    """Slack's word for what it refused, '' when the answer had none."""
    response = getattr(error, "response", None)
    if isinstance(response, AsyncSlackResponse) and isinstance(response.data, dict):
        return str(response.data.get("error") or "")
    return ""


def is_rate_limited(error: Exception) -> bool:
    return isinstance(error, SlackApiError) and (_status(error) == 429 or code_of(error) in RATE_LIMITED)


def is_about_this(error: Exception) -> bool:
    """Whether Slack answered, and about what was asked: what it cannot tell of one it may tell of all others."""
    code = code_of(error)
    return bool(code) and code not in RATE_LIMITED and code not in CURED_BY_AN_OPERATOR


def translated(error: Exception) -> DeliveryError:
    """For a call that changes something: what is not proven is unknown."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unsent("Slack could not be reached")
    if not isinstance(error, SlackApiError):
        return Unknown(f"no answer from Slack ({type(error).__name__})")
    code = code_of(error)
    if is_rate_limited(error):
        return Unsent("Slack asks to slow down", retry_after(error))
    if not code or code in UNSURE:
        return Unknown(f"Slack answered {_status(error)} {code}".rstrip())
    if code in CURED_BY_AN_OPERATOR:
        return Unsent(f"Slack refuses the token: {code}", OPERATOR_PAUSE)
    return Rejected(_REFUSALS.get(code, f"Slack refuses it: {code}"), plain_may_work=code in PLAIN_MAY_WORK)


def failed_look(error: Exception) -> DeliveryError:
    """For a look-up: it says nothing of what was sent."""
    if is_rate_limited(error):
        return Unsent("Slack asks to slow down", retry_after(error))
    return Unknown(f"the look-up failed ({type(error).__name__} {code_of(error)})")


def retry_after(error: Exception) -> float:
    """Seconds; 1 when Slack, or what stands between, named none."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return waits.seconds(str(headers.get("Retry-After") or headers.get("retry-after") or "")) or 1.0


def _status(error: SlackApiError) -> int:
    response = error.response
    return int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
