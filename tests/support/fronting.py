"""A server that speaks TLS before the page, and a platform's page for signing in: two sites for a real browser."""

from __future__ import annotations

from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.fakes.certificates import CertificateAuthority
from tests.support.browsing import PUBLIC

NOT_PASSED_ON = ("Transfer-Encoding", "Content-Length", "Connection", "Content-Encoding")


class Front:
    """Passes on what comes for the public name, with the name as it came; answers by itself for memory.example."""

    code = "good"

    def __init__(self) -> None:
        self.address = ""
        self.last_back = ""
        self._target = ""
        self._platform = ""
        self._client: aiohttp.ClientSession | None = None
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    def leads_to(self, target: str, platform: str) -> None:
        self._target, self._platform = target, platform

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        context = CertificateAuthority("A front").server_context("dovecote.example.com")
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = aiohttp.ClientSession(auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.host == "memory.example":
            return self._back(request)
        assert self._client is not None
        url = URL(f"{self._target}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        sent = self._client.request(
            request.method, url, headers=headers, data=await request.read(), allow_redirects=False
        )
        async with sent as answer:
            body = await answer.read()
            passed = [(name, value) for name, value in answer.headers.items() if name not in NOT_PASSED_ON]
            response = web.Response(status=answer.status, body=body)
            response.headers.clear()
            for name, value in passed:
                response.headers.add(name, value)
            return response

    def _back(self, request: web.Request) -> web.Response:
        """Whoever is asked says yes."""
        state = request.query.get("state", "")
        self.last_back = f"{PUBLIC}/signin/{self._platform}/back?code={self.code}&state={state}"
        return web.Response(status=302, headers={"Location": self.last_back})
