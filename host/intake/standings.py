"""What bots tell of places and people, made durable, with what follows from it for the schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from host.mailbox import remaking
from host.ports.bot import HostBusy
from host.ports.events import EventClass, InboundEvent, Standing
from host.registry import standing
from host.registry.port import Registry, Statements
from host.registry.tidings import What
from sessiondb import Address, SessionError

log = logging.getLogger(__name__)
T = TypeVar("T")
SPEAKS = frozenset({EventClass.MESSAGE, EventClass.COMMAND, EventClass.CONTROL, EventClass.ANSWER})


class Standings:
    """`changed` has the schedule look for what is due: tasks of a closed place, and of somebody who is gone, rest."""

    def __init__(self, db: Registry, changed: Callable[[], None], now: Callable[[], int]) -> None:
        self._db = db
        self._changed = changed
        self._now = now
        self._gone: dict[tuple[str, str, str], int] | None = None  # since when, once it was read
        self._heard = 0  # how often another node knew better
        for what in (What.GONE, What.CLOSED):
            db.tidings.heard_by(what, self._changed_elsewhere)

    async def place(self, place: Address, stands: Standing) -> None:
        """Raises `HostBusy`."""
        if not await self._read(lambda c: standing.is_news(c, place, stands)):
            return
        if await self._noted(lambda c: standing.place_stands(c, place, stands, self._now())):
            told = {"action": "place_stands", "channel": place.platform_id, "standing": stands}
            log.info("A place is now %s", stands, extra=told)

    async def person(self, workspace: Address, user: str, *, here: bool) -> None:
        """Platforms tell of every change of an account, most of which are none of this. Raises `HostBusy`."""
        gone, key = await self._known(), (*workspace[:2], user)
        if here is (key not in gone):
            return
        now = self._now()
        if await self._noted(lambda c: standing.person_stands(c, workspace, user, here=here, now=now)):
            told = {"action": "person_stands", "user": user, "here": here}
            log.info("Somebody is %s", "back" if here else "gone", extra=told)
        if here:
            gone.pop(key, None)
        else:
            gone[key] = now

    async def spoke(self, event: InboundEvent) -> None:
        """Whoever says something is here, unless it was said before they went. Raises `HostBusy`."""
        if event.event_class not in SPEAKS:
            return
        since = (await self._known()).get((*event.address[:2], event.author.id))
        if since is not None and event.at > since:
            await self.person(event.address, event.author.id, here=True)

    async def inhabited(self, channel_type: str) -> Mapping[Address, Standing]:
        """Raises `HostBusy`."""
        return await self._read(lambda connection: standing.inhabited(connection, channel_type))

    async def people(self, channel_type: str) -> Sequence[tuple[str, str]]:
        """Raises `HostBusy`."""
        asking = await self._read(lambda connection: remaking.task_people(connection, channel_type))
        gone = [
            (workspace, user) for platform, workspace, user in await self._known() if platform == channel_type
        ]
        return list(dict.fromkeys((*asking, *gone)))

    async def _known(self) -> dict[tuple[str, str, str], int]:
        while (gone := self._gone) is None:
            heard, found = self._heard, await self._read(standing.gone_people)
            if (
                self._gone is None and heard == self._heard
            ):  # nobody read it meanwhile, and it is as it was read
                self._gone = found
        return gone

    async def _changed_elsewhere(self, _: Sequence[str]) -> None:
        """The tasks that rest for it, or rest no more, may be this node's."""
        self._gone, self._heard = None, self._heard + 1
        self._changed()

    async def _read(self, job: Callable[[Statements], T]) -> T:
        try:
            return await self._db.read(job)
        except SessionError as error:
            raise HostBusy(str(error)) from error

    async def _noted(self, job: Callable[[Statements], bool]) -> bool:
        try:
            new = await self._db.write(job)
        except SessionError as error:
            raise HostBusy(str(error)) from error
        if new:
            self._changed()
        return new
