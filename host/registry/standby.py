"""A node that stands by: on one connection it shows that it is there, looks whether it may serve, and hears when it may."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import psycopg

from host.folders.disk import Disk
from host.registry import leases, packs, parting
from host.registry.hints import heard, listening
from host.registry.leases import Connection
from host.registry.nodes import Node
from host.registry.postgresql import Session, translated
from host.registry.statements import Statements
from sessiondb.errors import SessionError

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK = 1.0  # s between two looks: poll is the truth, what is told only a hint (law 3)


class Standby:
    def __init__(self, url: str, node: Node, disk: Disk, *, among_others: bool) -> None:
        self._url = url
        self._node = node
        self._right = leases.SERVES if among_others else leases.LEADS
        self._disk = disk
        self._connection: Connection | None = None
        self._making = threading.Lock()

    async def is_time(self, stopping: asyncio.Event) -> bool:
        """Whether to try and serve: at once when the lease was given back, else after a look. A database that does not answer
        has nothing to serve from yet."""
        if self._connection is None and await self._disk.run(self._look):
            return True
        hint = asyncio.Event()
        with heard(self._connection, hint):
            waiting = [asyncio.create_task(one.wait()) for one in (hint, stopping)]
            try:
                await asyncio.wait(waiting, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waiting:
                    one.cancel()
        return not stopping.is_set() and await self._disk.run(self._look)

    async def elsewhere(self, ids: Sequence[str]) -> list[str]:
        """Those of the conversations whose files are another node's by now. Raises `SessionError`."""
        return await self._disk.run(self._elsewhere, list(ids))

    async def to_forget(self) -> Sequence[tuple[str, Mapping[str, bool]]]:
        """By a mark: conversations of which nothing is to lie here, and whether their work goes, too. Raises `SessionError`."""
        return await self._disk.run(self._job, functools.partial(parting.lists_of, node=self._node.id))

    async def carried_out(self, mark: str) -> None:
        """Raises `SessionError`."""
        await self._disk.run(self._job, functools.partial(parting.carried_out, node=self._node.id, mark=mark))

    async def forgotten(self) -> Sequence[str]:
        """Places of folders of which nothing is to lie here any more. Raises `SessionError`."""
        return await self._disk.run(self._job, functools.partial(packs.forgotten, node=self._node.id))

    async def close(self) -> None:
        await self._disk.run(self._close)

    def _look(self) -> bool:
        try:
            connection = self._at_hand()
            leases.show(connection, self._node)
            return leases.is_free(connection, self._node, self._right)
        except psycopg.errors.SerializationFailure:
            return False
        except (SessionError, psycopg.Error) as error:
            log.warning("Standing by without a database: %s", error, extra={"action": "standby_blind"})
            self._close()
            return False

    def _at_hand(self) -> Connection:
        with self._making:
            if self._connection is None:
                self._connection = listening(self._url, leases.CHANNEL)
            return self._connection

    def _elsewhere(self, ids: list[str]) -> list[str]:
        sql = "SELECT id FROM sessions WHERE id = ANY(%s) AND node NOT IN ('', %s)"
        with translated():
            return [str(id_) for (id_,) in self._at_hand().execute(sql, (ids, self._node.id)).fetchall()]

    def _job(self, job: Callable[[Statements], T]) -> T:
        with translated():
            return job(Session(self._at_hand()))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
