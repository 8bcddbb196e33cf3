"""A Messages API on loopback, scripted by the test and talked to by the unmodified SDK.

async with FakeModelAPI() as api:
    api.script(answer(ToolUse("add", {"a": 1, "b": 2})), "The sum is 3.")
    client = AsyncAnthropic(api_key=api.key, base_url=api.base_url)
"""

from tests.fakes.model_api.answers import (
    Answer,
    Block,
    Compaction,
    RedactedThinking,
    ServerToolUse,
    StopReason,
    Text,
    Thinking,
    ToolUse,
    Usage,
    WebFetchResult,
    WebSearchResult,
    answer,
)
from tests.fakes.model_api.cache import CacheReport, PromptCache, Segment
from tests.fakes.model_api.faults import (
    DropBeforeAnswer,
    ErrorInStream,
    Fault,
    Hang,
    HttpError,
    LoseAnswer,
    MalformedEvent,
    TruncateStream,
    internal_error,
    overloaded,
    rate_limited,
)
from tests.fakes.model_api.pacing import Gate
from tests.fakes.model_api.record import RecordedRequest
from tests.fakes.model_api.server import FakeModelAPI

__all__ = [
    "Answer",
    "Block",
    "CacheReport",
    "Compaction",
    "DropBeforeAnswer",
    "ErrorInStream",
    "FakeModelAPI",
    "Fault",
    "Gate",
    "Hang",
    "HttpError",
    "LoseAnswer",
    "MalformedEvent",
    "PromptCache",
    "RecordedRequest",
    "RedactedThinking",
    "Segment",
    "ServerToolUse",
    "StopReason",
    "Text",
    "Thinking",
    "ToolUse",
    "TruncateStream",
    "Usage",
    "WebFetchResult",
    "WebSearchResult",
    "answer",
    "internal_error",
    "overloaded",
    "rate_limited",
]
