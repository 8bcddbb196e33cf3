"""Calls that wait for a person's yes: `approve = ["bash", "mcp:github/*"]` among an agent's options."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sessiondb import content
from sessiondb.options import APPROVE_WITHIN

ALLOW, DENY = "Allow", "Deny"
LONGEST_SHOWN = 1_500  # characters of a call's arguments shown to the person


@dataclass(frozen=True, slots=True)
class Approvals:
    """Which tools ask first, and for how many seconds. Who may answer is the host's to say: `approvers` is read there."""

    patterns: tuple[str, ...] = ()
    patience: int = APPROVE_WITHIN

    def covers(self, tool: str) -> bool:
        return any(fnmatchcase(tool, pattern) for pattern in self.patterns)

    def question(self, tool: str, arguments: object, now: int) -> content.Question | None:
        """None when the tool needs nobody's yes. `now` is ms UTC."""
        if not self.covers(tool):
            return None
        shown = json.dumps(arguments, ensure_ascii=False, indent=1)
        if len(shown) > LONGEST_SHOWN:
            shown = shown[:LONGEST_SHOWN] + f"\n… {len(shown)} characters in all"
        fence = "`" * 3
        return content.Question(
            f"May I run `{tool}`?\n{fence}\n{shown.replace(fence, '` ` `')}\n{fence}",
            (ALLOW, DENY),
            expires_at=now + self.patience * 1000,
            approval=tool,
        )
