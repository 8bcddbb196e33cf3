"""What people read of a turn under way: its status in verbs, its plan as a list, and the end of a long text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bots.common.short import shortened
from host.words import Sentence, as_it_is, joined, known, laid_out, many, say
from sessiondb.plan import Item, State

MOST_STEPS = 8  # of a plan that are shown: those around the one under way
LONGEST_STEP = 80  # characters
LOOKED_BACK = 20_000  # characters before a cut in which a code block may have been opened

_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)")


def status_line(status: str, *, writing: bool) -> Sentence:
    if writing:
        return say("is writing…")
    return say("is working: {words}", words=known(status)) if status else say("is working…")


def lasting(minutes: int) -> Sentence:
    """How long it has gone on, behind what it does; '' for less than a minute."""
    hours, rest = divmod(minutes, 60)
    parts = [say("{hours} h", hours=hours)] * bool(hours) + [say("{minutes} min", minutes=rest)] * bool(rest)
    return laid_out(" · {time}", time=joined(" ", parts)) if parts else as_it_is("")


_MARKS = {State.DONE: "✓", State.NOW: "▸", State.NEXT: "○"}


def checklist(plan: Sequence[Item], written: Callable[[str], str]) -> list[Sentence]:
    """A line for each step around the one under way, which reads well without its marks too. `written` makes a text harmless."""
    done = sum(item.state is State.DONE for item in plan)
    first = max(0, min(done - 2, len(plan) - MOST_STEPS))
    shown = plan[first : first + MOST_STEPS]
    lines = [as_it_is(f"{_MARKS[item.state]} {written(step(item))}") for item in shown]
    before, after = first, len(plan) - first - len(shown)
    return [
        *([many("✓ {count} done before", "✓ {count} done before", before)] if before else []),
        *lines,
        *([many("○ and {count} more", "○ and {count} more", after)] if after else []),
    ]


def done_of(plan: Sequence[Item]) -> Sentence:
    """How far it is; '' without a plan."""
    done = sum(item.state is State.DONE for item in plan)
    return say("{done} of {all} done", done=done, all=len(plan)) if plan else as_it_is("")


def step(item: Item) -> str:
    """In one line, which opens no code."""
    return shortened(item.text.replace("`", "'"), LONGEST_STEP)


def tail(markdown: str, most: int) -> str:
    """About the last `most` characters, from the beginning of a line or word where there is one near.

    A code block that the cut goes through is opened again.
    """
    markdown = markdown.rstrip()
    if len(markdown) <= most:
        return markdown
    start = len(markdown) - most
    near = start + most // 2
    line, word = markdown.find("\n", start, near), markdown.find(" ", start, near)
    cut = max(line if line >= 0 else word, start - 1) + 1
    fence = open_fence(markdown[max(0, cut - LOOKED_BACK) : cut])
    return f"…\n{fence}\n{markdown[cut:]}" if fence else f"… {markdown[cut:]}"


def open_fence(text: str) -> str:
    """The line that opened the code block which the text ends in; '' when it ends in none."""
    opened, mark = "", ""
    for line in text.splitlines():
        found = _FENCE.fullmatch(line)
        if found is None:
            continue
        if not mark:
            opened, mark = line, found["mark"]
        elif found["mark"].startswith(mark) and not found["info"].strip():
            opened, mark = "", ""
    return opened
