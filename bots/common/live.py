"""The message that shows a long turn while it works: its words, its end when it is long, and how often it changes."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

LONGEST_STATUS = 50  # characters

Work = Callable[[], Awaitable[float]]  # carries an update out; returns the seconds the platform asks to wait

_TELLTALE = re.compile(r"[/\\=@:{}<>\[\]|`]|[A-Za-z0-9_-]{25,}")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)")


def status_line(status: str, *, writing: bool) -> str:
    """Verbs for people: nothing that looks like a path, an argument or a secret gets through."""
    if writing:
        return "is writing…"
    words = " ".join(status.split())
    if not words or len(words) > LONGEST_STATUS or _TELLTALE.search(words):
        return "is working…"
    return f"is working: {words}"


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
    fence = _open_fence(markdown[:cut])
    return f"…\n{fence}\n{markdown[cut:]}" if fence else f"… {markdown[cut:]}"


def _open_fence(text: str) -> str:
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


class Trickle:
    """One update at a time and place, `interval` seconds apart; of those that come too soon the last waits its turn.

    Nothing waits for it: `put` returns at once, and an update that fails is dropped.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._waiting: dict[str, Work] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def put(self, place: str, work: Work) -> None:
        self._waiting[place] = work
        if place not in self._tasks:
            task = asyncio.create_task(self._run(place), name=f"live:{place}")
            self._tasks[place] = task
            task.add_done_callback(lambda _: self._tasks.pop(place, None))

    def forget(self, place: str) -> None:
        """What waits is not wanted any more; what is under way goes on."""
        self._waiting.pop(place, None)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, place: str) -> None:
        while (work := self._waiting.pop(place, None)) is not None:
            pause = 0.0
            try:
                pause = await work()
            except Exception:  # one update is never worth more than a line in the log
                log.exception("An update of a live message broke", extra={"action": "live_broke"})
            await asyncio.sleep(max(self._interval, pause))
