"""What a scripted model says: content blocks, a stop reason and what it cost.

An `Answer` knows nothing of HTTP; `wire.py` turns it into a JSON message or a stream of events.
"""

import hashlib
import itertools
import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.model_api.errors import JSON
from tests.fakes.model_api.pacing import Gate

StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "compaction",
    "refusal",
    "model_context_window_exceeded",
]

_ids = itertools.count(1)


def new_id(prefix: str) -> str:
    """An id no other object of this process has, shaped like the API's own."""
    return f"{prefix}_01{next(_ids):022d}"


def signature_of(thinking: str) -> str:
    """The signature the server puts on a thinking block, and demands when the block comes back."""
    return b64encode(hashlib.sha256(f"thinking:{thinking}".encode()).digest()).decode()


def pieces_of(text: str) -> tuple[str, ...]:
    """Words with the blanks before them: the default size of a text delta."""
    return tuple(re.findall(r"\s*\S+|\s+$", text))


@dataclass(frozen=True)
class Text:
    """`pieces`, when given, are the deltas; they must add up to the text."""

    text: str
    pieces: tuple[str, ...] = ()

    def content(self) -> JSON:
        return {"type": "text", "text": self.text, "citations": None}

    def opening(self) -> JSON:
        return {"type": "text", "text": ""}

    def deltas(self) -> list[JSON]:
        pieces = self.pieces or pieces_of(self.text)
        return [{"type": "text_delta", "text": piece} for piece in pieces]


@dataclass(frozen=True)
class Thinking:
    thinking: str

    def content(self) -> JSON:
        return {"type": "thinking", "thinking": self.thinking, "signature": signature_of(self.thinking)}

    def opening(self) -> JSON:
        return {"type": "thinking", "thinking": "", "signature": ""}

    def deltas(self) -> list[JSON]:
        words: list[JSON] = [
            {"type": "thinking_delta", "thinking": piece} for piece in pieces_of(self.thinking)
        ]
        return [*words, {"type": "signature_delta", "signature": signature_of(self.thinking)}]


@dataclass(frozen=True)
class RedactedThinking:
    data: str

    def content(self) -> JSON:
        return {"type": "redacted_thinking", "data": self.data}

    def opening(self) -> JSON:
        return self.content()

    def deltas(self) -> list[JSON]:
        return []


def _input_deltas(value: dict[str, Any]) -> list[JSON]:
    """Fragments that are not JSON by themselves, after the empty one the API starts with."""
    whole = json.dumps(value)
    fragments = [whole[at : at + 12] for at in range(0, len(whole), 12)]
    return [{"type": "input_json_delta", "partial_json": part} for part in ("", *fragments)]


@dataclass(frozen=True)
class ToolUse:
    """A call of one of the client's tools; put several into one answer for parallel calls."""

    name: str
    input: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: new_id("toolu"))

    def content(self) -> JSON:
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": self.input}

    def opening(self) -> JSON:
        return {**self.content(), "input": {}}

    def deltas(self) -> list[JSON]:
        return _input_deltas(self.input)


@dataclass(frozen=True)
class ServerToolUse:
    """A call of a tool that the API runs itself; its result block belongs to the same answer."""

    name: Literal["web_search", "web_fetch", "code_execution"]
    input: dict[str, Any]
    id: str = field(default_factory=lambda: new_id("srvtoolu"))

    def content(self) -> JSON:
        return {"type": "server_tool_use", "id": self.id, "name": self.name, "input": self.input}

    def opening(self) -> JSON:
        return {**self.content(), "input": {}}

    def deltas(self) -> list[JSON]:
        return _input_deltas(self.input)


@dataclass(frozen=True)
class WebSearchResult:
    """`results` are (title, url) pairs; an `error_code` such as `max_uses_exceeded` replaces them."""

    tool_use_id: str
    results: tuple[tuple[str, str], ...] = ()
    error_code: str = ""

    def content(self) -> JSON:
        found: list[JSON] | JSON = [
            {
                "type": "web_search_result",
                "title": title,
                "url": url,
                "encrypted_content": b64encode(url.encode()).decode(),
                "page_age": None,
            }
            for title, url in self.results
        ]
        if self.error_code:
            found = {"type": "web_search_tool_result_error", "error_code": self.error_code}
        return {"type": "web_search_tool_result", "tool_use_id": self.tool_use_id, "content": found}

    def opening(self) -> JSON:
        return self.content()

    def deltas(self) -> list[JSON]:
        return []


@dataclass(frozen=True)
class WebFetchResult:
    tool_use_id: str
    url: str
    text: str
    title: str = ""

    def content(self) -> JSON:
        source = {"type": "text", "media_type": "text/plain", "data": self.text}
        document = {"type": "document", "source": source, "title": self.title or None, "citations": None}
        fetched = {"type": "web_fetch_result", "url": self.url, "content": document, "retrieved_at": None}
        return {"type": "web_fetch_tool_result", "tool_use_id": self.tool_use_id, "content": fetched}

    def opening(self) -> JSON:
        return self.content()

    def deltas(self) -> list[JSON]:
        return []


@dataclass(frozen=True)
class Compaction:
    """A summary that stands for everything before it."""

    summary: str

    def content(self) -> JSON:
        return {"type": "compaction", "content": self.summary, "encrypted_content": None}

    def opening(self) -> JSON:
        return {"type": "compaction", "content": None, "encrypted_content": None}

    def deltas(self) -> list[JSON]:
        return [{"type": "compaction_delta", "content": self.summary, "encrypted_content": None}]


Block = (
    Text
    | Thinking
    | RedactedThinking
    | ToolUse
    | ServerToolUse
    | WebSearchResult
    | WebFetchResult
    | Compaction
)


@dataclass(frozen=True)
class Usage:
    """Token counts; what is left None the server computes from the request and the answer."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


@dataclass(frozen=True)
class Answer:
    """Build with `answer(...)`, which derives the stop reason."""

    blocks: tuple[Block, ...]
    stop_reason: StopReason
    usage: Usage = Usage()
    stop_sequence: str | None = None
    refusal_category: str | None = None
    gate: Gate | None = None


def answer(
    *blocks: Block | str,
    stop_reason: StopReason | None = None,
    usage: Usage | None = None,
    stop_sequence: str | None = None,
    refusal_category: str | None = None,
    gate: Gate | None = None,
) -> Answer:
    """An answer of these blocks; a plain string is a text block.

    The stop reason defaults to `tool_use` where a client tool is called, to `compaction` where a summary is
    all there is, to `stop_sequence` where one is given, else `end_turn`. With a `gate`, each delta waits.
    """
    typed = tuple(Text(block) if isinstance(block, str) else block for block in blocks)
    if stop_reason is None:
        stop_reason = _natural_stop_reason(typed, stop_sequence)
    return Answer(typed, stop_reason, usage or Usage(), stop_sequence, refusal_category, gate)


def _natural_stop_reason(blocks: tuple[Block, ...], stop_sequence: str | None) -> StopReason:
    if stop_sequence is not None:
        return "stop_sequence"
    if any(isinstance(block, ToolUse) for block in blocks):
        return "tool_use"
    if blocks and all(isinstance(block, Compaction) for block in blocks):
        return "compaction"
    return "end_turn"
