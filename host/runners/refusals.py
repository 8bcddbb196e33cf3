"""Runners that ended because of their settings: told to those whom it concerns, and not started by these again.

Kept in memory: a new life of the host tries once, for what was wrong may be put right without a change of the file (an
image that was built anew, a folder that can be read now).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from host.config import people
from host.config.settings import Settings
from host.governance import requests
from host.registry import notices
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.words import say
from sessiondb.signals import read_small

LONGEST = 500  # characters of a runner's sentence that people are shown
_ODD = re.compile(r"[\x00-\x1f\x7f`<>]+")

log = logging.getLogger(__name__)


class Refusals:
    def __init__(
        self, settings: Settings, now: Callable[[], int], notify: Callable[[Notice], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._now = now
        self._notify = notify
        self._by_session: dict[str, str] = {}  # the outline of what it was told when it refused

    def stands(self, session: Session) -> bool:
        return session.id in self._by_session

    def lapses(self, session: Session, outline: str) -> bool:
        """Whether it would be told something else now; then it may be tried."""
        if self._by_session.get(session.id) == outline:
            return False
        self._by_session.pop(session.id, None)
        return True

    async def note(self, session: Session, outline: str) -> str:
        """Tells everybody whom it concerns. What the records shall say of the failed start."""
        self._by_session[session.id] = outline
        why = await asyncio.to_thread(_sentence, session.folder.refusal)
        log.error("Not set up: %s", why, extra={"action": "not_set_up", "session": session.id})
        day = self._now() // 86_400_000
        text = say(
            "⚠️ not set up: {reason} Your message waits until that is put right ({id}).",
            reason=why,
            id=session.id[:9],
        )
        await self._notify(Notice(f"not-set-up:{session.id}:{day}", session.place, text))
        await self._tell_owners(session, why, day)
        return f"not set up: {why}"

    async def _tell_owners(self, session: Session, why: str, day: int) -> None:
        """Once a day for each thing that is wrong, however many conversations it stops."""
        about = hashlib.sha256(f"{session.agent}\x1f{why}".encode()).hexdigest()[:16]
        here = session.address
        for platform, workspace, user in requests.owners_of(self._settings.config.access, here):
            text = say(
                "⚠️ agent {agent} is not set up: {reason} Put it right and start me again.",
                agent=session.agent,
                reason=why,
            )
            place = notices.direct(platform, workspace)
            await self._notify(
                Notice(
                    f"not-set-up:{about}:{day}:{people.named(platform, workspace, user)}",
                    place,
                    text,
                    private_to=user,
                )
            )


def _sentence(file: Path) -> str:
    """A container wrote it: one line, without a sign that could mean something."""
    found = read_small(file, limit=64 * 1024)
    told = " ".join(_ODD.sub(" ", found[0].decode("utf-8", "replace")).split()) if found else ""
    if not told:
        return "the runner refuses its settings; its runner.log says why."
    told = told if len(told) <= LONGEST else f"{told[:LONGEST]}…"
    return told if told.endswith((".", "?", "…")) else f"{told}."
