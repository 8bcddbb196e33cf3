"""Tasks without an agent: what people see and order, what the command line orders, what the configuration declares."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from host import config
from host.config import Config
from host.config.recurrence import ScheduleError
from host.config.settings import Settings
from host.governance import audit, words
from host.governance.sight import Sight
from host.mailbox import tasks
from host.mailbox.open import Records
from host.mailbox.tasks import Task
from host.ports.controls import Forbidden, TaskList, TaskOrder, TaskView
from host.ports.events import Viewer
from host.registry import sessions
from host.registry.orders import Given
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule import changes, ended, index, orders
from host.schedule.homes import Homes
from host.schedule.orders import One, Order, Update, Wish
from host.schedule.service import Scheduler
from host.schedule.trials import Trials, Tried
from host.words import Sentence, as_it_is, clauses, joined, known, moment, say
from sessiondb import SessionError
from sessiondb.records import Address

log = logging.getLogger(__name__)

NO_SUCH_TASK = say("There is no such task.")
MOST_TASKS = 1_000  # that are shown at once
SHOWN, MOST_SEEN = 5, 25  # due times of each of the first of them: it takes half a millisecond to find them
MOST_CHANGING = 20  # sessions whose files are opened for that
NAMES = {
    TaskOrder.PAUSE: "pause_task",
    TaskOrder.RESUME: "resume_task",
    TaskOrder.RUN: "run_task_now",
    TaskOrder.CANCEL: "cancel_task",
}


class Added(BaseModel):
    """What `dovecote tasks add` orders: a task for a place."""

    model_config = ConfigDict(extra="forbid")

    agent: str = "default"
    to: tuple[str, str, str, str]  # platform, workspace, channel, thread
    wish: dict[str, Any]
    paused: bool = False


class Desk:
    """Raises `Forbidden` for what a viewer may not see as for what does not exist, in the same words."""

    def __init__(
        self,
        scheduler: Scheduler,
        homes: Homes,
        trials: Trials,
        records: Records,
        settings: Settings,
        now: Callable[[], int],
    ) -> None:
        self._scheduler = scheduler
        self._homes = homes
        self._trials = trials
        self._db = records.db
        self._registry = records.sessions
        self._mailboxes = records.mailboxes
        self._settings = settings
        self._now = now

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────

    async def tasks(self, viewer: Viewer, sight: Sight, skip: int = 0) -> TaskList:
        """Those of the place the viewer asks from first, then those that are due next; of the latter the first may be skipped. As
        the last looks at their files copied them: a file is opened where a change is under way."""
        zone = words.zone_of(viewer.author.zone, self._settings.config.host.zone).key
        here = viewer.address[:3] if viewer.address.platform_id else None
        rows, left = await self._db.read(lambda connection: _listed(connection, sight, here, skip))
        copies, changing = await self._db.read(lambda connection: self._seen(connection, rows))
        found = [
            (task, session)
            for session, copy in copies
            if (task := tasks.copied(copy)) is not None and task.state != "cancelled"
        ]
        for session in changing:
            try:
                listed = await self._mailboxes.use(session, lambda writer: writer.tasks.all())
            except SessionError as error:
                log.warning("Tasks cannot be shown: %s", error, extra={"action": "tasks_unread"})
                continue
            found += [(task, session) for task in listed]
        found.sort(key=lambda one: (one[0].address[:3] != here, _next_at(one[0]) or index.NEVER))
        views = [
            _view(task, session, viewer, sight, zone, SHOWN if number < MOST_SEEN else 1)
            for number, (task, session) in enumerate(found)
        ]
        page = self._settings.config.web.public_url if self._settings.config.web is not None else ""
        return TaskList(tuple(views), left, f"{page}/tasks" if page else "", skip + len(rows) if left else 0)

    async def order(self, viewer: Viewer, sight: Sight, task_id: str, order: TaskOrder) -> str:
        session, task = await self._found(sight, task_id)
        if order not in _orders(task, viewer, sight):
            raise Forbidden(self._why_not(task) if _may_change(task, viewer, sight) else changes.NOT_YOURS)
        if order is TaskOrder.TRY:
            tried = Tried(task.id, task.title, task.prompt, task.script, task.schedule.zone)
            return await self._try(viewer, session.agent, tried)
        return await self._ordered(viewer, sight, session, (NAMES[order], task, One(task_id=task.id)))

    async def try_wish(self, viewer: Viewer, agent: str, id_: str, wish: Wish) -> str:
        return await self._try(viewer, agent, Tried(id_, wish.title, wish.prompt, wish.script, wish.zone))

    async def _try(self, viewer: Viewer, agent: str, tried: Tried) -> str:
        await self._db.write(lambda c: audit.record(c, viewer, "try_task", tried.id, self._now()))
        return await self._trials.begin(viewer, agent, tried)

    async def add(self, viewer: Viewer, home: tuple[str, Address, str], id_: str, wish: Wish) -> str:
        agent, place, scope = home
        by, now = viewer.author.id, self._now()
        session = await self._homes.conversation(agent, place, scope, now)
        order = Order(
            id=f"person:{by}:{id_}",
            name="schedule_task",
            asked=wish,
            address=place,
            source="person",
            zone=wish.zone,
            by=by,
            people=(by,),
            made_in=session.id,
            limits=self._homes.limits(agent),
        )
        await self._db.write(lambda c: audit.record(c, viewer, order.name, order.task_id, now))
        try:
            return await self._scheduler.carry_out(session, order)
        except ScheduleError as error:
            raise Forbidden(error.text) from error

    async def one(self, viewer: Viewer, sight: Sight, task_id: str) -> tuple[TaskView, Task]:
        """As its file has it now."""
        session, task = await self._found(sight, task_id)
        zone = words.zone_of(viewer.author.zone, self._settings.config.host.zone).key
        return _view(task, session, viewer, sight, zone), task

    async def edit(self, viewer: Viewer, sight: Sight, task_id: str, wanted: Mapping[str, str]) -> str:
        """`wanted`: the fields of an `orders.Update`, as somebody typed them."""
        session, task = await self._found(sight, task_id)
        if not _may_change(task, viewer, sight):
            raise Forbidden(changes.NOT_YOURS)
        if task.source == "file":
            raise Forbidden(self._why_not(task))
        try:
            asked = orders.update({"task_id": task.id, **wanted})
        except ScheduleError as error:
            raise Forbidden(error.text) from error
        return await self._ordered(viewer, sight, session, ("update_task", task, asked))

    async def _ordered(
        self, viewer: Viewer, sight: Sight, session: Session, what: tuple[str, Task, One | Update]
    ) -> str:
        name, task, asked = what
        by, now = viewer.author.id, self._now()
        await self._db.write(lambda c: audit.record(c, viewer, name, task.id, now))
        order = Order(
            id=f"person:{by}:{task.id}:{name}:{now}",
            name=name,
            asked=asked,
            address=task.address,
            source="person",
            zone=task.schedule.zone,
            by=by,
            people=(by,),
            master=sight.owner,
            made_in=task.made_in,
            limits=self._homes.limits(session.agent),
        )
        try:
            return await self._scheduler.carry_out(session, order)
        except ScheduleError as error:
            raise Forbidden(error.text) from error

    async def _found(self, sight: Sight, task_id: str) -> tuple[Session, Task]:
        home = await self._db.read(lambda connection: index.home(connection, task_id))
        found = await self._scheduler.sessions([home.session_id]) if home is not None else []
        if not found or not sight.sees(found[0].scope, found[0].address):
            raise Forbidden(NO_SUCH_TASK)
        task = await self._task(found[0], task_id)
        if task is None or task.state == "cancelled":
            raise Forbidden(NO_SUCH_TASK)
        return found[0], task

    async def _task(self, session: Session, task_id: str) -> Task | None:
        """As its file has it; where another node has that, as it was copied last."""
        if self._db.holding.has(session.address):
            return await self._mailboxes.use(session, lambda writer: writer.tasks.get(task_id))
        copied = await self._db.read(lambda connection: index.copies_of(connection, session.id))
        return next((task for one in copied if (task := tasks.copied(one)) and task.id == task_id), None)

    def _seen(
        self, connection: Statements, rows: Sequence[Row]
    ) -> tuple[list[tuple[Session, str]], list[Session]]:
        """Copies of tasks by their sessions, in their order; and sessions whose copies are being overtaken."""
        ids = json.dumps(list(dict.fromkeys(str(row[0]) for row in rows)))
        found = self._registry.load(connection, "id IN (SELECT value FROM json_each(?))", (ids,))
        known = {session.id: session for session in found}
        here = {id_ for id_, session in known.items() if self._db.holding.has(session.address)}
        ahead = [str(id_) for id_, at, copy in rows if (at == 0 or copy is None) and str(id_) in here]
        changing = dict.fromkeys(ahead[:MOST_CHANGING])
        copies = [
            (str(id_), str(copy)) for id_, _, copy in rows if copy is not None and str(id_) not in changing
        ]
        return (
            [(known[id_], copy) for id_, copy in copies if id_ in known],
            [known[id_] for id_ in changing if id_ in known],
        )

    def _why_not(self, task: Task) -> Sentence:
        if task.source == "file":
            return say("This task belongs to the configuration file and is changed there.")
        return say("That cannot be done with this task now.")

    # ── the command line ─────────────────────────────────────────────────────────────────────────────────

    async def obey(self, given: Given) -> str:
        """An operator's order from another process; returns what became of it."""
        # The time as well: numbers start anew when host.db was lost, and the sessions' files remember what was ordered.
        id_ = f"cli:{given.number}:{given.created_at}"
        try:
            said = json.loads(given.body)
            if said["order"] == "add":
                return await self._add(id_, Added.model_validate(said["task"]))
            return await self._change(id_, TaskOrder(said["order"]), str(said["task"]))
        except (ScheduleError, SessionError) as error:
            return f"refused: {error}"
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            return f"refused: not an order about tasks ({type(error).__name__})"

    async def _add(self, id_: str, added: Added) -> str:
        wish = wished(added, self._settings.config, self._now())
        place = Address(*added.to)
        order = self._order(id_, wish, place, added.agent)
        session = await self._conversation(added.agent, place)
        if session is None:
            session = await self._homes.made(added.agent, place, order.task_id, self._now())
        text = await self._scheduler.carry_out(session, order)
        if added.paused:
            rest = self._order(f"{id_}:pause", One(task_id=order.task_id), place, added.agent, "pause_task")
            text = await self._scheduler.carry_out(session, rest)
        return text

    async def _change(self, id_: str, order: TaskOrder, task_id: str) -> str:
        home = await self._db.read(lambda connection: index.home(connection, task_id))
        found = await self._scheduler.sessions([home.session_id]) if home is not None else []
        if not found:
            raise ScheduleError(say("there is no task {id}", id=task_id))
        asked = self._order(id_, One(task_id=task_id), found[0].address, found[0].agent, NAMES[order])
        return await self._scheduler.carry_out(found[0], asked)

    async def _conversation(self, agent: str, place: Address) -> Session | None:
        """The conversation that is already there: its agent knows what was said."""
        id_ = sessions.session_id(agent, place)
        found = await self._scheduler.sessions([id_])
        return found[0] if found else None

    def _order(
        self,
        id_: str,
        asked: Wish | One,
        place: Address,
        agent: str,
        name: str = "schedule_task",
        *,
        task: str = "",
    ) -> Order:
        return Order(
            id=id_,
            name=name,
            asked=asked,
            address=place,
            source="file" if task else "person",
            master=True,
            zone=self._settings.config.host.zone,
            limits=self._homes.limits(agent),
            task=task,
        )

    # ── the file ─────────────────────────────────────────────────────────────────────────────────────────

    async def reconcile(self) -> None:
        """At the start and at a reload: what the configuration declares is there, and what it does not any more is cancelled."""
        wanted = {_declared_id(task): task for task in self._settings.config.tasks}
        for id_ in await self._db.read(_declared):
            if id_ not in wanted:
                await self._withdraw(id_)
        for id_, task in wanted.items():
            try:
                await self._declare(id_, task)
            except (ScheduleError, SessionError) as error:
                log.error("Task %s of the file: %s", task.name, error, extra={"action": "task_refused"})

    async def _declare(self, id_: str, task: config.Task) -> None:
        place = Address(task.to.platform, task.to.workspace, task.to.channel, task.to.thread)
        kept = {"prompt", "cron", "at", "zone", "script", "missed", "punctual", "reaction", "file", "words"}
        whom = [person.removeprefix(f"{place.channel_type}:") for person in task.mentions]
        by = [person.rpartition(":")[2].rpartition("/")[2] for person in task.by]
        told = {
            **task.model_dump(include=kept),
            "title": task.title or task.name,
            "mentions": whom,
            "by": by,
        }
        wish = orders.wish(told)
        order = self._order(f"file:{id_}", wish, place, task.agent, task=id_)
        session = await self._homes.made(task.agent, place, id_, self._now())
        await self._scheduler.declare(session, order)

    async def _withdraw(self, id_: str) -> None:
        home = await self._db.read(lambda connection: index.home(connection, id_))
        for session in await self._scheduler.sessions([home.session_id] if home is not None else []):
            order = self._order(
                f"file:{id_}", One(task_id=id_), session.place, session.agent, "cancel_task", task=id_
            )
            try:
                await self._scheduler.declare(session, order)
            except (ScheduleError, SessionError) as error:
                log.info("Task %s is not withdrawn: %s", id_, error, extra={"action": "task_refused"})


