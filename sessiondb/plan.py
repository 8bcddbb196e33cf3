"""What an agent means to do in a turn: a list of steps, each done, under way or to come.

Written by the runner into the progress file and read by the host as what it is: untrusted, and cut to bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from sessiondb.frozen import frozen

MOST = 30  # steps of one plan
LONGEST = 200  # characters of one step


class State(StrEnum):
    DONE = "done"
    NOW = "now"
    NEXT = "next"


@frozen
class Item:
    text: str  # one line
    state: State


def item(text: str, state: State) -> Item:
    """Cut between words alone: half a secret is not known as one."""
    words = text[: LONGEST * 4].split()
    line = " ".join(words)
    if len(text) > LONGEST * 4 or len(line) > LONGEST:
        line = " ".join(words[:-1])[: LONGEST - 1]
        line = f"{line.rpartition(' ')[0]}…"
    return Item(line, state)


def of(done: Iterable[str], now: str, following: Iterable[str]) -> tuple[Item, ...]:
    told = [*((text, State.DONE) for text in done), (now, State.NOW), *((t, State.NEXT) for t in following)]
    return tuple(item(text, state) for text, state in told if text.strip())[:MOST]


def read(found: object) -> tuple[Item, ...]:
    """What is no step is left out."""
    items = []
    for one in found[:MOST] if isinstance(found, list) else ():
        text, state = (one.get("text"), one.get("state")) if isinstance(one, Mapping) else (None, None)
        if isinstance(text, str) and text.strip() and isinstance(state, str) and state in set(State):
            items.append(item(text, State(state)))
    return tuple(items)
