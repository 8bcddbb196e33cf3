"""Runners that have nothing to do: they end where others wait for a place, and where another node is to serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from host.mailbox.open import Mailboxes
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError
from host.runners.lives import Lives
from sessiondb import SessionError

log = logging.getLogger(__name__)

LOOK = 0.2  # s between two looks who has nothing to do any more


class Idle:
    """`stop` ends a session's runner, if one lives; it raises `LaunchError`."""

    def __init__(
        self,
        lives: Lives,
        mailboxes: Mailboxes,
        stop: Callable[[Session], Awaitable[bool]],
        now: Callable[[], int],
    ) -> None:
        self._lives = lives
        self._mailboxes = mailboxes
        self._stop = stop
        self._now = now

    async def has_work(self, session: Session) -> bool:
        """Raises `SessionError`."""
        due = await self._mailboxes.use(session, lambda writer: writer.next_due_at())
        return due is not None and due <= self._now()  # a question's end may be a day away

    async def make_room(self, waiting: int) -> None:
        """For so many, the longest alive first."""
        lives = sorted(self._lives.values(), key=lambda life: life.started_at)
        wanted = waiting - sum(life.ordered_to_stop for life in lives)
        for life in lives:
            if wanted <= 0:
                return
            if life.runner is None or life.ordered_to_stop:
                continue
            try:
                if not await self.has_work(life.session):
                    wanted -= await self._stop(life.session)
            except Exception as error:  # noqa: BLE001 - another may be had
                log.info("No place from %s: %s", life.session.id, error, extra={"action": "no_place"})

    async def come_to_rest(self, within: float) -> None:
        """Returns when nobody works any more, or after `within` s; the caller sees to it that nothing begins."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while (left := deadline - loop.time()) > 0:
            lives = [life for life in self._lives.values() if life.runner is not None]
            if not lives:
                return
            for life in lives:
                with contextlib.suppress(SessionError, LaunchError):  # one of many: it ends with the host
                    if not life.ordered_to_stop and not await self.has_work(life.session):
                        await self._stop(life.session)
            await asyncio.wait([life.task for life in lives], timeout=min(left, LOOK))
