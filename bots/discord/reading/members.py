"""Whoever wrote, with the roles that decide whether an agent answers them.

Discord sends them along with most of what is said now; not with histories, with a reaction taken back, nor where it leaves
out what is optional. There they are asked for, where they decide anything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import discord

FRESH = 60.0  # s for which an answer holds: a role that was taken away is soon gone here, too
MOST = 2_000  # people remembered


class Members:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.matter = False  # whether anybody's being let in hangs on roles, or on being a guest
        self._now = now
        self._names: OrderedDict[int, str] = OrderedDict()
        self._known: OrderedDict[tuple[int, int], tuple[float, discord.Member | None]] = OrderedDict()

    def met(self, user: discord.abc.User) -> None:
        """Somebody who said something: how they are called is not told with all that they do."""
        self._names[user.id] = user.display_name
        self._names.move_to_end(user.id)
        if len(self._names) > MOST:
            self._names.popitem(last=False)

    def name(self, user_id: int) -> str:
        return self._names.get(user_id, "")

    def forget(self) -> None:
        self._known.clear()

    async def author(self, guild: discord.Guild | None, said: discord.Message) -> discord.Member | None:
        if said.webhook_id is not None or isinstance(said.author, discord.Member):
            return None
        return await self.of(guild, said.author.id)

    async def of(self, guild: discord.Guild | None, user_id: int) -> discord.Member | None:
        """None where it decides nothing, and for who has left. Raises as discord.py does."""
        if not self.matter or guild is None:
            return None
        key = guild.id, user_id
        asked, member = self._known.get(key, (None, None))
        if asked is not None and self._now() - asked < FRESH:
            return member
        try:
            member = await guild.fetch_member(user_id)
        except discord.NotFound:  # left meanwhile
            member = None
        self._known[key] = self._now(), member
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return member
