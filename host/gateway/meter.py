"""Reads what an answer cost off the answer itself while it passes by: one JSON message, or a stream of events."""

from __future__ import annotations

import json
from typing import Any

from host.gateway.prices import Usage
from host.ports import figures

LARGEST_EVENT = 4 * 1024 * 1024  # bytes of one event that are kept to be read; larger ones are passed over
LARGEST_MESSAGE = 64 * 1024 * 1024  # bytes of an answer in one piece
BYTES_PER_TOKEN = 8  # of the events of an answer that breaks off before it says what it cost: rather too many

MICRO = 1_000_000  # millionths in a dollar
SHOWN = ("text", "tool_use")  # blocks whose tokens are all in what is sent


def count(agent: str, usage: Usage, paid: int) -> None:
    """For whoever watches: what a call took, `paid` in millionths of a dollar."""
    for kind, tokens in (
        ("input", usage.input_tokens),
        ("output", usage.output_tokens),
        ("cache_write", usage.cache_write_tokens),
        ("cache_read", usage.cache_read_tokens),
    ):
        figures.TOKENS.labels(agent, kind).inc(tokens)
    figures.COST.labels(agent).inc(paid / MICRO)


class Meter:
    """`feed` it every byte; `usage` is what is known so far, `complete` whether that is all."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._buffer = bytearray()
        self._skipping = False
        self._counts: dict[str, Any] = {}
        self._delta_bytes = 0
        self.uncertain = (
            False  # its bytes do not show what it cost: hidden thoughts, work of the server's tools
        )
        self.complete = False

    def feed(self, chunk: bytes) -> None:
        if self._streamed:
            self._feed_events(chunk)
        elif len(self._buffer) < LARGEST_MESSAGE:
            self._buffer += chunk

    def end(self) -> None:
        """The answer ended as it should."""
        if not self._streamed and not self.complete:
            message = _object(bytes(self._buffer))
            if isinstance(message.get("usage"), dict):
                self._counts = message["usage"]
                self.complete = True

    @property
    def usage(self) -> Usage:
        """Iterations (summaries that the API made on the way) are beside the totals, and paid for."""
        rows = [self._counts]
        iterations = self._counts.get("iterations")
        if isinstance(iterations, list):
            rows += [row for row in iterations if isinstance(row, dict) and row.get("type") != "message"]
        searches = self._counts.get("server_tool_use")
        output = sum(_number(row, "output_tokens") for row in rows)
        return Usage(
            input_tokens=sum(_number(row, "input_tokens") for row in rows),
            output_tokens=output if self.complete else max(output, self._delta_bytes // BYTES_PER_TOKEN),
            cache_write_tokens=sum(_number(row, "cache_creation_input_tokens") for row in rows),
            cache_read_tokens=sum(_number(row, "cache_read_input_tokens") for row in rows),
            web_searches=_number(searches, "web_search_requests") if isinstance(searches, dict) else 0,
        )

    @property
    def knows_anything(self) -> bool:
        return bool(self._counts)

    def _feed_events(self, chunk: bytes) -> None:
        *lines, rest = (bytes(self._buffer) + chunk).split(b"\n")
        for number, line in enumerate(lines):
            if not (self._skipping and number == 0) and line.startswith(b"data:"):
                self._read(line[5:])
        self._skipping = (self._skipping and not lines) or len(rest) > LARGEST_EVENT
        self._buffer = bytearray() if self._skipping else bytearray(rest)

    def _read(self, data: bytes) -> None:
        if b'"content_block_delta"' in data[:100]:
            self._delta_bytes += len(data)
            return
        event = _object(data)
        match event.get("type"):
            case "content_block_start":
                block = event.get("content_block")
                self.uncertain |= not isinstance(block, dict) or block.get("type") not in SHOWN
            case "message_start":
                message = event.get("message")
                if isinstance(message, dict) and isinstance(message.get("usage"), dict):
                    self._counts = dict(message["usage"])
            case "message_delta":
                if isinstance(event.get("usage"), dict):
                    self._counts |= event["usage"]
            case "message_stop":
                self.complete = True


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    return value if type(value) is int and value > 0 else 0
