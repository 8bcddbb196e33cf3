"""What a person allows: one call, in one spelling that both sides agree on, and its digest.

What is shown is made of this text, and what runs is held against its digest: no call runs that nobody saw.
"""

from __future__ import annotations

import json

ALLOW, DENY = "Allow", "Deny"
LONGEST = 20_000  # characters of a call that people can be shown whole: what a form of Slack has room for
MOST_SHOWN = 2 * LONGEST  # the same with its arguments one below the other


def spelled(tool: str, arguments: object) -> str:
    """The call as text; the same call is spelled the same on both sides, in any process."""
    return json.dumps({"tool": tool, "arguments": arguments}, ensure_ascii=False, sort_keys=True, default=str)


def digest(call: str) -> str:
    import hashlib  # what a plain reply does without

    return hashlib.sha256(call.encode("utf-8", "surrogatepass")).hexdigest()


def is_of(tool: str, call: str) -> bool:
    """Whether the text spells a call of this tool that people can be shown."""
    try:
        found = json.loads(call) if len(call) <= LONGEST else None
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.keys() == {"tool", "arguments"} and found["tool"] == tool


def shown(call: str) -> str:
    """What people read of it: the arguments, one below the other; where that has no room, all as it is spelled."""
    try:
        spread = json.dumps(json.loads(call)["arguments"], ensure_ascii=False, indent=1)
    except (ValueError, KeyError, TypeError, RecursionError):
        return call
    return spread if len(spread) <= MOST_SHOWN else call
