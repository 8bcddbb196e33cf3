"""Conversations: a list of all, and what happened in one. Of private ones the figures are shown and the words are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from host.controls import conversations
from host.controls.conversations import Row
from host.registry.port import Statements
from host.registry.whereabouts import HERE, Lies
from host.web import looks
from host.web.eyes import Seen
from host.web.gate import Visitor
from host.web.others import Asked, Others
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
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
    machine: str  # that has its files; '' on a single one


@dataclass(frozen=True, slots=True)
class One:
    id: str
    agent: str
    where: str
    readable: bool
    cost: int
    tokens: int
    active_at: int
    lies: Lies


class Conversations:
    def __init__(self, page: Page, others: Others) -> None:
        self._page = page
        self._others = others
        page.shows("/conversations", self._list, people=True)
        page.shows("/conversations/{id}", self._one, people=True)
        page.shows("/conversations/{id}/{seq:[0-9]{1,18}}", self._whole, people=True)

    async def _list(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        before, books = conversations.place_in(request.query.get("before", "")), self._page.books
        theirs = Seen(owner=True) if self._page.is_owner(visitor) else await self._page.sees(visitor)

        def job(registry: Statements) -> list[Row]:
            where, own = theirs.where(), self._others.own
            return conversations.latest(
                registry, books.data, PER_PAGE + 1, before, where, runs=True, node=own
            )

        rows = await self._others.listed(await books.read(job))
        shown = [Shown(row.address, row.scope) for row in rows]
        seen = await self._page.sees(visitor, shown) if theirs.owner else theirs

        def told(registry: Statements) -> list[Listed]:
            lie = self._others.lie(registry, [row.id for row in rows])
            return [_listed(registry, row, seen, lie.get(row.id, HERE)) for row in rows[:PER_PAGE]]

        listed = await books.read(told)
        older = conversations.key_of(rows[PER_PAGE - 1]) if len(rows) > PER_PAGE else ""
        values = {"listed": listed, "older": older, "first": not before, "share": self._others.share}
        return self._page.html("conversations.html", visitor, values)

    async def _one(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        before = _number(request.query.get("before", "0"), 0)
        one = await self._found(request, visitor)
        told = await self._others.told(one.lies, Asked(one.id, one.agent, one.readable, before))
        return self._page.html("conversation.html", visitor, {"one": one, "story": told, "private": PRIVATE})

    async def _whole(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """As text and nothing else, whatever is in it."""
        seq, one = int(request.match_info["seq"]), await self._found(request, visitor)
        text = await self._others.whole(one.lies, one.id, one.agent, seq) if one.readable else ""
        if not text:
            raise NotThere("There is no such message.")
        response = web.Response(body=text.encode("utf-8", "replace"), headers=looks.HEADERS)
        response.content_type, response.charset = "text/plain", "utf-8"
        return response

    async def _found(self, request: web.Request, visitor: Visitor) -> One:
        """Raises `NotThere`; to whom one is not open, it is not there unless they are owners."""
        id_ = request.match_info["id"]
        shown = await self._page.books.read(lambda registry: _shown(registry, id_))
        seen = await self._page.sees(visitor, [shown])
        readable = seen.reads(shown)
        if not (readable or seen.owner):
            raise NotThere(GONE)

        def job(registry: Statements) -> One:
            lies = self._others.lie(registry, [id_]).get(id_, HERE)
            return _found(registry, id_, lies, readable=readable)

        return await self._page.books.read(job)


def _listed(registry: Statements, row: Row, seen: Seen, lies: Lies) -> Listed:
    shown = Shown(row.address, row.scope)
    readable = seen.reads(shown)
    return Listed(
        row.id,
        row.agent,
        place_of(registry, shown, readable=readable),
        row.title if readable else "",
        readable,
        row.active_at,
        row.state,
        row.problem if readable else "",
        _spent(registry, row.id)[0],
        lies.name,
    )


def _shown(registry: Statements, id_: str) -> Shown:
    sql = "SELECT channel_type, workspace_id, platform_id, thread_id, scope FROM sessions WHERE id = ?"
    row = registry.execute(sql, (id_,)).fetchone()
    if row is None:
        raise NotThere(GONE)
    return Shown(Address(*map(str, row[:4])), str(row[4]))


def _found(registry: Statements, id_: str, lies: Lies, *, readable: bool) -> One:
    """By its own id: what a path says is looked up and never becomes part of a file's name."""
    sql = "SELECT id, agent, active_at FROM sessions WHERE id = ?"
    row = registry.execute(sql, (id_,)).fetchone()
    if row is None:
        raise NotThere(GONE)
    known, agent, active_at = row
    cost, tokens = _spent(registry, str(known))
    where = place_of(registry, _shown(registry, id_), readable=readable)
    return One(str(known), str(agent), where, readable, cost, tokens, int(active_at), lies)


def _spent(registry: Statements, id_: str) -> Sequence[int]:
    sql = "SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM spent_by_session WHERE session_id = ?"
    row = registry.execute(sql, (id_,)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _number(text: str, otherwise: int) -> int:
    return max(int(text), otherwise) if text.isascii() and text.isdigit() and len(text) < 16 else otherwise
