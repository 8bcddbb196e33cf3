"""What a node that stands by takes in for the one that serves, on a connection of its own (`taking_in`)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any

import psycopg

from host.folders.disk import Disk
from host.ports.bot import HostBusy, Payload
from host.registry import telling
from host.registry.leases import QUICK, Connection
from host.registry.postgresql import MOVING, connect
from host.registry.taking_in import CHANNEL
from sessiondb.errors import SessionError

ANSWER_WITHIN = 2.5  # s; platforms wait three
LOOK = 0.05  # s between two looks for an answer

_KEEP = f"""
INSERT INTO taken_in (platform, kind, payload, again, waits, taken_at)
SELECT %(platform)s, %(kind)s, %(payload)s, %(again)s, %(waits)s, ms_now()
WHERE NOT EXISTS (SELECT FROM meta WHERE key = '{MOVING}') RETURNING id
"""
_FETCH = "DELETE FROM taken_in WHERE id = %(id)s AND answer IS NOT NULL RETURNING answer"
_WITHDRAW = "DELETE FROM taken_in WHERE id = %(id)s AND begun_at = 0"


class Keeper:
    """Raises `HostBusy` for what is not to be acknowledged."""

    def __init__(self, url: str, disk: Disk) -> None:
        self._url = url
        self._disk = disk
        self._connection: Connection | None = None
        self._alone = threading.Lock()

    async def keep(self, platform: str, payload: Payload) -> Mapping[str, Any]:
        """Once it is durable, and dealt with if its platform waits for that; what it is to be acknowledged with."""
        values = {
            "platform": platform,
            "kind": payload.kind,
            "payload": json.dumps(payload.body),
            "again": int(payload.again),
            "waits": int(payload.waits),
        }
        kept = await self._disk.run(self._said, _KEEP, values)
        if not kept:
            raise HostBusy("the records are being moved, and nobody would deal with it")
        [(id_,)] = kept
        await self._disk.run(self._tell)
        return await self._answer(int(id_)) if payload.waits else {}

    async def _answer(self, id_: int) -> Mapping[str, Any]:
        until = asyncio.get_running_loop().time() + ANSWER_WITHIN
        while not (found := await self._disk.run(self._said, _FETCH, {"id": id_})):
            if asyncio.get_running_loop().time() > until:
                await self._disk.run(self._said, _WITHDRAW, {"id": id_})
                raise HostBusy("the node that serves has not answered in time")
            await asyncio.sleep(LOOK)
        answer: Mapping[str, Any] = json.loads(found[0][0])
        return answer

    async def close(self) -> None:
        await self._disk.run(self._close)

    def _said(self, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self._alone:
            try:
                if self._connection is None:
                    self._connection = connect(self._url)
                    self._connection.execute(QUICK)
                    self._connection.execute("SET default_transaction_isolation = 'read committed'")
                cursor = self._connection.execute(sql.encode(), values)
                return cursor.fetchall() if cursor.description else []
            except (SessionError, psycopg.Error) as error:
                self._close()
                raise HostBusy(str(error)) from error

    def _tell(self) -> None:
        """Once it is durable, and not by that commit."""
        with self._alone:
            if self._connection is not None:
                telling.tell(self._connection, [CHANNEL])
                if self._connection.closed:
                    self._connection = None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