def _listed(
    connection: Statements, sight: Sight, here: tuple[str, ...] | None, skip: int
) -> tuple[list[Row], int]:
    """What is seen of the index, at most `MOST_TASKS` with what was skipped before, and how many more there are."""
    condition, bindings = sight.where("sessions")
    rows: list[Row] = []
    if here is not None:
        first = f"{condition} AND ({_HERE})"
        rows += connection.execute(_COPIES.format(first), (*bindings, *here, MOST_TASKS, 0)).fetchall()
        condition, bindings = f"{condition} AND NOT ({_HERE})", (*bindings, *here)
    most = MOST_TASKS - len(rows)
    rows += connection.execute(_COPIES.format(condition), (*bindings, most, skip)).fetchall()
    if len(rows) < MOST_TASKS:
        return rows, 0
    seen, bindings = sight.where("sessions")
    count = connection.execute(_COUNT.format(seen), bindings).fetchone()
    return rows, max(0, int(str(count[0] if count else 0)) - skip - len(rows))


Row = tuple[Any, ...]

_HERE = "sessions.channel_type = ? AND sessions.workspace_id = ? AND sessions.platform_id = ?"
_COPIES = (
    "SELECT due.session_id, due.at, task_copies.task FROM due JOIN sessions ON sessions.id = due.session_id"
    " LEFT JOIN task_copies ON task_copies.task_id = due.task_id WHERE {}"
    " ORDER BY due.at, due.session_id, due.task_id LIMIT ? OFFSET ?"
)
_COUNT = "SELECT count(*) FROM due JOIN sessions ON sessions.id = due.session_id WHERE {}"


