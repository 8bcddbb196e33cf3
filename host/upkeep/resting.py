"""Conversations at rest that have something to come: a task, an open question. Nobody opens their files meanwhile, so a loss
would be noticed when it is too late to say so. They are looked at by name alone, and the sweep gets those that miss a file.

An outbound.db is missed where a heartbeat lies: a runner has been there. What was noticed once is not noticed again.

Where nodes share a registry, the sweep gets those as well that were never copied, since before there were copies or before the
records came into a database: once in a life of the host, some with each look.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from host.folders.disk import Disk
from host.mailbox.open import Records
from host.registry.holding import Place
from host.registry.port import Statements
from host.registry.sessions import Session, mark_busy
from sessiondb import connection as sqlite
from sessiondb.records import Address

log = logging.getLogger(__name__)

EVERY = 60.0  # s between two looks

PORTION = 500  # sessions of one look: whoever commits meanwhile comes in between

AT_ONCE = 100  # that were never copied

_UNCOPIED = (
    "SELECT id, channel_type, workspace_id, platform_id FROM {} WHERE id > ? AND busy = 0 AND node = ? AND carried <> node"
    " ORDER BY id LIMIT ?"
)
_WAITING = (
    "id > ? AND busy = 0 AND (EXISTS (SELECT 1 FROM due WHERE session_id = sessions_here.id)"
    " OR EXISTS (SELECT 1 FROM asked WHERE session_id = sessions_here.id)"
    " OR EXISTS (SELECT 1 FROM task_copies WHERE session_id = sessions_here.id)) ORDER BY id LIMIT ?"
)


class Resting:
    def __init__(self, records: Records, disk: Disk) -> None:
        self._records = records
        self._disk = disk
        self._look_at = 0.0  # loop time
        self._uncopied: str | None = (
            "" if records.db.ties is not None else None
        )  # behind which id to look for more
        self._noticed: dict[str, str] = {}  # by session: what it misses

    @property
    def is_due(self) -> bool:
        return asyncio.get_running_loop().time() >= self._look_at

    async def look(self) -> None:
        """Raises `SessionError` of host.db."""
        if not self.is_due:
            return
        self._look_at = asyncio.get_running_loop().time() + EVERY
        await self._look_for_uncopied()
        missed: dict[str, str] = {}
        portion = await self._portion("")
        while portion:
            missed |= await self._disk.run(_missed, portion)
            portion = await self._portion(portion[-1].id) if len(portion) == PORTION else []
        new = {id_: what for id_, what in missed.items() if self._noticed.get(id_) != what}
        self._noticed = missed
        for id_, what in new.items():
            told = {"action": "file_missed", "session": id_}
            log.warning("A conversation at rest misses its %s", what, extra=told)

        def busy(connection: Statements) -> None:
            for id_ in new:
                mark_busy(connection, id_)

        if new:
            await self._records.db.write(busy)

    async def _look_for_uncopied(self) -> None:
        if self._uncopied is None:
            return
        holding, after, node = self._records.db.holding, self._uncopied, self._records.db.node
        uncopied = _UNCOPIED.format(holding.near())

        def job(connection: Statements) -> tuple[list[str], list[Place]]:
            found, places = [], []
            for id_, *place in connection.execute(uncopied, (after, node, AT_ONCE)).fetchall():
                found.append(str(id_))
                address = Address(*map(str, place))
                if not holding.is_shared or holding.take(
                    connection, address
                ):  # whoever else took it would have no copy
                    mark_busy(connection, str(id_))
                    places.append(Place(*address[:3]))
            return found, places

        found, places = await self._records.db.write(job)
        holding.note(places)
        self._uncopied = found[-1] if len(found) == AT_ONCE else None

    async def _portion(self, after: str) -> list[Session]:
        job = functools.partial(self._records.sessions.here, where=_WAITING, bindings=(after, PORTION))
        return await self._records.db.read(job)


def _missed(sessions: Sequence[Session]) -> dict[str, str]:
    found = {}
    for session in sessions:
        if _is_gone(session.folder.inbound_db):
            found[session.id] = "inbound.db"
        elif os.path.lexists(session.folder.heartbeat) and _is_gone(session.folder.outbound_db):
            found[session.id] = "outbound.db"
    return found


def _is_gone(path: Path) -> bool:
    """By name and size alone; on a simulated disk a name has no size."""
    try:
        return os.lstat(path).st_size == 0 and sqlite.vfs is None
    except FileNotFoundError:
        return True
    except OSError:
        return False
