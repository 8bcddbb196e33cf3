"""Tasks and their occurrences in inbound.db. Every method takes part in the caller's transaction.

A task and its occurrences are separate (law 12): a run that ends, however it ends, changes nothing but the count of
failures, so it neither ends the series nor undoes a pause that came meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import apsw

from host.config import awaited as waits
from host.config.awaited import Awaited
from host.config.recurrence import Schedule, ScheduleError
from host.mailbox import missed, promise
from host.mailbox.missed import Policy
from host.registry.notices import Notice
from host.words import Sentence, joined, known, laid_out, say
from sessiondb.records import Address

log = logging.getLogger(__name__)

# What one task can be wrong in; what is wrong with its file is the session's (`sessiondb.SessionError`).
ITEM_ERRORS = (ValueError, TypeError, OverflowError, apsw.ConstraintError, apsw.MismatchError)

State = Literal["active", "paused", "done", "cancelled"]
Source = Literal["agent", "person", "file"]

PAUSE_AFTER = 5  # failed runs in a row
MOST_OCCURRENCES = 200  # kept of one task
MOST_ORDERS = 500  # kept with their outcome
LOOK_AGAIN = (
    60_000  # ms until a task whose run is under way is looked at again, should nobody tell of its end
)
KEPT_AFTER_END = 30 * 86_400_000  # ms a task that is over stays in the records


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    title: str
    prompt: str
    schedule: Schedule
    script: str
    missed: Policy
    mentions: tuple[str, ...]
    state: State
    next_at: int  # ms UTC, 0 = none
    last_occurrence: int
    failures: int
    problem: str
    owner: str  # user id
    source: Source
    made_in: str  # session id
    address: Address  # where it posts
    created_at: int
    window: int = 0  # ms after a due time within which a run begins, as whoever asked for it was told
    awaited: Awaited | None = None  # what it waits for instead of a time

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def when(self) -> Sentence:
        """For people: at which times it is due, and how late it may begin."""
        if self.awaited is not None:
            return self.awaited.in_words()
        return laid_out(
            "{recurrence}{window}", recurrence=self.schedule.in_words(), window=promise.within(self.window)
        )


@dataclass(frozen=True, slots=True)
class Occurrence:
    task_id: str
    due_at: int
    message_id: str
    stands_for: str
    fired_at: int
    started_at: int
    finished_at: int
    outcome: str
    error: str


@dataclass(frozen=True, slots=True)
class Fired:
    """An occurrence that is to run: the message's parts."""

    task: Task
    message_id: str
    occurrence: int
    stands_for: tuple[str, ...]
    out_of_turn: bool = False  # somebody ordered it


FILE = "file-"  # how the ids of declared tasks begin
OVER = ("done", "cancelled")
_FORGETTABLE = "state IN ('done', 'cancelled') AND updated_at <= ?"
_COLUMNS = (
    "id, title, prompt, cron, at, zone, script, missed, mentions, state, next_at, last_occurrence, failures, problem,"
    " owner, source, made_in, channel_type, workspace_id, platform_id, thread_id, created_at"
)
OWNER_AT = [column.strip() for column in _COLUMNS.split(",")].index("owner")  # in a row, and in its copy
_RUNNING = "SELECT 1 FROM messages_in WHERE task_id = ? AND task_id <> '' AND status = 'pending' LIMIT 1"
_OCCURRENCE = "task_id, due_at, message_id, stands_for, fired_at, started_at, finished_at, outcome, error"