def wished(added: Added, settings: Config, now: int) -> Wish:
    """What can be told before anything is done. Raises `ScheduleError`."""
    if added.agent not in settings.agents:
        raise ScheduleError(
            say(
                "there is no agent {agent}; known: {known}",
                agent=repr(added.agent),
                known=clauses(settings.agents),
            )
        )
    platform, workspace, *_ = added.to
    if problem := config.without_workspace(platform, workspace):
        raise ScheduleError(as_it_is(problem))
    wish = orders.wish(added.wish)
    agent = settings.agents[added.agent]
    changes.schedule_of(wish, settings.host.zone, now, int(agent.shortest_task_interval * 1000))
    return wish


def _next_at(task: Task) -> int:
    return task.next_at if task.state == "active" else 0


def _view(
    task: Task, session: Session, viewer: Viewer, sight: Sight, zone: str, times: int = SHOWN
) -> TaskView:
    """`times`: how many that it is due are named."""
    at = _next_at(task)
    then = _then(task, times - 1) if at else ()
    return TaskView(
        id=task.id,
        title=words.one_line(task.title),
        agent=session.agent,
        address=task.address,
        when=task.when,
        next_at=at,
        next_words=moment(at, zone) if at else "",
        paused=task.state == "paused",
        orders=_orders(task, viewer, sight),
        problem=known(task.problem) if task.failures else "",
        why_paused=ended.retold(task.problem) if task.state == "paused" and not task.failures else "",
        then_at=then,
        then_words=joined("; ", [moment(at, zone, named=False) for at in then]) if then else "",
    )


