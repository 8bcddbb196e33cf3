"""Who is signed in: one's own sign-ins, for owners all of them, and an end to each."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from host.governance import access, audit
from host.governance.access import LOCAL
from host.registry.port import Statements
from host.web.gate import STAYS, Visitor
from host.web.page import NotThere, Page


class Inside:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.shows("/signins", self._list, people=True)
        page.does("/signins", self._end, people=True)

    async def _list(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        values = {"inside": self._theirs(visitor), "mine": visitor.id, "stays": STAYS, "local": LOCAL}
        return self._page.html("signins.html", visitor, values)

    async def _end(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        named = [one for one in self._theirs(visitor) if one.id == fields.get("signin", "")]
        if not named:
            raise NotThere("There is no such sign-in.")
        now = self._page.now()
        told = _person(named[0])

        def job(connection: Statements) -> None:
            audit.record(connection, visitor.viewer, "sign_out", told, now)

        await self._page.db.write(job)
        self._page.gate.end(named[0].id)
        return "Signed out."

    def _theirs(self, visitor: Visitor) -> list[Visitor]:
        inside = self._page.gate.inside(self._page.now())
        if self._page.is_owner(visitor):
            return inside
        return [one for one in inside if _person(one) == _person(visitor)]


def _person(visitor: Visitor) -> str:
    return access.person(visitor.viewer.address, visitor.viewer.author.id)
