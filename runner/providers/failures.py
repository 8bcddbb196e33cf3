"""What a failed request means: whether another attempt may help, and one line a person can read. No raw JSON in chats."""

from __future__ import annotations

from runner.providers.base import Error

LONGEST_DETAIL = 300  # characters of the API's own words that are passed on

_TRANSIENT_TYPES = frozenset({"overloaded_error", "rate_limit_error", "api_error", "timeout_error"})
_TRANSIENT_STATUS = frozenset({408, 409, 429})
_WORDS = {
    "overloaded_error": "The model is overloaded right now.",
    "rate_limit_error": "The model's rate limit is reached right now.",
    "authentication_error": "The model API does not accept this installation's key.",
    "permission_error": "The model API does not allow this",
    "billing_error": "The model API refuses for lack of credit or budget",
    "not_found_error": "The model API does not know what was asked for",
    "request_too_large": "This conversation has become too large for one request; /clear starts afresh.",
    "invalid_request_error": "The model API did not accept the request",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def connection_lost() -> Error:
    return Error("The connection to the model was lost.", retryable=True)


def declined() -> Error:
    return Error("The model declined to answer this; /clear starts afresh.", retryable=False)


def refused(status: int, error_type: str, detail: str) -> Error:
    """`error_type` is the API's own; an error in the midst of a stream has nothing else, for its status was 200."""
    kind = _TYPES.get(status) or error_type
    if kind == "api_error" or (kind not in _WORDS and status >= 500):
        return Error("The model API has a fault of its own right now.", retryable=True)
    words = _WORDS.get(kind, f"The model API answered with status {status}")
    if not words.endswith("."):
        words = f"{words}: {detail[:LONGEST_DETAIL].strip() or 'no reason given'}"
    return Error(words, retryable=kind in _TRANSIENT_TYPES or status in _TRANSIENT_STATUS or status >= 500)
