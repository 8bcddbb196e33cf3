"""Conversations: a list of all, and what happened in one. Of private ones the figures are shown and the words are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from host.controls import conversations
from host.controls.conversations import Row
from host.governance import sight
from host.registry.port import Statements
from host.web import looks, timeline
from host.web.gate import Visitor
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
from host.web.timeline import Told
from sessiondb.records import Address

PER_PAGE = 100
GONE = "There is no such conversation."
PRIVATE = "What was said there is for those alone who are in it."


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    agent: str
    where: str
    title: str
    readable: bool
    active_at: int
    state: str
    problem: str
    cost: int  # millionths of a dollar, of all time that is kept


@dataclass(frozen=True, slots=True)
class One:
    id: str
    agent: str
    where: str
    readable: bool
    cost: int
    tokens: int
    active_at: int


class Conversations:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.shows("/conversations", self._list)
        page.shows("/conversations/{id}", self._one)
        page.shows("/conversations/{id}/{seq:[0-9]{1,18}}", self._whole)

    async def _list(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        number = _number(request.query.get("page", "1"), 1)
        listed, total = await self._page.books.read(lambda registry: self._listed(registry, number))
        values = {"listed": listed, "total": total, "page": number, "pages": -(-total // PER_PAGE) or 1}
        return self._page.html("conversations.html", visitor, values)

    def _listed(self, registry: Statements, number: int) -> tuple[list[Listed], int]:
        rows = conversations.latest(
            registry, self._page.books.data, PER_PAGE, (number - 1) * PER_PAGE, runs=True
        )
        row = registry.execute("SELECT count(*) FROM sessions").fetchone()
        return [_listed(registry, row) for row in rows], int(str(row[0])) if row else 0

    async def _one(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        id_, before = request.match_info["id"], _number(request.query.get("before", "0"), 0)
        one, told = await self._page.books.read(lambda registry: self._told(registry, id_, before))
        return self._page.html("conversation.html", visitor, {"one": one, "story": told, "private": PRIVATE})

    def _told(self, registry: Statements, id_: str, before: int) -> tuple[One, Told]:
        one = _found(registry, id_)
        folder = self._page.books.data / "sessions" / one.id
        return one, timeline.told(registry, folder, one.id, before, readable=one.readable)

    async def _whole(self, request: web.Request, _: Visitor) -> web.StreamResponse:
        """As text and nothing else, whatever is in it."""
        id_, seq = request.match_info["id"], int(request.match_info["seq"])

        def job(registry: Statements) -> str:
            one = _found(registry, id_)
            return timeline.whole(self._page.books.data / "sessions" / one.id, seq) if one.readable else ""

        text = await self._page.books.read(job)
        if not text:
            raise NotThere("There is no such message.")
        response = web.Response(body=text.encode("utf-8", "replace"), headers=looks.HEADERS)
        response.content_type, response.charset = "text/plain", "utf-8"
        return response


def _listed(registry: Statements, row: Row) -> Listed:
    readable = sight.is_common(row.address, row.scope)
    return Listed(
        row.id,
        row.agent,
        place_of(registry, Shown(row.address, row.scope)),
        row.title if readable else "",
        readable,
        row.active_at,
        row.state,
        row.problem if readable else "",
        _spent(registry, row.id)[0],
    )


def _found(registry: Statements, id_: str) -> One:
    """By its own id: what a path says is looked up and never becomes part of a file's name."""
    sql = "SELECT id, agent, scope, active_at, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?"
    row = registry.execute(sql, (id_,)).fetchone()
    if row is None:
        raise NotThere(GONE)
    known, agent, scope, active_at, *place = row
    shown = Shown(Address(*map(str, place)), str(scope))
    cost, tokens = _spent(registry, str(known))
    where = place_of(registry, shown)
    return One(str(known), str(agent), where, sight.is_common(*shown), cost, tokens, int(active_at))


def _spent(registry: Statements, id_: str) -> Sequence[int]:
    sql = "SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM spent_by_session WHERE session_id = ?"
    row = registry.execute(sql, (id_,)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _number(text: str, otherwise: int) -> int:
    return max(int(text), otherwise) if text.isascii() and text.isdigit() and len(text) < 16 else otherwise
