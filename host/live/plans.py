"""What people see of a turn under way: all of it where they are alone with it, verbs among others, or what the channel was set
to show. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from sessiondb.plan import Item
from sessiondb.signals import Progress

HIDDEN = "…"

_QUOTED = re.compile(r"`[^`]*`?|\"[^\"]*\"|“[^”]*”")  # how names, commands and arguments are set off
_TELLTALE = re.compile(r"[/\\=@{}<>\[\]|`$~_*#&]|\w[.:]\w|--|^-\w|^\.\w|[\w-]{25,}")
_AGAIN = re.compile(r"…(?:[ ,;]+…)+")


def narrowed(progress: Progress, *, direct: bool, work: str) -> Progress:
    """`work` as a channel's rules have it."""
    if work == "none":
        return replace(progress, status="", text="", plan=())
    return replace(progress, plan=seen(progress.plan, direct=direct or work == "all"))


def seen(plan: tuple[Item, ...], *, direct: bool) -> tuple[Item, ...]:
    return plan if direct else tuple(replace(item, text=in_verbs(item.text)) for item in plan)


def in_verbs(text: str) -> str:
    """The words of a step without what looks like a file's name, an address, an argument or a secret."""
    words = _QUOTED.sub(HIDDEN, text).split()
    return _AGAIN.sub(HIDDEN, " ".join(HIDDEN if _TELLTALE.search(word) else word for word in words))
