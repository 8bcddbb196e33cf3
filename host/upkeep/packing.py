"""When folders are packed: some minutes after somebody wrote there, as soon as nobody does any more, and at an orderly end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from host.folders.stowage import clear_aside
from host.mailbox import spaces
from host.mailbox.luggage import MIB, STILL, Luggage
from host.mailbox.open import Records
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.runners.lives import Lives
from host.words import Sentence, moment, say
from sessiondb import SessionError

log = logging.getLogger(__name__)

EVERY = 15.0  # s between two rounds
WHILE_WRITTEN = 180.0  # s from a pack to the next while runners live there
SHARE = 20  # a pack that took long is followed by a pause of so many times its length
IN_THE_END = 60.0  # s for all that is to be packed before another node serves
HOUR = 3_600.0  # s between two looks at what gave way


@dataclass(slots=True)
class _Place:
    since: float  # monotonic s of the latest pack, or of when it was first seen
    pause: float = 0.0


class Packer:
    def __init__(
        self,
        records: Records,
        lives: Lives,
        notify: Callable[[Notice], Awaitable[None]],
        now: Callable[[], int],
        zone: Callable[[], str],
        most: int,
    ) -> None:
        """`most`: bytes that are packed of a folder."""
        self._records = records
        self._lives = lives
        self._notify = notify
        self._now = now
        self._zone = zone
        self._most = most
        self._places: dict[str, _Place] = {}
        self._last: dict[str, Session] = {}  # who was last seen to write there

    @property
    def _luggage(self) -> Luggage:
        return self._records.spaces.luggage

    async def run(self) -> None:
        """Until cancelled; at once over where no registry is shared."""
        cleared = -HOUR
        while self._records.db.ties is not None:
            try:
                await self.round()
                if time.monotonic() - cleared > HOUR:
                    cleared = time.monotonic()
                    await asyncio.to_thread(clear_aside, self._records.sessions.data, self._now())
            except (SessionError, OSError) as error:
                log.warning("Folders are packed later: %s", error, extra={"action": "packed_later"})
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Raises `SessionError`, of a registry that cannot be used."""
        written = self._written()
        stirred = self._luggage.stirred()
        await self._luggage.look_at(stirred)
        for place in set(self._places).difference(stirred):
            del self._places[place]
        await self._take_what_came(stirred, still=STILL)
        for place in stirred:
            known = self._places.setdefault(place, _Place(time.monotonic()))
            least = WHILE_WRITTEN if place in written or place in self._luggage.left else 0.0
            if time.monotonic() - known.since >= max(least, known.pause):
                await self._pack(place, known, at_rest=place not in written)

    async def finish(self) -> None:
        """No runner lives, and none will."""
        if self._records.db.ties is None or not self._records.db.leads():
            return
        try:
            async with asyncio.timeout(IN_THE_END):
                await self._take_what_came(self._luggage.stirred(), still=0.0)
                for place in self._luggage.stirred():
                    await self._pack(place, _Place(0.0), at_rest=True)
        except (SessionError, TimeoutError) as error:
            told = {"action": "not_packed"}
            log.error(
                "Not all folders are packed, and others would find them as they were: %r", error, extra=told
            )

    async def _take_what_came(self, stirred: Iterable[str], *, still: float) -> None:
        """To the conversations that had a runner since their working folders were packed."""
        for place in stirred:
            top, _, rest = place.partition("/")
            id_, _, folder = rest.partition("/")
            if (top, folder) == ("sessions", "work"):
                try:
                    await self._luggage.take_what_came(id_, still)
                except OSError as error:
                    log.warning("Attachments are packed later: %s", error, extra={"action": "packed_later"})

    async def _pack(self, place: str, known: _Place, *, at_rest: bool) -> None:
        began = time.monotonic()
        try:
            await self._luggage.keep(place, at_rest=at_rest)
        except OSError as error:  # of one folder
            log.warning("%s is packed later: %s", place, error, extra={"action": "packed_later"})
            known.pause = WHILE_WRITTEN
        else:
            known.pause = (time.monotonic() - began) * SHARE
        known.since = time.monotonic()
        if place in self._luggage.left and (session := self._last.get(place)) is not None:
            await self._tell(place, session)

    def _written(self) -> set[str]:
        found: set[str] = set()
        for life in self._lives.values():
            scopes = {life.session.scope, life.scope or life.session.scope}
            here = [spaces.work(life.session.id)]
            here += [spaces.workspace(life.session.agent, scope) for scope in scopes]
            found.update(here)
            self._last.update(dict.fromkeys(here, life.session))
        return found

    async def _tell(self, place: str, session: Session) -> None:
        """Its people, once a day."""
        about = f"too-large:{hashlib.sha256(place.encode()).hexdigest()[:12]}:{self._now() // 86_400_000}"
        await self._notify(Notice(about, session.place, self._too_large(self._luggage.left[place])))

    def _too_large(self, at: int) -> Sentence:
        most = self._most // MIB
        if at:
            return say(
                "⚠️ My files here take more than {most} MiB: on another machine I would find them as they were at {time}. Ask me"
                " to delete some.",
                most=most,
                time=moment(at, self._zone()),
            )
        return say(
            "⚠️ My files here take more than {most} MiB: on another machine I would not have them. Ask me to delete some.",
            most=most,
        )
