"""Whether people may have a task run elsewhere, with what is kept there at hand: only where all of them see that themselves.

What public channels share is for members, as they were when they last wrote. A private channel is for whoever the platform
says may read it now. Who is not known as a person, such as whoever sent a webhook, sees neither (law 13).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection

from host.config.recurrence import ScheduleError
from host.config.settings import Settings
from host.governance import access
from host.ports.bot import Bots, DeliveryError
from host.ports.people import TellsReaders
from host.registry import sessions
from host.registry.port import Registry, Statements
from host.words import say
from sessiondb.records import Address

log = logging.getLogger(__name__)

LONGEST = 5.0  # s a platform has to tell
NOT_FOR_GUESTS = say(
    "it would run with what all public channels share, which not everybody who asks sees: ask for it in that channel"
)
NOT_THEIRS = say("it would run with what is kept in a private channel that whoever asks does not read now")

_MEMBERS = (
    "SELECT user_id FROM users WHERE channel_type = ? AND workspace_id IN (?, ?)"
    " AND user_id IN (SELECT value FROM json_each(?)) GROUP BY user_id HAVING max(apart) = 0"
)


class Readers:
    def __init__(self, settings: Settings, db: Registry, bots: Bots) -> None:
        self._settings = settings
        self._db = db
        self._bots = bots

    async def judge(self, people: Collection[str], here: Address, place: Address, scope: str) -> None:
        """Of people who wrote at `here`; `scope` is that of `place`. Raises `ScheduleError`."""
        rules = self._settings.config.access
        asking = {one for one in people if not access.is_owner(rules, here, one)}
        if not asking and people:
            return
        if not asking or not asking <= await self._members(asking, here, place):
            raise ScheduleError(NOT_FOR_GUESTS)
        if scope != sessions.scope_name("public", place, "") and not await self._all_read(
            asking, here, place
        ):
            raise ScheduleError(NOT_THEIRS)

    async def _members(self, asking: set[str], here: Address, place: Address) -> set[str]:
        where = (here.channel_type, here.workspace_id, place.workspace_id, json.dumps(sorted(asking)))

        def job(connection: Statements) -> set[str]:
            return {str(id_) for (id_,) in connection.execute(_MEMBERS, where)}

        return await self._db.read(job)

    async def _all_read(self, asking: set[str], here: Address, place: Address) -> bool:
        bot = self._bots.get(place.channel_type)
        if here.channel_type != place.channel_type or bot is None:
            return False
        if not isinstance(bot, TellsReaders):  # everybody there reads everything
            return True
        channel = place._replace(thread_id="")
        try:
            async with asyncio.timeout(LONGEST):
                return all(
                    [channel in await bot.readable_now(here, user, {channel}) for user in sorted(asking)]
                )
        except (DeliveryError, TimeoutError) as error:
            told = {"action": "readers_not_told", "channel": place.platform_id}
            log.warning("A task is refused: %s", str(error) or "no answer in time", extra=told)
        except Exception:  # whatever it is, it is no word that they may read
            log.exception("A task is refused", extra={"action": "readers_not_told"})
        return False
