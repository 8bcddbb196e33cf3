"""Conversations whose own records the host cannot use for a while: their people are told why nothing comes (laws 14 and 15).

A file that nobody may open, a folder that is none, a disk that fails: what came in waits in the inbox, and the sweep tries again
for as long as it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from host.registry.notices import Notice
from host.registry.sessions import Session
from host.words import Sentence, known, say
from sessiondb import SessionError

TOLD_AFTER = 20.0  # s
DAY = 86_400_000  # ms


class Unusable:
    """Counted from the first look that failed; a look that went well ends it."""

    def __init__(self, notify: Callable[[Notice], Awaitable[None]], now: Callable[[], int]) -> None:
        self._notify = notify
        self._now = now
        self._since: dict[str, float] = {}  # by session

    def well(self, session: Session) -> None:
        self._since.pop(session.id, None)

    async def note(self, session: Session, error: SessionError) -> None:
        """Tells it once a day. Raises `SessionError` of host.db."""
        if error.path != session.folder.inbound_db:  # host.db's own: nothing could be told
            return
        now = asyncio.get_running_loop().time()
        if now - self._since.setdefault(session.id, now) >= TOLD_AFTER:
            about = f"unusable:{session.id}:{self._now() // DAY}"
            await self._notify(Notice(about, session.place, _told(session, error)))


def _told(session: Session, error: SessionError) -> Sentence:
    return say(
        "⚠️ I cannot use this conversation's records right now ({id}): {reason}. Your message waits and I keep trying; an"
        " operator has to look.",
        id=session.id[:9],
        reason=known(error.reason),
    )
