"""Commands typed as messages, for where the platform's own do not work: `!stop`, `!mute`, `!queue …`, `!aside …`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from host.ports.events import EventClass, InboundEvent

CONTROLS = frozenset({"stop", "clear", "mute"})  # what a CONTROL event may carry
ASIDE = "aside"  # a remark among people: context, wakes nobody
QUEUE = "queue"  # waits for the end of the turn under way instead of steering it

_TYPED = re.compile(r"^!(?P<word>[a-z]+)\b[ \t]*(?P<rest>.*)", re.DOTALL)
_LEADING_MENTION = re.compile(r"^\s*@\S+\s+(?=!)")


@dataclass(frozen=True, slots=True)
class Typed:
    word: str
    rest: str


def typed(text: str) -> Typed | None:
    """The command at the start of a message, after a mention if there is one; None when it is none of ours."""
    match = _TYPED.match(_LEADING_MENTION.sub("", text).strip())
    if match is None or match["word"] not in CONTROLS | {ASIDE, QUEUE}:
        return None
    rest = match["rest"].strip()
    if rest if match["word"] in CONTROLS else not rest and match["word"] == QUEUE:
        return None  # an order stands alone, and nothing cannot wait
    return Typed(match["word"], rest)


def obeyed(event: InboundEvent) -> InboundEvent:
    """A message as the typed command in it wants it: an order to the host, a remark, or one that waits its turn."""
    found = typed(event.text)
    if found is None:
        return event
    if found.word == ASIDE:
        return replace(event, text=found.rest, remark=True)
    if found.word == QUEUE:
        return replace(event, text=found.rest, queued=True)
    return replace(event, event_class=EventClass.CONTROL, value=found.word, typed=True)
