"""The address of the page where a sign-in ends, in what people write: it holds a code, which is the host's alone. Pure."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from host.ports.events import InboundEvent, Said
from sessiondb.content import Part

PATH = "/dovecote/mcp"
ADDRESS = re.compile(rf"https?://127\.0\.0\.1:\d+{PATH}\?[^\s<>|\"')\]]+")
HIDDEN = "(the address of a sign-in)"


def pasted_in(text: str) -> str:
    """'' for none."""
    found = ADDRESS.search(html.unescape(text)) if PATH in text else None
    return found[0] if found else ""


def without(event: InboundEvent) -> InboundEvent:
    """Without such addresses in what was said before or is quoted: those messages were answered when they came."""
    said, parts = tuple(map(_said, event.thread_so_far)), tuple(map(_part, event.parts))
    if said == event.thread_so_far and parts == event.parts:
        return event
    return replace(event, thread_so_far=said, parts=parts)


def _said(said: Said) -> Said:
    return replace(said, text=_hidden(said.text), parts=tuple(map(_part, said.parts)))


def _part(part: Part) -> Part:
    return replace(part, text=_hidden(part.text), link=_hidden(part.link))


def _hidden(text: str) -> str:
    return ADDRESS.sub(HIDDEN, text) if PATH in text else text
