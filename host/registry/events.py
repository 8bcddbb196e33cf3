"""Events as the inbox keeps them, a JSON text a row: what is taken out of one, and whom it quotes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# What people wrote, and how they are called.
EMPTY: Mapping[str, object] = {
    "text": "",
    "opening": "",
    "value": "",
    "files": [],
    "parts": [],
    "thread_so_far": [],
    "author.name": "",
}


def put(event: str, values: Mapping[str, object]) -> str:
    """With these values at their places in the event, "author.name" for one within its author."""
    kept = json.loads(event)
    for path, value in values.items():
        *parents, name = path.split(".")
        holder: Any = kept.get("event")
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[name] = value
    return json.dumps(kept)


def quotes(event: str, user: str) -> bool:
    """Whether there are words in it that somebody else's message has of them."""
    open_ = [json.loads(event).get("event")]
    while open_:
        found = open_.pop()
        if isinstance(found, dict):
            if found.get("author_id") == user:
                return True
            open_ += found.values()
        elif isinstance(found, list):
            open_ += found
    return False