class Tasks:
    """The tasks of one session. `now` is ms UTC."""

    def __init__(self, connection: apsw.Connection, now: Callable[[], int]) -> None:
        self._connection = connection
        self._now = now

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────

    def all(self) -> list[Task]:
        """Those that are not over, by their next time."""
        return self._tasks("state IN ('active', 'paused') ORDER BY next_at = 0, next_at, id")

    def get(self, id_: str) -> Task | None:
        found = self._tasks("id = ?", id_)
        return found[0] if found else None

    def known(self) -> list[Task]:
        """Those that are over as well, as long as they are kept."""
        return self._tasks("1 ORDER BY created_at")

    def put(self, task: Task) -> None:
        """Adds or changes a task. `last_occurrence` never falls."""
        self._connection.execute(
            f"INSERT INTO tasks ({_COLUMNS}, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET title = excluded.title, prompt = excluded.prompt, cron = excluded.cron,"
            " at = excluded.at, zone = excluded.zone, script = excluded.script, missed = excluded.missed,"
            " mentions = excluded.mentions, state = excluded.state, next_at = excluded.next_at,"
            " last_occurrence = max(last_occurrence, excluded.last_occurrence), failures = excluded.failures,"
            " problem = excluded.problem, owner = excluded.owner, updated_at = excluded.updated_at",
            (*_row(task), self._now()),
        )

    def copies(self) -> list[tuple[str, str]]:
        """Every task that is kept, (id, its row as JSON): what `restore` makes it of again."""
        rows = self._connection.execute(f"SELECT {_COLUMNS}, updated_at FROM tasks ORDER BY id").fetchall()
        return [(str(row[0]), json.dumps(row)) for row in rows]

    def restore(self, copy: str) -> None:
        """A task that is not in the file, as it was. Raises `ValueError`, `TypeError` or `apsw.Error` for what is none."""
        if copied(copy) is None:
            raise ValueError("not the copy of a task")
        row = json.loads(copy)
        self._connection.execute(
            f"INSERT INTO tasks ({_COLUMNS}, updated_at) VALUES ({', '.join('?' * len(row))})"
            " ON CONFLICT (id) DO NOTHING",
            row,
        )

    def bounds(self) -> list[tuple[str, str, int]]:
        """(task, made in, when the session must be looked at for it) of every task that is kept; 0 is never.

        A task whose run is under way waits for its end, which is another reason to look; one that is over is forgotten
        some day.
        """
        rows = self._connection.execute(
            "SELECT id, made_in, state, next_at, updated_at, mentions FROM tasks"
        ).fetchall()
        bounds = []
        for id_, made_in, state, next_at, updated_at, more in rows:
            at = int(str(next_at)) if state == "active" else 0
            at += promise.put_off(str(id_), _window(str(more))) if at else 0
            if at and self.running(str(id_)):
                at = max(at, self._now() + LOOK_AGAIN)
            elif state in OVER:
                at = int(str(updated_at)) + KEPT_AFTER_END
            bounds.append((str(id_), str(made_in), at))
        return bounds

    def has_forgettable(self) -> bool:
        sql = f"SELECT 1 FROM tasks WHERE {_FORGETTABLE} LIMIT 1"
        return self._one(sql, self._now() - KEPT_AFTER_END) == 1

    def forget(self) -> None:
        """Tasks that have been over for long, with their occurrences."""
        before = self._now() - KEPT_AFTER_END
        self._connection.execute(
            f"DELETE FROM occurrences WHERE task_id IN (SELECT id FROM tasks WHERE {_FORGETTABLE})", (before,)
        )
        self._connection.execute(f"DELETE FROM tasks WHERE {_FORGETTABLE}", (before,))

    # ── firing ───────────────────────────────────────────────────────────────────────────────────────────

    def due(self) -> list[Task]:
        """Active tasks whose time has come, and their place in its window, and that have no run under way; the longest due
        first."""
        now = self._now()
        found = self._tasks("state = 'active' AND next_at > 0 AND next_at <= ? ORDER BY next_at, id", now)
        come = [task for task in found if task.next_at + promise.put_off(task.id, task.window) <= now]
        return [task for task in come if not self.running(task.id)]

    def running(self, id_: str) -> bool:
        """At most one live run per task: what comes due meanwhile waits for its end."""
        return self._one(_RUNNING, id_) == 1

    def fire(self, task: Task) -> Fired | None:
        """Moves the task on by its policy and records the occurrence; None when the policy lets nothing run.

        The caller inserts the message in the same transaction: neither is ever there without the other.
        """
        firing = missed.decide(task.schedule, task.missed, task.next_at, self._now(), task.window)
        moved = replace(task, next_at=firing.next_at, last_occurrence=firing.last)
        if not firing.next_at:
            moved = replace(moved, state="done")
        if firing.skipped:
            self._record(task.id, firing.skipped, outcome="skipped", error="missed; its policy is to skip")
        if not firing.occurrence:
            self.put(moved)
            return None
        self.put(moved)
        return self._fired(task, firing.occurrence, firing.stands_for)

    def set_aside(self, task: Task, why: str) -> Notice:
        """It cannot be scheduled as it is: it rests, with the reason, and holds up nothing beside it (law 15).

        Returns what people must be told, once.
        """
        problem = " ".join(why.split())[:200]
        self.put(replace(task, state="paused", problem=problem, failures=max(1, task.failures)))
        text = say(
            "⏸️ I paused the task “{title}” ({id}), for I cannot tell when it is due: {reason}. Change its time or its zone, then"
            " resume it.",
            title=task.title,
            id=task.id,
            reason=known(problem),
        )
        return Notice(f"task-aside:{task.id}:{task.next_at}", task.address, text)

    def rest(self, task: Task, why: str) -> None:
        """It cannot do what it is for, by no fault of its own: it rests, with the reason, until somebody resumes it."""
        self.put(replace(task, state="paused", problem=why, failures=0))

    def natural(self, task: Task) -> int:
        """Its next due time from now on that was not fired, ms UTC; 0 when there is none. Raises `ScheduleError`."""
        for due in task.schedule.times_after(self._now()):
            if self._one("SELECT 1 FROM occurrences WHERE task_id = ? AND due_at = ?", task.id, due) is None:
                return due
        return 0

    def too_far(self) -> list[Task]:
        """Active tasks whose next time lies beyond their next natural one: a clock was ahead when it was computed.

        Each as it should be. One that cannot be told is left to `fire`.
        """
        found = []
        for task in self._tasks("state = 'active' AND cron <> '' AND next_at > ?", self._now()):
            try:
                natural = self.natural(task)
            except ScheduleError:
                continue
            if 0 < natural < task.next_at:
                found.append(replace(task, next_at=natural))
        return found

    def run_now(self, task: Task) -> Fired:
        """An occurrence out of turn: the series stays as it is."""
        return replace(self._fired(task, self._free(task, self._now()), ()), out_of_turn=True)

    def begun(self, task: Task, at: int, message_id: str) -> Fired:
        """An occurrence of what it waits for. The caller knows that the message is not there yet."""
        return replace(self._fired(task, self._free(task, at), (), message_id), out_of_turn=True)

    def waiting(self) -> list[tuple[str, Awaited]]:
        """Active tasks that wait for something, with what."""
        sql = "state = 'active' AND next_at = 0 ORDER BY id"
        return [(task.id, task.awaited) for task in self._tasks(sql) if task.awaited is not None]

    def _free(self, task: Task, at: int) -> int:
        while self._one("SELECT 1 FROM occurrences WHERE task_id = ? AND due_at = ?", task.id, at) == 1:
            at += 1
        return at

    def _fired(self, task: Task, occurrence: int, stands_for: tuple[str, ...], id_: str = "") -> Fired:
        id_ = id_ or message_id(task.id, occurrence)
        self._record(task.id, occurrence, message_id=id_, stands_for="; ".join(stands_for))
        self._connection.execute(
            "DELETE FROM occurrences WHERE task_id = ?1 AND due_at < (SELECT due_at FROM occurrences WHERE task_id = ?1"
            " ORDER BY due_at DESC LIMIT 1 OFFSET ?2)",
            (task.id, MOST_OCCURRENCES),
        )
        return Fired(task, id_, occurrence, stands_for)

    def _record(
        self,
        task_id: str,
        due_at: int,
        *,
        message_id: str = "",
        stands_for: str = "",
        outcome: str = "",
        error: str = "",
    ) -> None:
        finished = self._now() if outcome else 0
        self._connection.execute(
            f"INSERT OR IGNORE INTO occurrences ({_OCCURRENCE}) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
            (task_id, due_at, message_id, stands_for, self._now(), finished, outcome, error),
        )

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────

    def started(self, task_id: str, message_id: str) -> None:
        self._connection.execute(
            "UPDATE occurrences SET started_at = ? WHERE task_id = ? AND message_id = ? AND started_at = 0",
            (self._now(), task_id, message_id),
        )

    def ended(self, task_id: str, message_id: str, status: str, error: str) -> Notice | None:
        """A run has its outcome. Called with every change of a message's status, in that change's transaction.

        Returns what people must be told: that the task was paused because it keeps failing.
        """
        self._connection.execute(
            "UPDATE occurrences SET finished_at = ?, outcome = ?, error = ? WHERE task_id = ? AND message_id = ?",
            (self._now(), status, error[:500], task_id, message_id),
        )
        task = self.get(task_id)
        if task is None or status not in ("completed", "failed"):
            return None
        if status == "completed":
            self.put(replace(task, failures=0, problem=""))
            return None
        failed = replace(task, failures=task.failures + 1, problem=" ".join(error.split())[:200])
        if failed.failures < PAUSE_AFTER or task.state != "active":
            self.put(failed)
            return None
        self.put(replace(failed, state="paused"))
        text = say(
            "⏸️ I paused the task “{title}” ({id}): it failed {failures} times in a row. The last time: {reason}",
            title=task.title,
            id=task.id,
            failures=failed.failures,
            reason=known(failed.problem) if failed.problem else say("no reason given"),
        )
        return Notice(f"task-paused:{message_id}", task.address, text)

    def occurrences(self, task_id: str, count: int) -> list[Occurrence]:
        """The latest, in order."""
        rows = self._connection.execute(
            f"SELECT {_OCCURRENCE} FROM occurrences WHERE task_id = ? ORDER BY due_at DESC LIMIT ?",
            (task_id, count),
        ).fetchall()
        return [Occurrence(*row) for row in reversed(rows)]

    # ── orders ──────────────────────────────────────────────────────────────────────────────────────────

    def done(self, order_id: str) -> tuple[bool, str] | None:
        """What was answered to an order that was carried out here."""
        row = self._connection.execute(
            "SELECT ok, text FROM orders_done WHERE id = ?", (order_id,)
        ).fetchone()
        return None if row is None else (bool(row[0]), str(row[1]))

    def note_done(self, order_id: str, *, ok: bool, text: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO orders_done VALUES (?, ?, ?, ?)", (order_id, int(ok), text, self._now())
        )
        self._connection.execute(
            "DELETE FROM orders_done WHERE id IN (SELECT id FROM orders_done ORDER BY done_at DESC LIMIT -1 OFFSET ?)",
            (MOST_ORDERS,),
        )

    def _tasks(self, where: str, *bindings: str | int) -> list[Task]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM tasks WHERE {where}", bindings).fetchall()
        return [task for row in rows if (task := _readable(row)) is not None]

    def _one(self, sql: str, *bindings: str | int) -> object:
        row = self._connection.execute(sql, bindings).fetchone()
        return None if row is None else row[0]


