"""Who summarises a conversation that has grown: the API where it can, else the provider by a call of its own."""

from __future__ import annotations

import logging
from typing import Any

from runner.providers.conversation import JSON, Conversation
from runner.providers.options import Options

BETA = "compact-2026-01-12"
SUMMARY_TOKENS = 8_000  # of a summary, at most
_WORDS = ("context_management", "compact", "anthropic-beta")  # what a refusal of the beta speaks of

log = logging.getLogger(__name__)


class Compaction:
    """Of one provider. That the API does not know the beta is found out once in the life of a runner."""

    def __init__(self, options: Options) -> None:
        self._at = options.compact_at
        self.own = options.compact == "own"

    def arguments(self) -> dict[str, Any]:
        """What has the API summarise; nothing where it is not to."""
        if self.own or not self._at:
            return {}
        trigger: JSON = {"type": "input_tokens", "value": self._at}
        edits = [{"type": "compact_20260112", "trigger": trigger}]
        return {"context_management": {"edits": edits}, "betas": [BETA]}

    def is_refused(self, status: int, detail: str) -> bool:
        """Whether a request failed only because it asked for compaction; the next one does not."""
        if status != 400 or not self.arguments() or not any(word in detail.lower() for word in _WORDS):
            return False
        log.warning("The model API does not summarise here, so the agent does: %s", detail[:300])
        self.own = True
        return True

    def is_due(self, conversation: Conversation) -> bool:
        """Between two answers, when the next request would hold at least what the limit says."""
        return self.own and not conversation.continues and 0 < self._at <= conversation.tokens
