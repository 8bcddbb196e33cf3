"""Whose words a visitor may read: asked of the platform at the moment at which they are shown.

An owner has the words of public channels, as the host knows them. What was said in private is for whoever is there now: in
their own direct messages, and in the channels that the platform names. Nothing is kept from one page to the next.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from host.governance import sight
from host.ports.bot import Bots, DeliveryError
from host.ports.people import TellsReaders
from host.registry.port import Statements
from host.registry.sessions import scope_name
from host.web.gate import Visitor
from host.web.places import Shown, is_direct
from sessiondb.records import Address

log = logging.getLogger(__name__)

LONGEST = 5.0  # s a platform has to tell
MOST_CHANNELS = 2_000  # of a platform that are asked about at once; what lies beyond is not shown

_CHANNELS = (
    "SELECT DISTINCT channel_type, workspace_id, platform_id, scope FROM sessions WHERE channel_type = ?1"
    " AND (?2 = '' OR workspace_id = ?2) LIMIT ?3"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one visitor reads. `owner`s have the figures of everything besides."""

    owner: bool
    platform: str = ""
    workspace: str = ""  # '' where the platform's people are the same in all of them
    user: str = ""
    there: bool = False  # whether the platform knows them still
    channels: frozenset[Address] = frozenset()
    own: frozenset[str] = field(default=frozenset())  # scopes of their direct messages

    def reads(self, shown: Shown) -> bool:
        address, scope = shown
        if self.owner and sight.is_common(address, scope):
            return True
        if not self.there or not _is_at(address, self.platform, self.workspace):
            return False
        return scope == scope_name("dm", address, self.user) or _channel(address) in self.channels

    def where(self) -> tuple[str, tuple[str, ...]]:
        """The conversations they know of, as a condition of SQL on `sessions`, with its bindings."""
        if self.owner:
            return "TRUE", ()
        if not self.there:
            return "FALSE", ()
        channels = json.dumps([one[:3] for one in sorted(self.channels)])
        named = (
            "(channel_type, workspace_id, platform_id) IN (SELECT value ->> 0, value ->> 1, value ->> 2"
            " FROM json_each(?))"
        )
        return f"(scope IN (SELECT value FROM json_each(?)) OR {named})", (
            json.dumps(sorted(self.own)),
            channels,
        )


def known(registry: Statements, platform: str, workspace: str = "") -> list[Shown]:
    """The channels and direct messages in which there is anything, of a platform, or of one workspace of it."""
    found = registry.execute(_CHANNELS, (platform, workspace, MOST_CHANNELS)).fetchall()
    return [Shown(Address(*map(str, place)), str(scope)) for *place, scope in found]


class Eyes:
    def __init__(self, bots: Bots) -> None:
        self._bots = bots

    async def of(self, visitor: Visitor, places: Collection[Shown], *, owner: bool) -> Seen:
        """What of these they read now."""
        viewer = visitor.viewer
        (platform, workspace), user = viewer.address[:2], viewer.author.id
        bot = self._bots.get(platform)
        asked = [
            one
            for one in places
            if _is_at(one.address, platform, workspace) and not (owner and sight.is_common(*one))
        ]
        if not isinstance(bot, TellsReaders) or (owner and not asked):
            return Seen(owner)
        channels = {_channel(address) for address, scope in asked if not is_direct(address, scope)}
        try:
            async with asyncio.timeout(LONGEST):
                found = await bot.readable_now(viewer.address, user, channels)
        except (DeliveryError, TimeoutError) as error:
            told = {"action": "readers_not_told", "channels": len(channels)}
            log.warning("Words are not shown: %s", str(error) or "no answer in time", extra=told)
            return Seen(owner)
        except Exception:  # whatever it is, it is no word that they may read
            log.exception("Words are not shown", extra={"action": "readers_not_told"})
            return Seen(owner)
        own = frozenset(scope for address, scope in asked if scope == scope_name("dm", address, user))
        return Seen(owner, platform, workspace, user, there=True, channels=found & channels, own=own)


def _is_at(address: Address, platform: str, workspace: str) -> bool:
    return address.channel_type == platform and workspace in ("", address.workspace_id)


def _channel(address: Address) -> Address:
    return address._replace(thread_id="")