def copied(copy: str) -> Task | None:
    """As `Tasks.copies` made it; None for what cannot be read."""
    try:
        row = json.loads(copy)
    except ValueError:
        return None
    return _readable(row[:-1]) if isinstance(row, list) and row else None


def message_id(task_id: str, occurrence: int) -> str:
    """The occurrence's message: the same however often it is fired."""
    return "k" + hashlib.sha256(f"{task_id}\x1f{occurrence}".encode()).hexdigest()[:24]


def _readable(row: Sequence[Any]) -> Task | None:
    """One row that cannot be read costs itself, and nothing beside it."""
    try:
        return task_of(row)
    except (ValueError, TypeError) as error:
        log.error(
            "Task %s cannot be read: %s", next(iter(row), "?"), error, extra={"action": "task_unreadable"}
        )
        return None


def task_of(row: Sequence[Any]) -> Task:
    id_, title, prompt, cron, at, zone, script, policy, mentions, state, *rest = row
    (
        next_at,
        last,
        failures,
        problem,
        owner,
        source,
        made_in,
        channel,
        workspace,
        platform,
        thread,
        made,
    ) = rest
    return Task(
        id_, title, prompt, Schedule(zone, cron, at), script, policy, tuple(_more(mentions)["mentions"]), state,
        next_at, last, failures, problem, owner, source, made_in,
        Address(channel, workspace, platform, thread), made, _window(mentions), _awaited(mentions),
    )  # fmt: skip


