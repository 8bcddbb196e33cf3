"""The queue: conversations with something to do, and what ended without an answer, with what can be done about either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from host.controls import queue
from host.controls.queue import Failed, Queue
from host.ports.bot import HostBusy
from host.ports.controls import Forbidden
from host.registry import installs
from host.registry.port import Statements
from host.web.gate import Visitor
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of, where
from host.words import as_it_is
from sessiondb.records import Address

PER_PAGE = 50
DONE = {"": "", "retried": "asked once more"}


@dataclass(frozen=True, slots=True)
class Waiting:
    id: str
    where: str
    since: int
    starts: int  # that failed in a row


class Queued:
    def __init__(self, page: Page, orders: Queue) -> None:
        self._page = page
        self._orders = orders
        page.shows("/failures", self._show)
        page.does("/failures", self._order)

    async def _show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        before, after = _number(request.query.get("before", "")), request.query.get("after", "")

        def job(registry: Statements) -> dict[str, object]:
            found, older = queue.failed(registry, before, PER_PAGE)
            listed: list[tuple[Failed, str]] = [(one, where(registry, one.address)) for one in found]
            waiting = _waiting(registry, after)
            more = waiting[PER_PAGE - 1].id if len(waiting) > PER_PAGE else ""
            gone = installs.gone(registry, self._page.now())
            return {
                "gone": gone,
                "failures": listed,
                "older": older,
                "waiting": waiting[:PER_PAGE],
                "more": more,
            }

        values = await self._page.books.read(job)
        return self._page.html("failures.html", visitor, {**values, "done": DONE})

    async def _order(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        ways = {"retry": self._orders.retry, "put_by": self._orders.put_by, "discard": self._orders.discard}
        way = ways.get(fields.get("order", ""))
        if way is None:
            raise NotThere("There is no such order.")
        try:
            return await way(visitor.viewer, fields.get("about", "")[:100])
        except HostBusy as error:
            raise Forbidden(
                as_it_is("The host cannot take that in right now; try again in a minute.")
            ) from error


def _waiting(registry: Statements, after: str) -> Sequence[Waiting]:
    """By their ids, beyond one: the index of those that are busy is as short as they are few."""
    found = registry.execute(_BUSY, (after[:100], PER_PAGE + 1)).fetchall()
    return [
        Waiting(
            str(id_), place_of(registry, Shown(Address(*map(str, place)), str(scope))), int(at), int(starts)
        )
        for id_, at, starts, scope, *place in found
    ]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


_BUSY = (
    "SELECT id, active_at, start_failures, scope, channel_type, workspace_id, platform_id, thread_id FROM sessions"
    " WHERE busy = 1 AND id > ? ORDER BY id LIMIT ?"
)
