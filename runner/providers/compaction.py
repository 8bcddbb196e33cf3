"""Who summarises a conversation that has grown: the API where it can, else the provider by a call of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from runner.providers.conversation import JSON, SUMMARISE, Conversation
from runner.providers.fields import Fields
from sessiondb.options import Options

BETA = "compact-2026-01-12"
SUMMARY_TOKENS = 8_000  # of a summary, at most
FIELD = "context_management"
CHARACTERS_PER_TOKEN = 2  # at least, of a text that must fit
TIGHT = 200_000  # characters that are summarised where the model does not say how much it can hold
LONGEST_PART = 4_000  # characters of one text or result among them


class Compaction:
    """Of one provider. Where the API does not know the field, the provider does it: `fields` says so."""

    def __init__(self, options: Options, fields: Fields) -> None:
        self._at = options.compact_at
        self._own = options.compact == "own"
        self._fields = fields

    @property
    def own(self) -> bool:
        return self._own or FIELD in self._fields.gone

    def arguments(self) -> dict[str, Any]:
        """What has the API summarise; nothing where it is not to."""
        if self.own or not self._at:
            return {}
        trigger: JSON = {"type": "input_tokens", "value": self._at}
        edits = [{"type": "compact_20260112", "trigger": trigger}]
        return {"context_management": {"edits": edits}, "betas": [BETA]}

    def is_due(self, conversation: Conversation) -> bool:
        """Between two answers, when the next request would hold at least what the limit says."""
        return self.own and not conversation.continues and 0 < self._at <= conversation.tokens


def tightened(messages: Sequence[JSON], most: int) -> list[JSON]:
    """The request for a summary as one text of at most so many characters: its end, where it is longer."""
    parts = [f"{message['role']}: {_told(block)}" for message in messages for block in message["content"]]
    told = "\n\n".join(parts[:-1])[-most:]  # the last asks for the summary
    return [{"role": "user", "content": [{"type": "text", "text": f"{told}\n\n{SUMMARISE}"}]}]


def _told(block: JSON) -> str:
    match block["type"]:
        case "text":
            told = block["text"]
        case "tool_use":
            told = f"(calls {block['name']} {json.dumps(block['input'], ensure_ascii=False)})"
        case "tool_result":
            held = block["content"]
            told = f"(result: {held if isinstance(held, str) else ' '.join(map(_told, held))})"
        case kind:
            told = f"({kind})"
    return told if len(told) <= LONGEST_PART else f"{told[:LONGEST_PART]} (…)"
