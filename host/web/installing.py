"""Installing a platform's app in a workspace: two pages for whoever may do that there, by the public name alone.

The bot decides whether it may; nobody gets inside by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from aiohttp import web

from host.ports.bot import Bots
from host.ports.installs import TakesInstalls
from host.ports.strangers import Few
from host.web import gate, looks

log = logging.getLogger(__name__)

AT_A_TIME = 4  # steps; each is a commit, and the last asks the platform
LONGEST_QUERY = 4_000  # characters
Step = Literal["install", "oauth_redirect"]


class House(Protocol):
    def plain(self, request: web.Request, template: str, status: int, **values: object) -> web.Response: ...


class Installing:
    def __init__(self, page: House, bots: Bots, public_url: str) -> None:
        self._page = page
        self._bots = bots
        self._url = public_url
        self._steps = asyncio.Semaphore(AT_A_TIME)
        self._few = Few(log)

    def serve(self, app: web.Application) -> None:
        for platform, bot in self._bots.by_platform.items():
            if isinstance(bot, TakesInstalls):
                app.router.add_get(f"/{platform}/install", self._step(bot, "install"))
                app.router.add_get(f"/{platform}/oauth_redirect", self._step(bot, "oauth_redirect"))

    def _step(self, bot: TakesInstalls, step: Step) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not gate.is_public(request, self._url):
                return self._said(
                    request, 404, f"An app is installed at {self._url or 'web.public_url'} alone."
                )
            if len(request.query_string) > LONGEST_QUERY:
                return self._said(request, 400, "This is no answer of an installation.")
            async with self._steps:
                reply = await bot.install(step, request.query_string, request.headers.get("Cookie", ""))
            if reply.location:
                response = web.Response(status=303, headers={**looks.HEADERS, "Location": reply.location})
            else:
                if reply.status >= 400:
                    said = {"action": "install_step_refused"}
                    self._few.say(logging.WARNING, "An installation ended: %s", reply.text, extra=said)
                response = self._said(request, reply.status, reply.text)
            if reply.cookie:
                response.headers["Set-Cookie"] = reply.cookie
            return response

        return answer

    def _said(self, request: web.Request, status: int, text: str) -> web.Response:
        return self._page.plain(request, "installing.html", status, text=text, well=status < 400)