def _then(task: Task, count: int) -> tuple[int, ...]:
    """What is due after the next time; nothing where this machine does not know the task's zone any more."""
    try:
        return tuple(islice(task.schedule.times_after(task.next_at), count))
    except ScheduleError:
        return ()


def _orders(task: Task, viewer: Viewer, sight: Sight) -> tuple[TaskOrder, ...]:
    if task.state == "done":
        return ()
    resting = TaskOrder.RESUME if task.state == "paused" else TaskOrder.PAUSE
    if not _may_change(task, viewer, sight):
        return (TaskOrder.PAUSE,) if resting is TaskOrder.PAUSE else ()
    kept = (resting, TaskOrder.TRY, TaskOrder.RUN)
    return kept if task.source == "file" else (*kept, TaskOrder.CANCEL)


def _may_change(task: Task, viewer: Viewer, sight: Sight) -> bool:
    return changes.may_change(task, viewer.author.id, owner=sight.owner)


def _declared_id(task: config.Task) -> str:
    """The same place, the same task: one that moves is another."""
    place = "\x1f".join((task.agent, task.to.platform, task.to.workspace, task.to.channel, task.to.thread))
    return f"{tasks.FILE}{task.name[:40]}-{hashlib.sha256(place.encode()).hexdigest()[:6]}"


def _declared(connection: Statements) -> list[str]:
    sql = "SELECT task_id FROM due WHERE task_id >= ? AND task_id < ?"
    rows = connection.execute(sql, (tasks.FILE, f"{tasks.FILE}\U0010ffff")).fetchall()
    return [str(id_) for (id_,) in rows]
