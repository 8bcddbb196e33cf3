"""Commands typed as messages, for where the platform's own do not work: `!stop`, `!mute`, `!aside …`."""

from __future__ import annotations

import re
from dataclasses import dataclass

CONTROLS = frozenset({"stop", "clear", "mute"})  # what a CONTROL event may carry
ASIDE = "aside"  # a remark among people: context, wakes nobody

_TYPED = re.compile(r"^!(?P<word>[a-z]+)\b[ \t]*(?P<rest>.*)", re.DOTALL)
_LEADING_MENTION = re.compile(r"^\s*@\S+\s+(?=!)")


@dataclass(frozen=True, slots=True)
class Typed:
    word: str
    rest: str


def typed(text: str) -> Typed | None:
    """The command at the start of a message, after a mention if there is one; None when it is none of ours."""
    match = _TYPED.match(_LEADING_MENTION.sub("", text).strip())
    if match is None or match["word"] not in CONTROLS | {ASIDE}:
        return None
    if match["word"] in CONTROLS and match["rest"].strip():
        return None
    return Typed(match["word"], match["rest"].strip())
