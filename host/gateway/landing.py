"""Where a person comes back to after a sign-in: a port of this machine's loopback, or the address of that page, pasted.

What counts is that it carries this sign-in's state; anything else is as if nobody had come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from host.intake.pages import PATH
from host.ports.door import UNPACKS

THANKS = "<!doctype html><title>Dovecote</title><p>Thank you. You can close this page."
STRANGER = "<!doctype html><title>Dovecote</title><p>This sign-in is not known here, or over."


class SignInFailed(Exception):
    """The text says why, for people."""


class Landing:
    """`show` puts the link before the person."""

    def __init__(self, show: Callable[[str], Awaitable[None]]) -> None:
        self._show = show
        self._state = ""
        self._came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self.redirect_uri = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(PATH, self._visited)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=UNPACKS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.redirect_uri = f"http://127.0.0.1:{port}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._came.cancel()
        await self._runner.cleanup()

    async def shown(self, url: str) -> None:
        self._state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        await self._show(url)

    async def result(self) -> dict[str, str]:
        """`code`, `state` and perhaps `iss`. Raises `SignInFailed`."""
        found = await self._came
        if "code" not in found:
            raise SignInFailed(f"it was not agreed to ({found.get('error', 'no reason')[:60]})")
        return {name: found[name] for name in ("code", "state", "iss") if name in found}

    def arrived(self, address: str) -> bool:
        """Whether the address is that of this sign-in's landing page; once more the same changes nothing."""
        told = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        if not self._state or told.get("state") != self._state or self._came.cancelled():
            return False
        if self._came.done():
            return self._came.result() == told
        self._came.set_result(told)
        return True

    async def _visited(self, request: web.Request) -> web.Response:
        known = self.arrived(str(request.url))
        return web.Response(
            text=THANKS if known else STRANGER, content_type="text/html", status=200 if known else 404
        )
