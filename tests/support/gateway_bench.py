"""What the gateway's tests stand on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from host.config import Config
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.gateway.budget import Budgets
from host.gateway.credentials import Credentials, EnvironmentCredentials
from host.gateway.fields import Fields
from host.gateway.server import Gateway, Ways
from host.mailbox.open import Mailboxes
from host.ports.stations import Stations
from host.registry.db import HostDB
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions, upsert
from sessiondb.records import Address
from tests.fakes.internet import FakeInternet
from tests.fakes.model_api import FakeModelAPI

DAY = 86_400_000  # ms
NOON = 1_790_000_000_000  # some noon or other, in ms UTC
ROWS = "SELECT agent, model, input_tokens, output_tokens, cost, estimated FROM usage ORDER BY id"


class GatewayBench:
    """`now` is the host's clock, to be moved at will."""

    def __init__(self, api: FakeModelAPI, data: Path) -> None:
        self.api = api
        self.data = data
        self.now = NOON
        self.agent = "default"
        self.internet = FakeInternet()
        self.credentials: Credentials | None = None
        self._disk = ThreadDisk()
        self._clients: list[anthropic.AsyncAnthropic] = []
        self.gateway: Gateway
        self.db: HostDB
        self.registry: Sessions
        self.mailboxes: Mailboxes

    async def start(
        self, *, key: str | None = None, model: dict[str, Any] | None = None, **agent: Any
    ) -> None:
        config = Config.model_validate(
            {
                "data": str(self.data),
                "model": {"base_url": self.api.base_url, "budget_usd_per_day": math.inf, **(model or {})},
                "routes": [{"agent": self.agent}],
                "agents": {self.agent: {"provider": "claude", "model": "claude-opus-5-5", **agent}},
            }
        )
        self.settings = settings = Settings(config)
        self.db = await HostDB.open(self.data / "host.db", self._disk)
        self.registry = Sessions(self.data)
        self.mailboxes = Mailboxes(self._disk, self.db, lambda: self.now)
        self.budgets = Budgets(settings, self.db, lambda: self.now, lambda: None)
        self.unsettled = await self.budgets.charge_unsettled()
        credentials = self.credentials or EnvironmentCredentials(
            {"ANTHROPIC_API_KEY": self.api.key if key is None else key}
        )
        fields = Fields(config.model.base_url, self.db, lambda: self.now)
        self.gateway = Gateway(
            settings,
            self.mailboxes,
            self.budgets,
            credentials,
            fields,
            Stations(lambda: self.now),
            Ways(self.internet),
        )

    async def session(self, thread: str = "1") -> Session:
        address = Address("memory", "w", "c", thread)
        id_ = await self.db.write(lambda c: upsert(c, self.agent, address, "scope", self.now))
        [session] = await self.db.read(lambda c: self.registry.load(c, "id = ?", (id_,)))
        await self.mailboxes.use(session, lambda writer: writer.next_due_at())  # makes its folder
        await self.gateway.open(session, self.settings.config)
        return session

    async def client(self, thread: str = "1") -> anthropic.AsyncAnthropic:
        """The SDK as a runner uses it: by the session's socket, with a key that is worth nothing."""
        session = await self.session(thread)
        client = anthropic.AsyncAnthropic(
            api_key="dovecote",
            base_url="http://gateway",
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(
                transport=httpx2.AsyncHTTPTransport(uds=str(session.folder.gateway_socket))
            ),
        )
        self._clients.append(client)
        return client

    async def raw(self, session: Session) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url="http://gateway",
            transport=httpx2.AsyncHTTPTransport(uds=str(session.folder.gateway_socket)),
        )

    async def usage(self) -> list[tuple[Any, ...]]:
        return await self.rows(ROWS)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """After every settlement that is under way."""
        await self.gateway.settled()

        def job(connection: Statements) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return await self.db.read(job)

    async def stop(self) -> None:
        for client in self._clients:
            await client.close()
        await self.gateway.stop()
        await self.mailboxes.close()
        await self.db.close()
        self._disk.close()
