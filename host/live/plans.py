"""What people see of a turn under way: all of it where they are alone with it, verbs among others, or what the channel was set
to show. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from host.words import Sentence, known, mark, say
from sessiondb.plan import Item
from sessiondb.signals import Progress

HIDDEN = "…"
USING = "using "
VERBS = (  # what a runner says of its work
    mark("running a command"),
    mark("reading a file"),
    mark("writing a file"),
    mark("editing a file"),
    mark("looking into its notes"),
    mark("sending a message"),
    mark("sending a file"),
    mark("sending a document"),
    mark("sending a card"),
    mark("editing a message"),
    mark("adding a reaction"),
    mark("reading the thread"),
    mark("asking a question"),
    mark("scheduling a task"),
    mark("changing a task"),
    mark("pausing a task"),
    mark("resuming a task"),
    mark("cancelling a task"),
    mark("starting a task"),
    mark("looking at the tasks"),
    mark("planning"),
    mark("looking at its servers"),
    mark("searching the web"),
    mark("reading a page"),
    mark("asking a helper"),
    mark("using a tool"),
    mark("waiting"),
    mark("summarising…"),
    mark("listening to the voice message…"),
)
_BUSY = re.compile(r"the model API is busy; trying again in (?P<seconds>\d{1,9}) s…")
LONGEST_STATUS = 50  # characters

_QUOTED = re.compile(r"`[^`]*`?|\"[^\"]*\"|“[^”]*”")  # how names, commands and arguments are set off
_TELLTALE = re.compile(r"[/\\=@{}<>\[\]|`$~_*#&]|\w[.:]\w|--|^-\w|^\.\w|[\w-]{25,}")
_NO_VERBS = re.compile(r"[/\\=@:{}<>\[\]|`*_~#$&]|[A-Za-z0-9_-]{25,}")
_AGAIN = re.compile(r"…(?:[ ,;]+…)+")


def narrowed(progress: Progress, *, direct: bool, work: str) -> Progress:
    """`work` as a channel's rules have it."""
    if work == "none":
        return replace(progress, status="", text="", plan=())
    return replace(progress, plan=seen(progress.plan, direct=direct or work == "all"))


def verbs(status: str) -> str:
    """It in one short line, whoever wrote it; '' where it looks like a path, an argument or a secret."""
    words = " ".join(status[: LONGEST_STATUS * 4].split())
    return "" if len(words) > LONGEST_STATUS or _NO_VERBS.search(words) else words


def spoken(verbs: str) -> Sentence:
    """The same, which can be told in a language: a runner has words for its tools, and the names of servers among them."""
    if busy := _BUSY.fullmatch(verbs):
        return say("the model API is busy; trying again in {seconds} s…", seconds=busy["seconds"])
    name = verbs.removeprefix(USING)
    return known(verbs) if verbs in VERBS or name == verbs else say("using {name}", name=name)


def seen(plan: tuple[Item, ...], *, direct: bool) -> tuple[Item, ...]:
    return plan if direct else tuple(replace(item, text=in_verbs(item.text)) for item in plan)


def in_verbs(text: str) -> str:
    """The words of a step without what looks like a file's name, an address, an argument or a secret."""
    words = _QUOTED.sub(HIDDEN, text).split()
    return _AGAIN.sub(HIDDEN, " ".join(HIDDEN if _TELLTALE.search(word) else word for word in words))
