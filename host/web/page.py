"""The page: who may open what, and what goes wrong in words. What there is to see is told by the views.

Every view is read on a connection of its own, in a thread: neither the loop nor the host's own queue waits for a page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from host.config import Config, Web
from host.config.settings import Settings
from host.controls import spending
from host.controls.service import Service
from host.gateway.budget import day_of
from host.governance import access, sight, words
from host.governance.access import LOCAL
from host.governance.sight import Sight
from host.ports.bot import Bots
from host.ports.controls import Forbidden, Spent
from host.ports.events import Viewer
from host.ports.people import SignInError, SignsIn
from host.ports.strangers import Few
from host.registry.db import open_registry
from host.registry.port import Registry, Statements
from host.web import gate, looks
from host.web.eyes import Eyes, Seen, known
from host.web.gate import Gate, Refused, Visitor
from host.web.installing import Installing
from host.web.looks import Looks
from host.web.places import Shown
from host.web.signins import SignIns
from sessiondb import SessionError

T = TypeVar("T")
READERS = 2  # views that are read at a time
FRESH = 300_000  # ms for which what the platform said of somebody's roles counts
LONGEST_ANSWER = 5.0  # s it has to say it again
LONGEST_PATH = 2_000  # characters

log = logging.getLogger(__name__)


class NotThere(Exception):
    """There is no such thing for the visitor."""


class Books:
    """host.db and the sessions' files, to read beside the host."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self._places = asyncio.Semaphore(READERS)

    async def read(self, job: Callable[[Statements], T]) -> T:
        """Raises what the job raises, `sessiondb.SessionError`."""
        async with self._places:
            return await asyncio.to_thread(self._read, job)

    def _read(self, job: Callable[[Statements], T]) -> T:
        registry = open_registry(self.data)
        try:
            return job(registry)
        finally:
            registry.close()


Show = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]
Do = Callable[
    [web.Request, Visitor, Mapping[str, str]], Awaitable[str]
]  # a form; returns what is said about it


