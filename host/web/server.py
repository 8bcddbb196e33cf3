"""The server: probes, figures, and the page. On loopback unless told otherwise; the page alone shows what people said."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from host.assembly import House, Parts
from host.config import Web
from host.config.settings import Settings
from host.ports.bot import Bots
from host.ports.door import Door, Handler
from host.registry import links
from host.web.agents import Agents
from host.web.conversations import Conversations
from host.web.health import Health
from host.web.inside import Inside
from host.web.money import Money
from host.web.others import Others
from host.web.owners import Owners
from host.web.page import Page
from host.web.queue import Queued
from host.web.running import Now
from host.web.search import Search
from host.web.tasks import Scheduled
from sessiondb import SessionError

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - listened on, and no name to be called by

log = logging.getLogger(__name__)


class WebError(Exception):
    """The page cannot be served; the text says why."""


class WebServer:
    """`port` is the one it is bound to, once started."""

    def __init__(self, settings: Settings, house: House, bots: Bots, parts: Parts) -> None:
        now, look = parts.now, parts.look
        self._config = settings.config.web or Web()
        self._state = house.state
        self._db = house.records.db
        self._page = Page(settings, self._db, house.service, bots, now)
        self._public = urlsplit(self._config.public_url).hostname
        others = Others(self._page, house.records)
        self._now = Now(self._page, house, others)
        Conversations(self._page, others)
        Scheduled(self._page, others)
        Money(self._page)
        Owners(self._page, house.ordered.reloading)
        Queued(self._page, house.service.queue)
        Agents(self._page, others, house.ordered.pausing, house.records)
        Health(self._page, others, house.state, bots, look)
        Inside(self._page)
        Search(self._page, others, house.upkeep.feeding)
        self._door: Door | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises `WebError` when the address cannot be had."""
        app = web.Application(middlewares=[self._named_rightly])
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthy)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/readyz/{platform}", self._ready)
        self._page.serve(app)
        app.on_shutdown.append(self._now.close)
        self._door = Door(app)
        try:
            await self._door.open(self._config.listen, self._config.port)
        except OSError as error:
            where = f"{self._config.listen}:{self._config.port}"
            raise WebError(f"web cannot listen on {where}: {error.strerror or error}") from error
        self.port = self._door.address[1]
        await self._db.write(lambda connection: links.serve(connection, self.address, self._db.holding.node))
        log.info(
            "The page, figures and probes on %s: `dovecote page` prints a link that signs you in",
            self.address,
            extra={"action": "web_listens", "port": self.port},
        )

    @property
    def address(self) -> str:
        """What a browser on this machine calls it."""
        everywhere = self._config.listen in EVERYWHERE
        name = "127.0.0.1" if everywhere else self._config.listen
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    async def stop(self) -> None:
        if self._door is not None:
            await self._door.close()

    @web.middleware
    async def _named_rightly(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A page in somebody's browser that has a name of its own resolved to this machine is none of ours."""
        name = _name_of(request)
        ours = name in ("localhost", self._public, *self._config.hosts)
        if not name or not (ours or _is_address(name)):
            return web.json_response({"error": "this name is not served here"}, status=421)
        response = await handler(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def _metrics(self, _: web.Request) -> web.Response:
        try:
            await self._state.measure()
        except SessionError as error:
            log.warning("The figures are not complete: %s", error, extra={"action": "measure_failed"})
        # The library's own type names a charset, which aiohttp wants apart.
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthy(self, _: web.Request) -> web.Response:
        """Whether a new start would do good."""
        age = await asyncio.to_thread(self._state.swept)
        problem = self._state.unwell(age)
        told = {"healthy": not problem, "problem": problem, "last_sweep": age if age < math.inf else None}
        return web.json_response(told, status=503 if problem else 200)

    async def _ready(self, request: web.Request) -> web.Response:
        """Whether people are heard: on every platform, or on the one that is named."""
        connected = self._state.connected()
        wanted = request.match_info.get("platform", "")
        if wanted and wanted not in connected:
            return web.json_response({"error": f"{wanted} does not run here"}, status=404)
        looked_at = {wanted: connected[wanted]} if wanted else connected
        ready = all(looked_at.values())
        return web.json_response({"ready": ready, "platforms": looked_at}, status=200 if ready else 503)


def _name_of(request: web.Request) -> str:
    """What the request calls this host; '' for what is no name at all."""
    try:
        return request.url.host or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
