"""Requests that the tests of the fake Messages API share."""

from typing import Any

MODEL = "claude-opus-5-5"
PATIENCE = 20  # seconds before a test that waits for something gives up
COMPACT = "compact-2026-01-12"


def ask(text: str = "Good morning, pigeons", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": text}], **more}


def marked(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def compacting(value: int = 50_000, **more: Any) -> dict[str, Any]:
    trigger = {"type": "input_tokens", "value": value}
    return {
        "betas": [COMPACT],
        "context_management": {"edits": [{"type": "compact_20260112", "trigger": trigger, **more}]},
    }
