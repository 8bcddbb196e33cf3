"""What a failed request means: whether another attempt may help, and one line a person can read. No raw JSON in chats."""

from __future__ import annotations

import re

from runner.providers.base import Error
from sessiondb.contract import SAID_BY_HOST

TOO_LARGE = 413  # status of a request with too many bytes, whatever its words
LONGEST_DETAIL = 300  # characters of the API's own words that are passed on

_TRANSIENT_TYPES = frozenset({"overloaded_error", "rate_limit_error", "api_error", "timeout_error"})
_AWAY = frozenset({"overloaded_error", "api_error", "timeout_error"})  # in the midst of a stream
_TRANSIENT_STATUS = frozenset({408, 409, 429})
_WORDS = {
    "overloaded_error": "The model is overloaded right now.",
    "rate_limit_error": "The model's rate limit is reached right now.",
    "authentication_error": "The model API does not accept this installation's key.",
    "permission_error": "The model API does not allow this",
    "billing_error": "The model API refuses for lack of credit or budget",
    "not_found_error": "The model API does not know what was asked for",
    "request_too_large": "This conversation has become too large for one request; `!clear` starts afresh.",
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
_STATUS = {"invalid_request_error": 400, "request_too_large": TOO_LARGE}

_TOO_LONG = (
    "prompt is too long",
    "exceed context limit",
    "context length",
    "context window",
    "maximum context",
    "too many tokens",
    "input is too long",
    "contextwindowexceeded",
    "maximum number of tokens",
)
_ELSEWHERE = re.compile(
    r"^[\s\"'`(]*(model|max_tokens|tools?|system|thinking|output_config|metadata|tool_choice|stop_sequences|stream|credit|"
    r"your credit|anthropic-|betas?)\b",
    re.IGNORECASE,
)
_SAID = ("message", "image", "pdf", "document", "content", "block", "file", "tool_use", "tool_result")
_TOKENS = re.compile(r"(\d[\d,]*) tokens > (\d[\d,]*)")


def is_too_long(status: int, detail: str) -> bool:
    """Whether the text of the request is more than the model can hold."""
    return status in (400, 413, 422) and any(words in detail.lower() for words in _TOO_LONG)


def status_of(status: int, error_type: str) -> int:
    """An error within a stream comes with the status of the answer that it broke; its type says what it would have been."""
    return _STATUS.get(error_type, status) if status == 200 else status


def most_tokens(detail: str) -> int:
    """How many the model can hold, where the refusal says so; else 0."""
    found = _TOKENS.search(detail)
    return int(found[2].replace(",", "")) if found else 0


def is_about_messages(status: int, detail: str) -> bool:
    """Whether a refusal may come from what was said, rather than from how it was asked."""
    return status in (400, 413, 422) and not _ELSEWHERE.search(detail)


def is_for_what_was_said(status: int, detail: str) -> bool:
    """Whether the same history will be refused again, as far as the words tell."""
    said = any(word in detail.lower() for word in _SAID)
    return status == TOO_LARGE or is_too_long(status, detail) or (is_about_messages(status, detail) and said)


def is_away(status: int, error_type: str) -> bool:
    """Whether the model cannot answer anybody right now; a refusal (4xx) is about what was asked, or by whom."""
    return status >= 500 or (status == 200 and error_type in _AWAY)


def stood_in(absent: str, model: str) -> str:
    """One line for the person, behind what is said; '' where no model was away."""
    if model == absent:
        return f"\n\n(Answered by {model} at another address: its own is away right now.)"
    return f"\n\n(Answered by {model}: {absent} is away right now.)" if absent else ""


def connection_lost() -> Error:
    return Error("The connection to the model was lost.", retryable=True)


def declined() -> Error:
    return Error("The model declined to answer this; `!clear` starts afresh.", retryable=False)


def _by_host(detail: str) -> str:
    """Why the host's own budget refuses, which people hear from the host once an hour; '' for any other refusal."""
    _, mark, reason = detail.partition(SAID_BY_HOST)
    return reason[:LONGEST_DETAIL].strip() if mark else ""


def refused(status: int, error_type: str, detail: str) -> Error:
    """`error_type` is the API's own; an error in the midst of a stream has nothing else, for its status was 200."""
    kind = _TYPES.get(status) or error_type
    if kind == "api_error" or (kind not in _WORDS and status >= 500):
        return Error("The model API has a fault of its own right now.", retryable=True)
    if kind == "billing_error" and (reason := _by_host(detail)):
        return Error(reason, retryable=False, told=True)
    words = _WORDS.get(kind, f"The model API answered with status {status}")
    if not words.endswith("."):
        words = f"{words}: {detail[:LONGEST_DETAIL].strip() or 'no reason given'}"
    return Error(words, retryable=kind in _TRANSIENT_TYPES or status in _TRANSIENT_STATUS or status >= 500)