def _more(text: str) -> dict[str, Any]:
    """The column `mentions`, which holds more than its name says: earlier files have a list of ids there."""
    found = json.loads(text)
    return found if isinstance(found, dict) else {"mentions": found}


def _window(more: str) -> int:
    try:
        return int(_more(more).get("window", 0))
    except (ValueError, TypeError):  # its row cannot be read, and is due at once: looked at, it is set aside
        return 0


def _awaited(more: str) -> Awaited | None:
    found = _more(more).get("awaited")
    try:
        return waits.decoded(found) if found else None
    except KeyError as error:
        raise ValueError(str(error)) from error


def _row(task: Task) -> tuple[Any, ...]:
    schedule, more = task.schedule, {"mentions": task.mentions, "window": task.window}
    more |= {"awaited": task.awaited.encoded()} if task.awaited else {}
    return (
        task.id, task.title, task.prompt, schedule.cron, schedule.at, schedule.zone, task.script, task.missed,
        json.dumps(more), task.state, task.next_at, task.last_occurrence, task.failures, task.problem,
        task.owner, task.source, task.made_in, *task.address, task.created_at,
    )  # fmt: skip


def in_words(task: Task, now: int, count: int = 3) -> Sentence:
    """One paragraph for the agent or a terminal: what it is, when it comes, where it posts."""
    try:
        after = max(now, task.next_at - 1)
        coming = task.schedule.next_in_words(after, count) if task.state == "active" else []
    except ScheduleError as error:
        coming = [say("unknown ({reason})", reason=str(error))]
    told = [say("{id} “{title}”: {when}.", id=task.id, title=task.title, when=task.when)]
    if coming:
        told.append(say("Next: {times}.", times=joined("; ", coming)))
    if coming and task.window:
        span = promise.between(task.next_at, task.window, task.schedule.zone)
        told.append(say("The next begins {between}.", between=span))
    if task.state in _STATES:
        told.append(_STATES[task.state])
    if task.failures:
        told.append(say("Its last run failed: {reason}.", reason=known(task.problem)))
    elif task.state == "paused" and task.problem:
        told.append(say("The reason: {reason}.", reason=known(task.problem)))
    return joined(" ", told)


_STATES = {
    "paused": say("It is paused."),
    "done": say("It is over."),
    "cancelled": say("It is cancelled."),
}
