"""The node that serves deals with what others took in from its platforms while they stood by (`registry.taking_in`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from host.ports.bot import Bots, DealsWith
from host.registry import taking_in
from host.registry.port import Hint, Registry, Statements
from host.registry.taking_in import Taken
from sessiondb import SessionError

log = logging.getLogger(__name__)

LOOK = 1.0  # s between two looks when nothing is told


class TakingIn:
    def __init__(self, db: Registry, bots: Bots, hint: Hint) -> None:
        self._db = db
        self._bots = bots
        self._hint = hint
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. One that lasts or breaks keeps nobody waiting (law 15)."""
        try:
            while True:
                try:
                    for one in await self._db.read(self._waiting):
                        self._look_at(one)
                except SessionError as error:
                    log.warning("What was taken in waits: %s", error, extra={"action": "taken_in_waits"})
                await self._hint.wait(LOOK)
        finally:
            for task in self._under_way.values():
                task.cancel()

    def _waiting(self, connection: Statements) -> list[Taken]:
        """Of several that serve, one deals with all of it."""
        return taking_in.waiting(connection) if self._db.holding.has_upkeep else []

    def _look_at(self, one: Taken) -> None:
        bot = self._bots.get(one.platform)
        if one.id in self._under_way or (isinstance(bot, DealsWith) and not bot.deals_now()):
            return
        task = asyncio.create_task(self._deal(bot, one), name=f"taken-in:{one.id}")
        self._under_way[one.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(one.id))

    async def _deal(self, bot: object, one: Taken) -> None:
        try:
            if not isinstance(bot, DealsWith) or self._is_given_up(one):
                await self._db.write(lambda connection: taking_in.over(connection, one, None))
            elif await self._db.write(lambda connection: taking_in.begin(connection, one)):
                answer = await self._dealt(bot, one)
                if answer is None and one.payload.again:
                    await self._db.write(lambda connection: taking_in.failed(connection, one))
                else:
                    await self._db.write(lambda connection: taking_in.over(connection, one, answer))
        except SessionError as error:
            log.warning("What was taken in waits: %s", error, extra={"action": "taken_in_waits"})

    async def _dealt(self, bot: DealsWith, one: Taken) -> Mapping[str, Any] | None:
        try:
            return await bot.deal_with(one.payload)
        except Exception:  # one of many: a fault of ours with it is none of the others'
            log.exception("What was taken in could not be dealt with", extra={"action": "taken_in_broke"})
            return None

    def _is_given_up(self, one: Taken) -> bool:
        """What was begun by a life that ended is not begun anew where it would be done a second time."""
        told = {"action": "taken_in_given_up", "platform": one.platform}
        if one.begun and not one.payload.again:
            log.warning(
                "A %s was begun before a crash: what became of it is not known", one.payload.kind, extra=told
            )
            return True
        if one.attempts >= taking_in.MOST_ATTEMPTS:
            log.error("A %s is given up after %d attempts", one.payload.kind, one.attempts, extra=told)
            return True
        return False
