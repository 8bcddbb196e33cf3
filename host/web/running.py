"""What runs now: looked at once a second while anybody watches, for all who do; and the order to stop it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from host.assembly import House
from host.governance import audit, sight
from host.ports.controls import Running
from host.registry import orders
from host.registry.port import Statements
from host.registry.sessions import Session
from host.registry.whereabouts import HERE
from host.web import looks
from host.web.gate import Visitor
from host.web.others import Others
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
from sessiondb import SessionError

WATCHERS = 32  # streams at a time
WATCHERS_OF_ONE = 4  # of a visitor
PACE = 1.0  # s between two looks
QUIET = 15.0  # s after which a stream says that it is there
SLOW = 20.0  # s a watcher may take to read what it is sent


@dataclass(frozen=True, slots=True)
class Row:
    session_id: str
    agent: str
    where: str
    since: int
    status: str
    machine: str  # '' on a single one


class Now:
    """Watchers share one look; each has a bounded place, and none waits for another."""

    def __init__(self, page: Page, house: House, others: Others) -> None:
        self._page = page
        self._others = others
        self._house = house
        self._watching: list[Visitor] = []
        self._news = asyncio.Condition()
        self._seen = ""
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        page.shows("/", self._show, people=True)
        page.shows("/now/stream", self._stream)
        page.does("/stop", self._stop)

    async def close(self, _: web.Application) -> None:
        """Ends every stream: a host that stops waits for no watcher."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        async with self._news:
            self._news.notify_all()

    async def _show(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        if not self._page.is_owner(visitor):
            return web.Response(status=303, headers={"Location": "/conversations", **looks.HEADERS})
        return self._page.html("now.html", visitor, {"seen": await self._look(visitor)})

    async def _look(self, visitor: Visitor) -> dict[str, object]:
        running = await self._page.service.running(visitor.viewer)

        def job(registry: Statements) -> list[Row]:
            lie = self._others.lie(registry, [one.session_id for one in running])
            return [_row(registry, one, lie.get(one.session_id, HERE).name) for one in running]

        rows = await self._page.books.read(job)
        depth = await self._house.state.depth()
        spent = await self._page.spent(visitor)
        return {
            "running": rows,
            "share": self._others.share,
            "alive": len(self._house.supervisor.lives.running()),
            "waiting": len(self._house.supervisor.waiting()),
            "messages": depth.messages,
            "notices": depth.notices,
            "busy": depth.busy,
            "spent": spent,
            "platforms": self._house.state.connected(),
            "now": self._page.now() // 5_000 * 5_000,  # so that a look without news is the same text
        }

    # ── watching ─────────────────────────────────────────────────────────────────────────────────────────

    async def _stream(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        if len(self._watching) >= WATCHERS or self._watching.count(visitor) >= WATCHERS_OF_ONE:
            return web.Response(status=503, text="Too many are watching.", headers=looks.HEADERS)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **looks.HEADERS})
        response.headers["Cache-Control"] = "no-store"
        self._watching.append(visitor)
        try:
            await response.prepare(request)
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._keep_looking(visitor), name="page:now")
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._tell(response, request)
        finally:
            self._watching.remove(visitor)
        return response

    async def _tell(self, response: web.StreamResponse, request: web.Request) -> None:
        told = ""
        while not self._closed and self._may_watch(request):
            if self._seen != told:
                told = self._seen
                lines = "".join(f"data: {line}\n" for line in told.splitlines())
                said = f"event: now\n{lines}\n"
            else:
                said = ": still here\n\n"
            async with asyncio.timeout(SLOW):
                await response.write(said.encode("utf-8", "replace"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET), self._news:
                    await self._news.wait_for(functools.partial(self._is_new, told))

    def _may_watch(self, request: web.Request) -> bool:
        """A stream ends with its sign-in, and with its visitor's being an owner."""
        visitor = self._page.who(request)
        return visitor is not None and self._page.is_owner(visitor)

    def _is_new(self, told: str) -> bool:
        return self._closed or self._seen != told

    async def _keep_looking(self, visitor: Visitor) -> None:
        """Every visitor of the page sees the same of what runs."""
        while self._watching:
            with contextlib.suppress(SessionError):  # looked at again in a second
                seen = await self._look(visitor)
                async with self._news:
                    self._seen = self._page.looks.html("now_part.html", {"seen": seen})
                    self._news.notify_all()
            await asyncio.sleep(PACE)

    # ── stopping ─────────────────────────────────────────────────────────────────────────────────────────

    async def _stop(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        """The order that `dovecote stop` gives, obeyed at once."""
        id_, now = fields.get("session", ""), self._page.now()

        def job(connection: Statements) -> int:
            found: list[Session] = self._house.records.sessions.load(connection, "id = ?", (id_,))
            if not found:
                raise NotThere("There is no such conversation.")
            audit.record(connection, visitor.viewer, "stop", id_, now)
            return orders.put(connection, "stop", id_, now)

        number = await self._page.db.write(job)
        outcome = await self._house.ordered.orders.outcome(number)
        return {"stopped": "Stopped."}.get(outcome, "Nothing was running there.")


def _row(registry: Statements, one: Running, machine: str) -> Row:
    scope = _scope(registry, one.session_id)
    status = one.status if sight.is_common(one.address, scope) else "is working"
    where = place_of(registry, Shown(one.address, scope))
    return Row(one.session_id, one.agent, where, one.since, status, machine)


def _scope(registry: Statements, session_id: str) -> str:
    row = registry.execute("SELECT scope FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return str(row[0]) if row else ""
