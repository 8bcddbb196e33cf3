"""What can go wrong on demand.

A fault before the answer takes the place of one attempt and leaves the script as it is. A fault in the answer
spoils the next scripted answer, which is used up and, as with the real API, billed.
"""

from dataclasses import dataclass, field

from tests.fakes.model_api.pacing import Gate


@dataclass(frozen=True)
class HttpError:
    """Any status with the API's error body."""

    status: int
    message: str = "Something went wrong."
    headers: dict[str, str] = field(default_factory=dict)


def rate_limited(retry_after: float = 0.0) -> HttpError:
    """429; `retry_after` is in seconds."""
    message = "This request would exceed your organization's rate limit."
    return HttpError(429, message, {"retry-after": f"{retry_after:g}"})


def overloaded() -> HttpError:
    return HttpError(529, "Overloaded")


def internal_error() -> HttpError:
    return HttpError(500, "Internal server error")


@dataclass(frozen=True)
class DropBeforeAnswer:
    """The connection ends and no work was done."""


@dataclass(frozen=True)
class Hang:
    """Nothing is sent until the gate lets the request through; then it is answered as scripted."""

    gate: Gate


@dataclass(frozen=True)
class LoseAnswer:
    """The work is done and billed, and the connection ends without a byte of the answer."""


@dataclass(frozen=True)
class TruncateStream:
    """The stream ends after `after_events` events: abruptly, or (`clean`) as if it were complete."""

    after_events: int
    clean: bool = False


@dataclass(frozen=True)
class ErrorInStream:
    """An `error` event after `after_events` events; the HTTP status was 200 long ago."""

    after_events: int
    status: int = 529
    message: str = "Overloaded"


@dataclass(frozen=True)
class MalformedEvent:
    """An event whose data is no JSON after `after_events` events."""

    after_events: int
    raw: bytes = b'event: content_block_delta\ndata: {"type": "content_block_delta", "ind\n\n'


FaultBeforeAnswer = HttpError | DropBeforeAnswer | Hang
FaultInStream = TruncateStream | ErrorInStream | MalformedEvent
FaultInAnswer = LoseAnswer | TruncateStream | ErrorInStream | MalformedEvent
Fault = FaultBeforeAnswer | FaultInAnswer
