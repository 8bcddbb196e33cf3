"""Scheduled tasks: when they run next, what became of their last runs, and the orders that there are for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from host.mailbox import promise
from host.mailbox.tasks import Occurrence, Task, Tasks
from host.ports.controls import Forbidden, TaskOrder, TaskView
from host.registry.port import Statements
from host.registry.whereabouts import HERE, Lies
from host.web.eyes import Seen
from host.web.gate import Visitor
from host.web.others import Others
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
from host.words import as_it_is, moment
from sessiondb import SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import Address

PER_PAGE = 100
RUNS = 50  # that are shown of a task
PRIVATE = "a private task"
WORDS = {
    TaskOrder.RUN: "Run now",
    TaskOrder.PAUSE: "Pause",
    TaskOrder.RESUME: "Resume",
    TaskOrder.CANCEL: "Cancel",
    TaskOrder.TRY: "Try it",
}
EDITED = ("title", "prompt", "cron", "at", "zone")  # fields of the form; an empty one changes nothing


class Entry(NamedTuple):
    task: TaskView
    where: str
    readable: bool


class Scheduled:
    def __init__(self, page: Page, others: Others) -> None:
        self._page = page
        self._others = others
        page.shows("/tasks", self._list, people=True)
        page.shows("/tasks/{id}", self._one, people=True)
        page.does("/tasks", self._order, people=True)
        page.does("/tasks/edit", self._edit, people=True)

    async def _list(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """From a task of the list onwards: who comes back to a page finds it where that task is now. Very many are
        read in parts, of which `part` is what lies before."""
        part = _number(request.query.get("part", ""))
        listed = await self._page.service.tasks(visitor.viewer, part)
        views = self._page.service.shown(listed.tasks)
        after = request.query.get("after", "")
        first = next((at for at, view in enumerate(views, 1) if view.id == after), 0)
        shown = await self._shown(visitor, views[first : first + PER_PAGE])
        more = shown[-1].task.id if len(views) > first + PER_PAGE else ""
        values = {
            "tasks": shown,
            "words": WORDS,
            "more": more,
            "total": part + len(views) + listed.left,
            "first": first or part,
            "part": part,
            "beyond": 0 if more else listed.beyond,
        }
        return self._page.html("tasks.html", visitor, values)

    async def _one(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        view, task = await self._page.service.task(visitor.viewer, request.match_info["id"])
        view, task = self._page.service.shown(view), self._masked(task)
        [entry] = await self._shown(visitor, [view])
        runs, lies = await self._page.books.read(lambda registry: self._runs(registry, view.id))
        values = {"task": entry.task, "where": entry.where, "runs": runs, "words": WORDS, "due": moment}
        values["lies"] = lies.name if lies.node else ""
        values["late"] = lambda run: promise.later(run.due_at, run.started_at, task.window)
        editable = task if entry.readable and TaskOrder.CANCEL in view.orders else None
        return self._page.html(
            "task.html", visitor, values | {"zone": self._page.config.host.zone, "edited": editable}
        )

    def _runs(self, registry: Statements, id_: str) -> tuple[Sequence[Occurrence], Lies]:
        """None where another node has them."""
        row = registry.execute("SELECT session_id FROM due WHERE task_id = ?", (id_,)).fetchone()
        if row is None:
            return [], HERE
        session = str(row[0])
        lies = self._others.lie(registry, [session]).get(session, HERE)
        if lies.node:
            return [], lies
        folder = SessionFolder((self._page.books.data / "sessions" / session).resolve())
        with closing(open_reader(folder.inbound_db)) as connection, translated(folder.inbound_db):
            return Tasks(connection, self._page.now).occurrences(id_, RUNS), lies

    async def _order(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        if fields.get("order") not in list(TaskOrder):
            raise NotThere("There is no such order.")
        id_ = fields.get("task", "")
        said = await self._page.service.order(visitor.viewer, id_, TaskOrder(fields["order"]))
        return said if await self._is_readable(visitor, id_) else "Done."  # what is answered names the task

    async def _edit(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        """Whoever may not read a task knows not what they would change."""
        id_ = fields.get("task", "")
        if not await self._is_readable(visitor, id_):
            raise Forbidden(as_it_is("Only who may read a task may change its words."))
        given = {name: fields.get(name, "").strip().replace("\r\n", "\n") for name in EDITED}
        found = (await self._page.service.task(visitor.viewer, id_))[1]
        shown = self._masked(found)
        before = {
            "title": shown.title.strip(),
            "prompt": shown.prompt.strip(),
        }  # what comes back as it was shown stays as it is
        wanted = {name: value for name, value in given.items() if value and value != before.get(name)}
        return await self._page.service.edit(visitor.viewer, id_, wanted)

    def _masked(self, task: Task) -> Task:
        shown = self._page.service.shown
        return replace(task, title=shown(task.title), prompt=shown(task.prompt))

    # ── whose words they are ─────────────────────────────────────────────────────────────────────────────

    async def _shown(self, visitor: Visitor, views: Sequence[TaskView]) -> list[Entry]:
        """What it is called and what went wrong is its people's; so is where it posts, when that is private."""
        ids = [view.id for view in views]
        homes = await self._page.books.read(lambda registry: {id_: _homes(registry, id_) for id_ in ids})
        seen = await self._page.sees(visitor, [home for found in homes.values() for home in found])
        return await self._page.books.read(
            lambda registry: [_entry(registry, view, homes[view.id], seen) for view in views]
        )

    async def _is_readable(self, visitor: Visitor, id_: str) -> bool:
        homes = await self._page.books.read(lambda registry: _homes(registry, id_))
        return _reads(await self._page.sees(visitor, homes), homes)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _entry(registry: Statements, view: TaskView, homes: Sequence[Shown], seen: Seen) -> Entry:
    if _reads(seen, homes):
        return Entry(view, place_of(registry, homes[0], readable=True), True)
    private = [home for home in homes if not seen.reads(home)]
    where = place_of(registry, private[0] if private else Shown(view.address, ""))
    return Entry(
        replace(view, title=PRIVATE, problem=view.problem and "it failed", why_paused=""), where, False
    )


def _reads(seen: Seen, homes: Iterable[Shown]) -> bool:
    found = list(homes)
    return bool(found) and all(seen.reads(home) for home in found)


def _homes(registry: Statements, id_: str) -> list[Shown]:
    """Where it posts and where it was asked for."""
    found = registry.execute(_HOMES, (id_,)).fetchall()
    return [Shown(Address(*map(str, place)), str(scope)) for scope, *place in found]


_HOMES = (
    "SELECT scope, channel_type, workspace_id, platform_id, thread_id FROM due JOIN sessions"
    " ON sessions.id IN (due.session_id, due.made_in) WHERE task_id = ?"
)
