"""Scheduled tasks: when they run next, what became of their last runs, and the orders that there are for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from aiohttp import web

from host.config.recurrence import moment
from host.governance import sight
from host.mailbox.tasks import Occurrence, Tasks
from host.ports.controls import TaskOrder, TaskView
from host.registry.port import Statements
from host.web.gate import Visitor
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
from sessiondb import SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import Address

RUNS = 50  # that are shown of a task
PRIVATE = "a private task"
WORDS = {
    TaskOrder.RUN: "Run now",
    TaskOrder.PAUSE: "Pause",
    TaskOrder.RESUME: "Resume",
    TaskOrder.CANCEL: "Cancel",
}


class Scheduled:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.shows("/tasks", self._list)
        page.shows("/tasks/{id}", self._one)
        page.does("/tasks", self._order)

    async def _list(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        views = await self._page.service.tasks(visitor.viewer)
        shown = await self._page.books.read(lambda registry: [_shown(registry, view) for view in views])
        return self._page.html("tasks.html", visitor, {"tasks": shown, "words": WORDS})

    async def _one(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        id_ = request.match_info["id"]
        views = [view for view in await self._page.service.tasks(visitor.viewer) if view.id == id_]
        if not views:
            raise NotThere("There is no such task.")

        def job(registry: Statements) -> tuple[TaskView, str, Sequence[Occurrence]]:
            return *_shown(registry, views[0]), self._runs(registry, id_)

        task, where, runs = await self._page.books.read(job)
        values = {"task": task, "where": where, "runs": runs, "words": WORDS, "due": moment}
        return self._page.html("task.html", visitor, values | {"zone": self._page.config.host.zone})

    def _runs(self, registry: Statements, id_: str) -> Sequence[Occurrence]:
        row = registry.execute("SELECT session_id FROM due WHERE task_id = ?", (id_,)).fetchone()
        if row is None:
            return []
        folder = SessionFolder((self._page.books.data / "sessions" / str(row[0])).resolve())
        with closing(open_reader(folder.inbound_db)) as connection, translated(folder.inbound_db):
            return Tasks(connection, self._page.now).occurrences(id_, RUNS)

    async def _order(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        if fields.get("order") not in list(TaskOrder):
            raise NotThere("There is no such order.")
        id_ = fields.get("task", "")
        said = await self._page.service.order(visitor.viewer, id_, TaskOrder(fields["order"]))
        common = await self._page.books.read(lambda registry: _is_common(registry, id_))
        return said if common else "Done."  # what is answered names the task


def _shown(registry: Statements, view: TaskView) -> tuple[TaskView, str]:
    """What it is called and what went wrong is its people's; so is where it posts, when that is private."""
    homes = _homes(registry, view.id)
    private = [home for home in homes if not sight.is_common(*home)]
    if homes and not private:
        return view, place_of(registry, homes[0])
    where = place_of(registry, private[0] if private else Shown(view.address, ""))
    return replace(view, title=PRIVATE, problem=view.problem and "it failed"), where


def _is_common(registry: Statements, id_: str) -> bool:
    homes = _homes(registry, id_)
    return bool(homes) and all(sight.is_common(*home) for home in homes)


def _homes(registry: Statements, id_: str) -> list[Shown]:
    """Where it posts and where it was asked for."""
    found = registry.execute(_HOMES, (id_,)).fetchall()
    return [Shown(Address(*map(str, place)), str(scope)) for scope, *place in found]


_HOMES = (
    "SELECT scope, channel_type, workspace_id, platform_id, thread_id FROM due JOIN sessions"
    " ON sessions.id IN (due.session_id, due.made_in) WHERE task_id = ?"
)
