"""An internet whose hosts are servers of the test on loopback: names, their public addresses, who listens there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.fakes.certificates import CertificateAuthority

PUBLIC = "93.184.215.14"
GRACE = 0.1  # s for requests under way when it stops


class FakeInternet:
    """`names` says what a name resolves to; only an address in `listening` can be reached, at that local port."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.listening: dict[str, int] = {}
        self.resolved: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    async def addresses(self, host: str) -> Sequence[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise OSError(f"no such name: {host}")
        return self.names[host]

    async def dial(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.dialled.append((address, port))
        if address not in self.listening:
            raise ConnectionRefusedError(address)
        return await asyncio.open_connection("127.0.0.1", self.listening[address])


class Website:
    """An HTTPS server of one name: says hello, tells what was posted, remembers the requests."""

    def __init__(self, name: str, internet: FakeInternet, address: str = PUBLIC) -> None:
        self.name = name
        self.authority = CertificateAuthority("Authority of the fake internet")
        self.paths: list[str] = []
        self._internet = internet
        self._address = address
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        context: ssl.SSLContext = self.authority.server_context(self.name)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self._internet.names[self.name] = [self._address]
        self._internet.listening[self._address] = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        posted = await request.read()
        return web.Response(text=f"hello from {self.name}, {len(posted)} bytes came")