class Page:
    """What views are made with: whose page it is, how it looks, and where a form's visitor lands."""

    def __init__(
        self, settings: Settings, db: Registry, service: Service, bots: Bots, now: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._bots = bots
        self.db = db
        self.service = service
        self.now = now
        self.eyes = Eyes(bots)
        self.books = Books(Path(settings.config.data))
        self.gate = Gate(db)
        self.looks = Looks(settings.config.host.zone)
        web_ = settings.config.web or Web()
        self._public_url = web_.public_url
        self._sign_ins = SignIns(self, bots, web_.public_url, now)
        self._installing = Installing(self, bots, web_.public_url)
        self._routes: list[web.RouteDef] = []
        self._few = Few(log)

    @property
    def config(self) -> Config:
        """The one in force."""
        return self._settings.config

    def is_owner(self, visitor: Visitor) -> bool:
        """Of all that there is: an owner of one workspace alone has of the page what its people have."""
        viewer = visitor.viewer
        all_of_it = access.owns_all(self.config.access, viewer.address, viewer.author.id)
        return all_of_it and self.service.is_owner(viewer)

    async def sees(self, visitor: Visitor, places: Collection[Shown] | None = None) -> Seen:
        """What of these places they may read now; None: of all that there are on their platform."""
        home = visitor.viewer.address[:2]
        asked = await self.books.read(lambda registry: known(registry, *home)) if places is None else places
        return await self.eyes.of(visitor, asked, owner=self.is_owner(visitor))

    async def spent(self, visitor: Visitor) -> Spent:
        """Beside the host's own queue: on a large one it is a walk over a month."""
        day = day_of(self.now(), words.zone_of("", self.config.host.zone))
        everything = Sight(self.is_owner(visitor), ())
        return await self.books.read(
            lambda registry: spending.of(registry, self.config, visitor.viewer, everything, day)
        )

    async def permit(self, viewer: Viewer) -> None:
        """Raises `Forbidden` for somebody whom no agent would answer."""
        if viewer.address.channel_type != LOCAL:
            await self.db.read(lambda connection: sight.of(connection, self.config.access, viewer))

    async def _is_still(self, visitor: Visitor) -> None:
        """Roles are given and taken while somebody is signed in; owners are named by the configuration. Raises `SignInError`."""
        viewer, now = visitor.viewer, self.now()
        bot = self._bots.get(viewer.address.channel_type)
        if now - visitor.as_of < FRESH or self.is_owner(visitor) or not isinstance(bot, SignsIn):
            return
        try:
            async with asyncio.timeout(LONGEST_ANSWER):
                visitor.viewer = await bot.as_now(viewer.address, viewer.author.id)
        except TimeoutError as error:
            raise SignInError("Your platform does not say who you are right now; try again.") from error
        visitor.as_of = now

    def shows(self, path: str, show: Show, *, people: bool = False) -> None:
        """A page for owners; with `people`, for whoever is signed in."""

        async def answer(request: web.Request, visitor: Visitor) -> web.StreamResponse:
            return await show(request, visitor)

        self._routes.append(web.get(path, self._guarded(answer, people=people)))

    def does(self, path: str, do: Do, *, people: bool = False) -> None:
        """A form, for those for whom a page is: it is taken once it is proven to be theirs, and leads back to where it stood."""

        async def answer(request: web.Request, visitor: Visitor) -> web.StreamResponse:
            return await self._done(request, visitor, do)

        self._routes.append(web.post(path, self._guarded(answer, people=people)))

    def who(self, request: web.Request) -> Visitor | None:
        return self.gate.visitor(request, self.now(), secure=self._by_tls(request))

    def _by_tls(self, request: web.Request) -> bool:
        return request.secure or gate.is_public(request, self._public_url)

    def _guarded(
        self, answer: Show, *, people: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            visitor = self.who(request)
            if visitor is None:
                problem = "You are not signed in, or no longer."
                return self.plain(request, "enter.html", 401, token="", problem=problem)
            try:
                await self._is_still(visitor)
                await self.permit(visitor.viewer)
            except SignInError as error:  # asked again at the next page
                return self.plain(request, "enter.html", 401, token="", problem=str(error))
            except Forbidden as error:  # an owner decided so since they signed in
                self.gate.end(visitor.id)
                return self.plain(request, "enter.html", 401, token="", problem=str(error))
            if not people and not self.is_owner(visitor):
                return self._problem(visitor, 403, "That is for owners.")
            return await self._in_words(answer(request, visitor), visitor)

        return handler

    def serve(self, app: web.Application) -> None:
        app.router.add_get("/static/{name}", self._file)
        app.router.add_get("/enter", self._door)
        app.router.add_post("/enter", self._enter)
        self.does("/leave", self._leave, people=True)
        self._sign_ins.serve(app)
        self._installing.serve(app)
        app.router.add_routes(self._routes)

    def html(
        self, template: str, visitor: Visitor, values: Mapping[str, object], status: int = 200
    ) -> web.Response:
        """What a visitor was to be told is told with it."""
        told, visitor.told = visitor.told, []
        person = {"who": visitor.viewer.author.name, "owner": self.is_owner(visitor)}
        kept = {**values, **person, "csrf": visitor.token, "told": told}
        return self._headed(self.looks.html(template, {**kept, "now": self.now()}), status)

    # ── in and out ───────────────────────────────────────────────────────────────────────────────────────

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self.looks.file(request.match_info["name"])

    async def _door(self, request: web.Request) -> web.StreamResponse:
        """A link alone changes nothing: whatever fetches it beforehand uses it up for nobody."""
        return self.plain(request, "enter.html", 200, token=request.query.get("token", ""), problem="")

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        try:
            fields = await gate.form(request)
            cookie = await self.gate.enter(fields.get("token", ""), self.now())
        except Refused as error:
            return self.plain(request, "enter.html", 403, token="", problem=str(error))
        if not cookie:
            problem = "This link is used up or too old."
            said = {"action": "page_refused"}
            self._few.say(logging.WARNING, "A link to the page was refused", extra=said)
            return self.plain(request, "enter.html", 403, token="", problem=problem)
        log.info("Somebody signed in to the page", extra={"action": "page_entered"})
        response = _to("/")
        gate.keep(response, gate.COOKIE, cookie, gate.STAYS, secure=self._by_tls(request))
        return response

    async def _leave(self, _: web.Request, visitor: Visitor, __: Mapping[str, str]) -> str:
        self.gate.end(visitor.id)
        return ""

    # ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────

    async def _done(self, request: web.Request, visitor: Visitor, do: Do) -> web.StreamResponse:
        fields = await gate.form(request)
        if not gate.is_theirs(visitor, fields):
            raise Refused("This form is out of date. Load the page again.")
        try:
            said = await do(request, visitor, fields)
        except Forbidden as error:
            said = str(error)
        if said:
            visitor.told.append(said)
        return _to(_back(fields.get("back", "")))

    async def _in_words(self, answer: Awaitable[web.StreamResponse], visitor: Visitor) -> web.StreamResponse:
        try:
            return await answer
        except Refused as error:
            return self._problem(visitor, 403, str(error))
        except Forbidden as error:
            return self._problem(visitor, 404, str(error))
        except NotThere as error:
            return self._problem(visitor, 404, str(error))
        except SessionError as error:
            log.warning("A page could not be read: %s", error, extra={"action": "page_unread"})
            return self._problem(visitor, 503, "The records cannot be read right now; try again in a minute.")

    def _problem(self, visitor: Visitor, status: int, problem: str) -> web.Response:
        return self.html("problem.html", visitor, {"problem": problem}, status)

    def plain(self, request: web.Request, template: str, status: int, **values: object) -> web.Response:
        """For somebody who is not inside."""
        return self._headed(
            self.looks.html(template, {**values, "ways": self._sign_ins.ways(request)}), status
        )

    def _headed(self, html: str, status: int) -> web.Response:
        return web.Response(text=html, content_type="text/html", status=status, headers=looks.HEADERS)


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, **looks.HEADERS})


def _back(path: str) -> str:
    """A page of ours and no other site's: "//elsewhere" and "/\\elsewhere" name one."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and len(path) <= LONGEST_PATH
    return path if ours and path.isprintable() and path.isascii() else "/"
