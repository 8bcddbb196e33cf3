"""What the fake answers instead of a result.

ApiError
└── RateLimitedError
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """`{"ok": false, "error": …}` with HTTP 200: how every method refuses ("Slack Web API": responses)."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


class RateLimitedError(ApiError):
    """HTTP 429 with a Retry-After header ("Rate limits")."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after
