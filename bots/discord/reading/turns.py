"""Which of several hosts takes in what Discord tells all of them: every one that serves has a session of its own.

Whoever has the channel does so at once. The others do a little later, which the key of what was said makes one: what a host that
is dying heard is not lost.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bots.discord.client import places
from host.ports.bot import HostBusy, Ingest
from sessiondb import Address

LATER = 2.0  # s


@dataclass(frozen=True, slots=True)
class Turn:
    """Of something that came just now."""

    host: Ingest
    at: float  # s of the loop's clock

    async def comes(self, place: object) -> bool:
        """Once it is this host's turn; whether others had theirs before."""
        address = places.address_of(place)
        if address is None or not await _is_anothers(self.host, address):
            return False
        await asyncio.sleep(max(0.0, self.at + LATER - asyncio.get_running_loop().time()))
        return True


class Turns:
    def __init__(self, host: Ingest) -> None:
        self._host = host

    def now(self) -> Turn:
        return Turn(self._host, asyncio.get_running_loop().time())

    async def is_ours(self, place: object) -> bool:
        """Of a reaction: nothing that Discord tells of it makes two hearings one (docs/adr/0042). Raises `HostBusy`."""
        address = places.address_of(place)
        if address is None:
            return True
        return not await _is_anothers(self._host, address) and await self._host.deals(address)


async def _is_anothers(host: Ingest, address: Address) -> bool:
    try:
        return await host.is_anothers(address)
    except HostBusy:  # whoever takes it in is told so as well
        return False
