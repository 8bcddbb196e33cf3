"""The conversations that are being worked on."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from host.config.settings import Settings
from host.governance.masking import Masks
from host.governance.sight import Sight
from host.live.progress import Working, status_of, working
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.controls import Running
from host.registry.sessions import Session
from host.runners.supervisor import Supervisor
from host.words import Sentence, as_it_is, say
from sessiondb import SessionError
from sessiondb.records import Address

MOST_RUNNING = 20  # conversations of an overview; each costs a look into its files
RUNNING = "running"
SOON = 2.0  # s for the answer of another node
_SIGHT = TypeAdapter(Sight)

log = logging.getLogger(__name__)


class AtWork:
    def __init__(self, settings: Settings, records: Records, supervisor: Supervisor, masks: Masks) -> None:
        self._settings = settings
        self._records = records
        self._supervisor = supervisor
        self._masks = masks
        records.errands.ways[RUNNING] = self._asked_to

    async def everywhere(self, seen: Sight) -> tuple[tuple[Running, ...], int]:
        """Those at work, the latest first, and how many wait for a free place: of all nodes that answer soon."""
        (running, waiting), answers = await asyncio.gather(self._here(seen), self._asked(seen))
        for node, answer in answers.items():
            if not answer:
                log.info("What runs on %s is not seen", node, extra={"action": "node_not_seen"})
                continue
            found = json.loads(answer)
            waiting += found["waiting"]
            running += [_unpacked(one) for one in found["running"]]
        running.sort(key=lambda one: one.since, reverse=True)
        return tuple(running), waiting

    async def _asked(self, seen: Sight) -> Mapping[str, str | None]:
        errands = self._records.errands
        if not errands.are_needed:
            return {}
        try:
            return await errands.ask_others(RUNNING, _SIGHT.dump_json(seen).decode(), SOON)
        except SessionError as error:
            log.warning("What runs elsewhere is not seen: %s", error, extra={"action": "node_not_seen"})
            return {}

    async def _asked_to(self, body: str) -> str:
        running, waiting = await self._here(_SIGHT.validate_json(body))
        return json.dumps({"running": [_packed(one) for one in running], "waiting": waiting})

    async def _here(self, seen: Sight) -> tuple[list[Running], int]:
        """A runner that rests between two messages is none of them."""
        waiting = sum(seen.sees(one.scope, one.address) for one in self._supervisor.waiting())
        lives = [
            life for life in self._supervisor.lives.running() if seen.sees(life[0].scope, life[0].address)
        ]
        lives.sort(key=lambda life: life[1], reverse=True)
        looked = await asyncio.gather(*(self.look(session) for session, _ in lives[:MOST_RUNNING]))
        found = [
            Running(
                session.id,
                self._settings.config.called(session.agent),
                under_way.address,
                max(under_way.since, started),
                await self._doing(session, under_way),
            )
            for (session, started), under_way in zip(lives, looked, strict=False)
            if under_way is not None
        ]
        return found, waiting

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


def _packed(one: Running) -> list[Any]:
    return [one.session_id, one.agent, one.address, one.since, as_it_is(one.status).packed()]


def _unpacked(found: list[Any]) -> Running:
    id_, agent, address, since, status = found
    return Running(id_, agent, Address(*address), since, Sentence.unpacked(status))
