"""Prompt caching: which prefix of a request is read from the cache, which is written to it.

A request is rendered, in the API's order, into segments: tools, then system blocks, then the blocks of the
messages. A `cache_control` marker ends a prefix that is stored; a later request reads the longest stored
prefix that it shares, looking back at most `LOOKBACK` blocks from each of its own markers. The marker itself
is not part of the prefix, so markers may move from turn to turn.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.model_api import media
from tests.fakes.model_api.errors import JSON

LOOKBACK = 20  # blocks before a marker at which the API still looks for a stored prefix

TokenCounter = Callable[[str], int]


def about_four_characters(text: str) -> int:
    """The default token count: four characters of rendered JSON each, rounded up."""
    return -(-len(text) // 4)


@dataclass(frozen=True)
class Segment:
    """One unit of the prompt. `label` says where it came from, such as `messages.2.content.0`."""

    label: str
    rendered: str
    tokens: int
    marker_ttl: str | None = None


@dataclass(frozen=True)
class CacheReport:
    """How one request met the cache; the three token counts add up to the whole prompt."""

    segments: tuple[Segment, ...] = ()
    read_tokens: int = 0
    created_5m_tokens: int = 0
    created_1h_tokens: int = 0
    uncached_tokens: int = 0

    @property
    def created_tokens(self) -> int:
        return self.created_5m_tokens + self.created_1h_tokens

    @property
    def prompt_tokens(self) -> int:
        return sum(segment.tokens for segment in self.segments)

    @property
    def marked_prefix(self) -> tuple[str, ...]:
        """The rendered segments up to the last marker: what this request asks to be kept."""
        marked = [at for at, segment in enumerate(self.segments) if segment.marker_ttl]
        return tuple(segment.rendered for segment in self.segments[: marked[-1] + 1]) if marked else ()

    def divergence_from(self, earlier: "CacheReport") -> str | None:
        """The label of the first segment of `earlier` that this request does not repeat, if any."""
        for at, segment in enumerate(earlier.segments):
            if at >= len(self.segments) or self.segments[at].rendered != segment.rendered:
                return segment.label
        return None


class PromptCache:
    """The stored prefixes of one fake API. Nothing expires until the test says so."""

    def __init__(self, count_tokens: TokenCounter = about_four_characters) -> None:
        self.count_tokens = count_tokens
        self._stored: set[str] = set()

    def expire(self) -> None:
        self._stored.clear()

    def look_up(self, body: JSON) -> CacheReport:
        """What this request would read and write; stores nothing."""
        segments = self.segments_of(body)
        keys = _prefix_keys(str(body.get("model")), segments)
        markers = [at for at, segment in enumerate(segments) if segment.marker_ttl]
        hit = max((self._hit_at(keys, marker) for marker in markers), default=-1)
        created = {"5m": 0, "1h": 0}
        start = hit + 1
        for marker in markers:
            if marker >= start:
                ttl = segments[marker].marker_ttl or "5m"
                created[ttl] += sum(segment.tokens for segment in segments[start : marker + 1])
                start = marker + 1
        return CacheReport(
            segments=segments,
            read_tokens=sum(segment.tokens for segment in segments[: hit + 1]),
            created_5m_tokens=created["5m"],
            created_1h_tokens=created["1h"],
            uncached_tokens=sum(segment.tokens for segment in segments[start:]),
        )

    def store(self, body: JSON) -> None:
        segments = self.segments_of(body)
        keys = _prefix_keys(str(body.get("model")), segments)
        self._stored.update(key for key, segment in zip(keys, segments, strict=True) if segment.marker_ttl)

    def _hit_at(self, keys: list[str], marker: int) -> int:
        for at in range(marker, max(marker - LOOKBACK, 0) - 1, -1):
            if keys[at] in self._stored:
                return at
        return -1

    def segments_of(self, body: JSON) -> tuple[Segment, ...]:
        segments = [self._segment(f"tools.{at}", tool) for at, tool in enumerate(body.get("tools") or ())]
        system = as_blocks(body.get("system") or [])
        segments += [self._segment(f"system.{at}", block) for at, block in enumerate(system)]
        settings = {key: body[key] for key in ("tool_choice", "thinking") if key in body}
        if settings:
            rendered = json.dumps(settings, sort_keys=True)
            segments.append(Segment("tool_choice and thinking", rendered, tokens=0))
        for label, role, block in _messages_in_force(body):
            segments.append(self._segment(label, {"role": role, **block}, block))
        automatic = body.get("cache_control")
        if automatic and segments:
            last = segments[-1]
            segments[-1] = Segment(last.label, last.rendered, last.tokens, automatic.get("ttl", "5m"))
        return tuple(segments)

    def _segment(self, label: str, content: JSON, counted: JSON | None = None) -> Segment:
        marker = content.get("cache_control")
        rendered = _render(content)
        shown = counted or content
        tokens = self.count_tokens(_render(media.without_bytes(shown))) + media.tokens_of(shown)
        return Segment(label, rendered, tokens, marker.get("ttl", "5m") if marker else None)


def as_blocks(content: str | list[JSON]) -> list[JSON]:
    """Plain text is short for one text block; both render alike."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _render(content: JSON) -> str:
    """Without the marker and without nulls: neither is part of the prompt."""
    kept = {key: value for key, value in content.items() if key != "cache_control" and value is not None}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False)


def _messages_in_force(body: JSON) -> list[tuple[str, str, JSON]]:
    """The blocks as (label, role, block), from the last summary on: the model sees nothing before it."""
    blocks = [
        (f"messages.{at}.content.{index}", str(message.get("role")), block)
        for at, message in enumerate(body.get("messages") or ())
        for index, block in enumerate(as_blocks(message.get("content") or []))
    ]
    summaries = [at for at, (_, _, block) in enumerate(blocks) if block.get("type") == "compaction"]
    return blocks[summaries[-1] :] if summaries else blocks


def _prefix_keys(model: str, segments: tuple[Segment, ...]) -> list[str]:
    digest = hashlib.sha256(model.encode())
    keys = []
    for segment in segments:
        digest.update(b"\0" + segment.rendered.encode())
        keys.append(digest.hexdigest())
    return keys
