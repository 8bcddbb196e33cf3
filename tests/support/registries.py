"""Nodes of one database, for what is tried with no more of a host than its registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from host.folders.disk import ThreadDisk
from host.registry.nodes import Node
from host.registry.port import Registry
from sessiondb.errors import SessionError
from tests.support.postgres import Server


class Nodes:
    """Of one database, each with a connection of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.database()
        self.lost: list[SessionError] = []
        self._disk = ThreadDisk()
        self._open: list[Registry] = []

    async def open(self, node: Node, *labels: str, among_others: bool = True) -> Registry:
        from host.registry.postgresql import PostgreSQL  # an extra's, where there is one

        opened = await PostgreSQL.open(
            self.url,
            self._disk,
            self.lost.append,
            node,
            lambda: None,
            among_others=among_others,
            labels=labels,
        )
        self._open.append(opened)
        return opened

    def says(self, sql: str) -> str:
        return self.server.says(self.url, sql)

    def over(self, node: Node) -> None:
        """It has not been heard of for long enough."""
        self.says(f"UPDATE serving_until SET until = 1 WHERE node = '{node.id}' RETURNING 1")

    async def close(self) -> None:
        for one in self._open:
            await one.close()


@asynccontextmanager
async def without_beats(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    """None of them renews its lease, or ends another, before the test says so."""
    from host.registry import leases  # an extra's, where there is one

    monkeypatch.setattr(leases, "BEAT", 3_600.0)
    made = Nodes(server)
    yield made
    await made.close()
