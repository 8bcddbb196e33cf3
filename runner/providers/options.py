"""What an agent's `options` say to the Claude provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from runner.settings import SettingsError

COMPACTORS = ("api", "own")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
LEAST_COMPACTION = 50_000  # tokens; the API refuses a smaller trigger


@dataclass(frozen=True, slots=True)
class Options:
    """Keys of `options` that are not named here belong to others."""

    max_tokens: int = 16_000  # of one answer; a longer one is continued
    max_calls: int = 200  # of the model in one turn
    effort: str = ""  # low | medium | high | xhigh | max; '' leaves it to the API
    thinking: bool = False  # adaptive thinking
    compact_at: int = 150_000  # tokens of input from which the conversation is summarised; 0 = never
    compact: str = (
        "api"  # who summarises: api | own; where the API cannot, the provider asks for a summary of its own
    )
    web_search: bool = False
    web_fetch: bool = False
    retries: int = 3  # of one request, before the turn fails

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Options:
        """Raises `SettingsError`."""
        found: dict[str, Any] = {}
        for known in fields(cls):
            if known.name not in options:
                continue
            value = options[known.name]
            default = known.default
            if type(value) is not type(default):
                raise _refused(known.name, f"must be of type {type(default).__name__}")
            if isinstance(value, int) and value < 0:
                raise _refused(known.name, "must not be negative")
            found[known.name] = value
        made = cls(**found)
        if made.effort and made.effort not in EFFORTS:
            raise _refused("effort", f"must be one of {', '.join(EFFORTS)}")
        if made.compact not in COMPACTORS:
            raise _refused("compact", f"must be one of {', '.join(COMPACTORS)}")
        if made.max_tokens < 1 or made.max_calls < 1:
            raise _refused("max_tokens and max_calls", "must be at least 1")
        if 0 < made.compact_at < LEAST_COMPACTION:
            raise _refused("compact_at", f"must be 0 or at least {LEAST_COMPACTION}")
        return made


def _refused(key: str, reason: str) -> SettingsError:
    return SettingsError("DOVECOTE_AGENT", f"options.{key} {reason}")
