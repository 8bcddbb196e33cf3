"""For whom a channel is, asked of its platform at the moment at which something of it is shown.

Events tell of what changes, and each connect of what changed before. This is for what no event told: nothing of a
public channel is shown to somebody elsewhere unless its platform says now that it is public.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from host.config.settings import Settings
from host.governance import sight
from host.governance.sight import Sight
from host.ports.bot import Bots, DeliveryError, HostBusy, TellsPrivacy
from host.ports.events import Privacy, Viewer
from host.registry.port import Registry, Statements
from sessiondb.records import Address

log = logging.getLogger(__name__)

MOST_CHANNELS = 1_000  # of a workspace that are asked about at once; what lies beyond is not shown
LONGEST = 5.0  # s a platform has to tell

_PUBLIC = "SELECT DISTINCT platform_id FROM sessions WHERE channel_type = ? AND workspace_id = ? AND scope = ? LIMIT ?"


class Anew:
    """`became` is told of what changed, so that its tasks, costs and buttons change with it."""

    def __init__(
        self,
        settings: Settings,
        bots: Bots,
        db: Registry,
        became: Callable[[Address, Privacy], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._bots = bots
        self._db = db
        self._became = became

    async def sight(self, viewer: Viewer) -> Sight:
        """Raises `Forbidden`."""
        seen, channels = await self._db.read(lambda connection: self._known(connection, viewer))
        bot = self._bots.get(viewer.address.channel_type)
        if not channels:
            return seen
        if not isinstance(bot, TellsPrivacy):  # nothing there ever changes
            return replace(seen, channels=seen.channels | channels)
        told = await self._told(bot, viewer.address, channels)
        await self._tell(viewer.address, {id_: kind for id_, kind in told.items() if kind != "public"})
        public = {id_ for id_, kind in told.items() if kind == "public"}
        return replace(seen, channels=seen.channels | public)

    def _known(self, connection: Statements, viewer: Viewer) -> tuple[Sight, frozenset[str]]:
        """What they see in any case, and the channels that are to be asked about."""
        seen = sight.of(connection, self._settings.config.access, viewer)
        if seen.owner or not seen.public:
            return seen, frozenset()
        place = viewer.address
        found = connection.execute(_PUBLIC, (*place[:2], seen.public, MOST_CHANNELS)).fetchall()
        return seen, frozenset(str(id_) for (id_,) in found) - seen.channels

    async def _told(
        self, bot: TellsPrivacy, place: Address, channels: frozenset[str]
    ) -> Mapping[str, Privacy]:
        """By id, and of this workspace: another's channel may have the same."""
        asked = {place._replace(platform_id=id_, thread_id=""): id_ for id_ in channels}
        try:
            async with asyncio.timeout(LONGEST):
                kinds = await bot.privacy_now(asked)
            return {asked[one]: kind for one, kind in kinds.items() if one in asked}
        except (DeliveryError, TimeoutError) as error:
            told = {"action": "privacy_not_told", "channels": len(channels)}
            log.warning("Other channels are not shown: %s", str(error) or "no answer in time", extra=told)
        except Exception:  # whatever it is, it is no word that they are public
            log.exception("Other channels are not shown", extra={"action": "privacy_not_told"})
        return {}

    async def _tell(self, place: Address, changed: Mapping[str, Privacy]) -> None:
        """All at once, so that they are committed together. What cannot be kept now is not shown all the same."""
        became = [
            self._became(place._replace(platform_id=id_, thread_id=""), kind) for id_, kind in changed.items()
        ]
        for outcome in await asyncio.gather(*became, return_exceptions=True):
            if isinstance(outcome, HostBusy):
                log.warning("What became of a channel is not kept yet: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
