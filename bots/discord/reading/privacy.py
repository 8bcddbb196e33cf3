"""Whom each channel is for: told to the host at every event that may change it, at each connect, and before anything is shown.

Discord names no such change. It follows from a channel's overwrites, which a move to another category may replace, and from
what @everyone may do in the server: a channel that keeps a role out is not everybody's. A public thread is for whom its
channel is for, a private one for its members.
"""

from __future__ import annotations

import asyncio
import logging

import discord

from bots.discord.client import places
from host.ports.bot import HostBusy, Ingest
from host.ports.events import Privacy
from sessiondb import Address

log = logging.getLogger(__name__)

AGAIN_AFTER = 1.0  # s until a host that was busy is told again; doubles
LONGEST_AGAIN = 60.0


class Privacies:
    """What the host was told of, in this life of the connection: only what differs is told again."""

    def __init__(self, client: discord.Client, host: Ingest) -> None:
        self._client = client
        self._host = host
        self._told: dict[Address, Privacy] = {}
        self._behind: set[int] = set()  # servers in which something may have changed
        self._changed = asyncio.Event()
        self._order = asyncio.Lock()  # two changes of one channel are told in their order

    def look_again(self, guild: discord.Guild) -> None:
        """Something happened in the server that may have opened or closed a channel."""
        self._behind.add(guild.id)
        self._changed.set()

    def connected(self) -> None:
        """What happened meanwhile no event told of; nor does a host that lost its records know what it was told."""
        self._told.clear()
        for guild in self._client.guilds:
            self.look_again(guild)

    async def current(self, guild: discord.Guild | None) -> None:
        """Before something of the server is taken in or shown: the host knows of every change by then. Raises `HostBusy`."""
        if guild is None or guild.id not in self._behind:
            return
        async with self._order:
            if guild.id in self._behind:
                await self._tell(guild)

    async def keep(self) -> None:
        """Tells what changed, whenever something has. Until cancelled."""
        pause = AGAIN_AFTER
        while True:
            await self._changed.wait()
            self._changed.clear()
            for guild_id in list(self._behind):
                guild = self._client.get_guild(guild_id)
                try:
                    await self.current(guild)
                except HostBusy as error:
                    told = {"action": "privacy_not_told", "guild": guild_id}
                    log.warning("Who may see which channel is not told yet: %s", error, extra=told)
                    self._changed.set()
                if guild is None:  # left meanwhile
                    self._behind.discard(guild_id)
            if not self._changed.is_set():
                pause = AGAIN_AFTER
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_AGAIN)

    async def _tell(self, guild: discord.Guild) -> None:
        """All at once, so that the host commits them together. What changes meanwhile makes the server behind anew."""
        self._behind.discard(guild.id)
        now = {
            places.channel_address(channel): places.privacy_of(channel)
            for channel in guild.channels
            if not isinstance(channel, discord.CategoryChannel)
        }
        new = [(address, kind) for address, kind in now.items() if self._told.get(address) != kind]
        outcomes = await asyncio.gather(
            *(self._host.channel_became(address, kind) for address, kind in new), return_exceptions=True
        )
        for (address, kind), outcome in zip(new, outcomes, strict=True):
            if outcome is None:
                self._told[address] = kind
                continue
            self._behind.add(guild.id)
            raise outcome
        told = {address for address, _ in new}
        for channel in guild.channels:
            if (address := places.channel_address(channel)) in told:
                await self._host.channel_named(address, channel.name)
