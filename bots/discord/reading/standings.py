"""Whether anything can be said where tasks post: looked at when an event may have changed it, at each connect, and by the hour.

Events are hints here as well: a channel that is deleted, a thread that is locked, a server that lets the bot go each make it look
at the places that have tasks or were closed, by what the gateway told, and by asking of the thread that the event was about. A
thread that Discord archived for its silence stays open: the next message wakes it. Of people who leave Discord tells only with
a privileged intent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

import discord

from bots.discord.client import places
from bots.discord.client.errors import TRANSPORT, UNKNOWN_CHANNEL
from host.ports.bot import HostBusy, Ingest
from host.ports.events import Standing
from sessiondb import Address

log = logging.getLogger(__name__)

EVERY = 3600.0  # s between two looks at everything: people leave without an event
BETWEEN = 1.0  # s: a burst of events is one look
AGAIN_AFTER = 1.0  # s until a look that failed is made again; doubles
LONGEST_AGAIN = 300.0
UNASKED = (discord.DiscordException, *TRANSPORT)


class Standings:
    def __init__(self, client: discord.Client, host: Ingest) -> None:
        self._client = client
        self._host = host
        self._changed = asyncio.Event()
        self._everything = False
        self._threads: set[int] = set()

    def look_again(self) -> None:
        """At everything: nobody listened for a time."""
        self._everything = True
        self._changed.set()

    def changed(self, thread: int = 0) -> None:
        """Something happened that may have closed or opened a place, or this thread."""
        self._threads |= {thread} - {0}
        self._changed.set()

    async def keep(self) -> None:
        """Until cancelled."""
        pause = AGAIN_AFTER
        await self._changed.wait()  # else it is not known yet which servers there are
        clock = asyncio.get_running_loop().time
        next_whole = clock()
        while True:
            self._changed.clear()
            whole, self._everything = self._everything or clock() >= next_whole, False
            threads, self._threads = self._threads, set()
            try:
                await self._look(threads, whole=whole)
            except (HostBusy, *UNASKED) as error:
                told = {"action": "standing_not_told"}
                log.warning("What became of places and people is not told yet: %s", error, extra=told)
                self._everything, self._threads = self._everything or whole, self._threads | threads
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_AGAIN)
                continue
            pause, next_whole = AGAIN_AFTER, clock() + EVERY if whole else next_whole
            await asyncio.sleep(BETWEEN)
            await self._until(next_whole - clock())

    async def _until(self, latest: float) -> None:
        try:
            async with asyncio.timeout(latest):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look(self, threads: Collection[int], *, whole: bool) -> None:
        """Raises `HostBusy`, or what discord.py raises where Discord does not tell."""
        found = await self._host.inhabited(places.PLATFORM)
        for server in dict.fromkeys(place.workspace_id for place in found if place.workspace_id):
            here = {place: standing for place, standing in found.items() if place.workspace_id == server}
            await self._look_at_server(server, here, None if whole else threads)
        if not whole:
            return
        for server, user in await self._host.task_people(places.PLATFORM):
            guild = self._guild(server)
            if guild is not None and not guild.unavailable and user.isdigit():
                here_now = await _is_member(guild, int(user))
                await self._host.person_stands(Address(places.PLATFORM, server, ""), user, here=here_now)

    async def _look_at_server(
        self, server: str, found: Mapping[Address, Standing], threads: Collection[int] | None
    ) -> None:
        """`threads` are those to be asked about, None for all."""
        guild = self._guild(server)
        if guild is not None and guild.unavailable:  # an outage: nobody knows, and everything comes back
            return
        whole = Address(places.PLATFORM, server, "")
        await self._host.place_stands(whole, "open" if guild is not None else "removed")
        if guild is None:
            return
        private = {place.platform_id for place in found if place.platform_id == place.thread_id}
        for channel in dict.fromkeys(place._replace(thread_id="") for place in found if place.platform_id):
            if channel.platform_id not in private:
                await self._host.place_stands(channel, _of_channel(guild, channel))
        for place in found:
            if place.thread_id.isdigit() and (threads is None or int(place.thread_id) in threads):
                await self._host.place_stands(place, await self._of_thread(guild, int(place.thread_id)))

    def _guild(self, server: str) -> discord.Guild | None:
        return self._client.get_guild(int(server)) if server.isdigit() else None

    async def _of_thread(self, guild: discord.Guild, id_: int) -> Standing:
        thread: object = guild.get_thread(id_)
        if thread is None:  # archived ones are not among those that the gateway told of
            try:
                thread = await self._client.fetch_channel(id_)
            except discord.NotFound as error:
                if error.code != UNKNOWN_CHANNEL:
                    raise
                return "gone"
            except discord.Forbidden:
                return "removed"
        if not isinstance(thread, discord.Thread) or not thread.locked or thread.parent is None:
            return "open"
        return "open" if thread.parent.permissions_for(guild.me).manage_threads else "locked"


def _of_channel(guild: discord.Guild, place: Address) -> Standing:
    """A private thread is a channel of its own, and is looked at as the thread it is."""
    channel = guild.get_channel(int(place.platform_id)) if place.platform_id.isdigit() else None
    if channel is None:
        return "gone"
    may = channel.permissions_for(guild.me)
    writes = may.send_messages or may.send_messages_in_threads
    return "open" if may.view_channel and writes else "removed"


async def _is_member(guild: discord.Guild, user: int) -> bool:
    try:
        await guild.fetch_member(user)
    except discord.NotFound:
        return False
    return True
