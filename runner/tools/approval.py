"""Calls that wait for a person's yes: `approve = ["bash", "mcp:github/*"]` among an agent's options."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sessiondb import approving, content
from sessiondb.frozen import frozen
from sessiondb.options import APPROVE_WITHIN


class TooLongError(Exception):
    """Nobody can be shown the call whole, so nobody can allow it; the text is for the model."""


@frozen
class Approvals:
    """Which tools ask first, and for how many seconds. Who may answer, and how many of them, is the host's to say."""

    patterns: tuple[str, ...] = ()
    patience: int = APPROVE_WITHIN

    def covers(self, tool: str) -> bool:
        return any(fnmatchcase(tool, pattern) for pattern in self.patterns)

    def question(self, tool: str, arguments: object, now: int) -> content.Question | None:
        """None when the tool needs nobody's yes. `now` is ms UTC. Raises `TooLongError`."""
        if not self.covers(tool):
            return None
        call = approving.spelled(tool, arguments)
        if len(call) > approving.LONGEST:
            most, length = approving.LONGEST, len(call)
            raise TooLongError(
                f"not run: it needs a person's yes, and nobody reads {length} characters; make it shorter than {most}"
            )
        return content.Question(
            f"May I run `{tool}`?",
            (approving.ALLOW, approving.DENY),
            expires_at=now + self.patience * 1000,
            approval=tool,
            call=call,
        )
