"""The conversations that are being worked on."""

from __future__ import annotations

import asyncio

from host.config.settings import Settings
from host.governance.masking import Masks
from host.governance.sight import Sight
from host.live.progress import Working, status_of, working
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.controls import Running
from host.registry.sessions import Session
from host.runners.supervisor import Supervisor
from host.words import say
from sessiondb import SessionError

MOST_RUNNING = 20  # conversations of an overview; each costs a look into its files


class AtWork:
    def __init__(self, settings: Settings, records: Records, supervisor: Supervisor, masks: Masks) -> None:
        self._settings = settings
        self._records = records
        self._supervisor = supervisor
        self._masks = masks

    async def running(self, seen: Sight) -> tuple[Running, ...]:
        """Those at work, the latest first; a runner that rests between two messages is none of them."""
        lives = [
            life for life in self._supervisor.lives.running() if seen.sees(life[0].scope, life[0].address)
        ]
        lives.sort(key=lambda life: life[1], reverse=True)
        looked = await asyncio.gather(*(self.look(session) for session, _ in lives[:MOST_RUNNING]))
        return tuple(
            [
                Running(
                    session.id,
                    self._settings.config.called(session.agent),
                    found.address,
                    max(found.since, started),
                    await self._doing(session, found),
                )
                for (session, started), found in zip(lives, looked, strict=False)
                if found is not None
            ]
        )

    async def _doing(self, session: Session, under_way: Working) -> str:
        words = await status_of(self._records, self._masks, session, under_way)
        return say("is working: {words}", words=words) if words else say("is working")

    async def look(self, session: Session) -> Working | None:
        def job(writer: InboundWriter) -> Working | None:
            return working(writer, session.folder.progress)

        try:
            return await self._records.mailboxes.use(session, job)
        except SessionError:  # a file that cannot be read now says nothing about whether it works
            return None
