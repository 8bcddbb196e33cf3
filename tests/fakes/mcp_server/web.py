"""The same server as one name of the fake internet offers it: HTTPS, streamable HTTP at /mcp."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Self

import uvicorn

from tests.fakes.certificates import CertificateAuthority
from tests.fakes.internet import PUBLIC, FakeInternet
from tests.fakes.mcp_server.serve import server


class MCPWebsite:
    def __init__(self, name: str, internet: FakeInternet) -> None:
        self.url = f"https://{name}/mcp"
        self.authority = CertificateAuthority("Authority of the fake internet")
        app = server().streamable_http_app(host=name)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        config.load()
        config.ssl = self.authority.server_context(name)
        self._server = uvicorn.Server(config)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        internet.names[name] = [PUBLIC]
        internet.listening[PUBLIC] = self._socket.getsockname()[1]

    async def __aenter__(self) -> Self:
        self._socket.listen()
        self._task = asyncio.create_task(self._server._serve([self._socket]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        await self._task
        self._socket.close()
