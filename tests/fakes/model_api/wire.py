"""An answer as the API sends it: one JSON message, or a stream of events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.model_api.answers import Answer, Compaction, ServerToolUse, new_id
from tests.fakes.model_api.cache import CacheReport, TokenCounter
from tests.fakes.model_api.errors import JSON


@dataclass(frozen=True)
class Event:
    """One server-sent event. Deltas are what a gate paces."""

    name: str
    data: JSON

    @property
    def is_delta(self) -> bool:
        return self.name == "content_block_delta"

    def encode(self) -> bytes:
        return f"event: {self.name}\ndata: {json.dumps(self.data, ensure_ascii=False)}\n\n".encode()


@dataclass(frozen=True)
class Reply:
    """An answer to one request, with its final usage."""

    id: str
    model: str
    answer: Answer
    usage: JSON
    beta: bool

    def message(self) -> JSON:
        return {
            **self._head(),
            **self._stop(),
            "content": [block.content() for block in self.answer.blocks],
            "usage": self.usage,
            **self._managed(),
        }

    def events(self) -> Iterator[Event]:
        yield _event(
            "message_start",
            message={
                **self._head(),
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "stop_details": None,
                "usage": {**self.usage, "output_tokens": 1},
            },
        )
        for index, block in enumerate(self.answer.blocks):
            yield _event("content_block_start", index=index, content_block=block.opening())
            if index == 0:
                yield _event("ping")
            for delta in block.deltas():
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        yield _event("message_delta", delta=self._stop(), usage=self._final_usage(), **self._managed())
        yield _event("message_stop")

    def _head(self) -> JSON:
        return {"id": self.id, "type": "message", "role": "assistant", "model": self.model}

    def _stop(self) -> JSON:
        refused = self.answer.stop_reason == "refusal"
        details = {"type": "refusal", "category": self.answer.refusal_category, "explanation": None}
        return {
            "stop_reason": self.answer.stop_reason,
            "stop_sequence": self.answer.stop_sequence,
            "stop_details": details if refused else None,
        }

    def _managed(self) -> JSON:
        return {"context_management": {"applied_edits": []}} if self.beta else {}

    def _final_usage(self) -> JSON:
        cumulative = (
            "input_tokens",
            "output_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "server_tool_use",
            "iterations",
        )
        return {key: self.usage[key] for key in cumulative if key in self.usage}


def _event(name: str, **fields: Any) -> Event:
    return Event(name, {"type": name, **fields})


def reply_to(body: JSON, answer: Answer, cache: CacheReport, count: TokenCounter, *, beta: bool) -> Reply:
    usage = _usage(answer, cache, count, beta=beta)
    return Reply(new_id("msg"), str(body["model"]), answer, usage, beta)


def _usage(answer: Answer, cache: CacheReport, count: TokenCounter, *, beta: bool) -> JSON:
    """What the request cost. A summary is accounted for in `iterations`, outside the message's totals."""
    given = answer.usage
    summaries = [block for block in answer.blocks if isinstance(block, Compaction)]
    others = [block for block in answer.blocks if not isinstance(block, Compaction)]
    read = _first(given.cache_read_input_tokens, cache.read_tokens)
    created = _first(given.cache_creation_input_tokens, cache.created_tokens)
    counts = {
        "input_tokens": _first(given.input_tokens, cache.uncached_tokens),
        "output_tokens": _first(
            given.output_tokens, sum(count(json.dumps(block.content())) for block in others) if others else 1
        ),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": created,
        "cache_creation": {
            "ephemeral_5m_input_tokens": created - min(created, cache.created_1h_tokens),
            "ephemeral_1h_input_tokens": min(created, cache.created_1h_tokens),
        },
    }
    iterations: list[JSON] = []
    if summaries:
        summary_tokens = sum(count(block.summary) for block in summaries)
        iterations.append({"type": "compaction", **counts, "output_tokens": summary_tokens})
        if others:
            counts["input_tokens"] = _first(given.input_tokens, summary_tokens)
            iterations.append({"type": "message", **counts})
        else:
            counts["input_tokens"] = counts["output_tokens"] = 0
    usage: JSON = {**counts, "service_tier": "standard"}
    if beta and iterations:
        usage["iterations"] = iterations
    calls = [block.name for block in answer.blocks if isinstance(block, ServerToolUse)]
    if calls:
        usage["server_tool_use"] = {
            "web_search_requests": calls.count("web_search"),
            "web_fetch_requests": calls.count("web_fetch"),
        }
    return usage


def _first(given: int | None, computed: int) -> int:
    return computed if given is None else given
