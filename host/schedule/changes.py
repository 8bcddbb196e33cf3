"""Carrying an order out on the tasks of one session, inside the caller's transaction. Texts are for whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from host.config import awaited as waits
from host.config import recurrence
from host.config.awaited import Awaited
from host.config.recurrence import Schedule, ScheduleError
from host.mailbox import promise, tasks
from host.mailbox.inbound import InboundWriter
from host.mailbox.tasks import Task
from host.schedule import ended
from host.schedule.orders import Order, Update, Wish
from host.words import Sentence, joined, length, say
from sessiondb.records import Status

NOT_YOURS = say(
    "Only whoever asked for the task, or an owner, may do that; pausing is for everybody who sees it."
)
TIMES = 5  # that are said when a task is made


def carry_out(writer: InboundWriter, order: Order, now: int) -> Sentence:
    """Returns what became of it. Raises `ScheduleError`."""
    if isinstance(order.asked, Wish):
        return _schedule(writer, order, order.asked, now)
    task = writer.tasks.get(order.task_id)
    if task is None or task.state == "cancelled":
        raise ScheduleError(say("there is no task {id}", id=order.task_id))
    if order.name != "pause_task" and not _has_right(order, task):
        raise ScheduleError(NOT_YOURS)
    if isinstance(order.asked, Update):
        return _update(writer, order, task, order.asked, now)
    return _SIMPLE[order.name](writer, order, task, now)


def may_change(task: Task, person: str, *, owner: bool) -> bool:
    """One right on every way in: a button, a command, or an agent that was asked."""
    return owner or (bool(person) and task.owner == person)


def _has_right(order: Order, task: Task) -> bool:
    mine = [may_change(task, person, owner=False) for person in order.people]
    return order.master or (bool(mine) and all(mine))


def carry_out_once(writer: InboundWriter, order: Order, now: int) -> tuple[bool, str]:
    """For orders from outside of the session's own file: (done, text), the same when it is ordered again after a crash."""
    with writer.writing():
        known = writer.tasks.done(order.id)
        if known is not None:
            return known
        try:
            ok, text = True, carry_out(writer, order, now)
        except ScheduleError as error:
            ok, text = False, error.text
        writer.tasks.note_done(order.id, ok=ok, text=text)
    return ok, text


def _schedule(writer: InboundWriter, order: Order, wish: Wish, now: int) -> Sentence:
    known = writer.tasks.get(order.task_id)
    if known is None and len(writer.tasks.all()) >= order.limits.most:
        raise ScheduleError(
            say("there are {count} tasks here already; cancel some first", count=order.limits.most)
        )
    # A file goes on naming a single time that has passed; anybody else who names one is mistaken.
    since = 0 if order.source == "file" and wish.at else now
    schedule = schedule_of(wish, order.zone, since, order.limits.shortest_interval)
    coming, awaited = schedule.next_after(now), _awaited(wish, order, now)
    task = Task(
        id=order.task_id,
        title=wish.title,
        prompt=wish.prompt,
        schedule=schedule,
        script=wish.script,
        missed=wish.missed,
        mentions=wish.mentions,
        state="active" if coming or awaited else "done",
        next_at=coming,
        last_occurrence=0,
        failures=0,
        problem="",
        owner=order.by,
        source=order.source,
        made_in=order.made_in,
        address=order.address,
        created_at=now,
        window=0 if wish.punctual else promise.window_of(schedule, order.limits.window, now),
        awaited=awaited,
    )
    if known is not None and order.source == "file":
        task = _declared_again(known, task, now)
    writer.tasks.put(task)
    done = say("Scheduled: {task}", task=tasks.in_words(task, now, TIMES))
    if order.source != "agent":
        return done
    tried = say("Who asked for it sees its first run alone and now with `!tasks try {id}`.", id=task.id)
    return joined(" ", [done, tried])


def schedule_of(wish: Wish, zone: str, now: int, shortest_interval: int) -> Schedule:
    """`zone` is for a wish without one; the interval is in ms. Raises `ScheduleError`."""
    if wish.awaits:
        recurrence.known_zone(wish.zone or zone)
        _awaited_of(wish)
        return Schedule(wish.zone or zone)
    return _when(wish.cron, wish.at, wish.zone or zone, now, shortest_interval)


def _awaited_of(wish: Wish) -> tuple[waits.Kind, str]:
    """Raises `ScheduleError`."""
    if wish.awaits == "reaction":
        return "reaction", waits.asked_reaction(wish.reaction)
    return (
        ("file", waits.endings(wish.file)) if wish.awaits == "file" else ("words", waits.phrases(wish.words))
    )


def _awaited(wish: Wish, order: Order, now: int) -> Awaited | None:
    if not wish.awaits:
        return None
    kind, what = _awaited_of(wish)
    return Awaited(
        kind, what, (order.channel or order.address)._replace(thread_id=""), order.asked_at or now, wish.by
    )


def _declared_again(known: Task, task: Task, now: int) -> Task:
    """The file says it as it did, or otherwise: what happened to the task since stays, a person's pause too."""
    kept = replace(
        task,
        state=known.state,
        next_at=known.next_at,
        failures=known.failures,
        problem=known.problem,
    )
    if task.awaited is not None and known.awaited is not None and known.state != "cancelled":
        return replace(kept, next_at=0, awaited=replace(task.awaited, since=known.awaited.since))
    if task.awaited is not None:
        return replace(task, state="paused" if known.state == "paused" else "active")
    if known.state == "cancelled" or task.schedule != known.schedule or known.awaited is not None:
        coming = task.schedule.next_after(max(now, known.last_occurrence))
        state: tasks.State = "done" if not coming else "paused" if known.state == "paused" else "active"
        return replace(kept, state=state, next_at=coming)
    return kept


def _update(writer: InboundWriter, order: Order, task: Task, asked: Update, now: int) -> Sentence:
    _not_owned_by_file(order, task)
    if task.awaited is not None and (asked.cron.strip() or asked.at.strip() or asked.punctual is not None):
        raise ScheduleError(
            say("{id} waits for something and has no time: cancel it, and ask for another one", id=task.id)
        )
    schedule = task.schedule
    if asked.cron.strip() or asked.at.strip():
        schedule = _when(
            asked.cron, asked.at, asked.zone or schedule.zone, now, order.limits.shortest_interval
        )
    elif asked.zone and task.awaited is not None:
        schedule = Schedule(recurrence.known_zone(asked.zone).key)
    elif asked.zone:
        if not schedule.cron:
            raise ScheduleError(say("to move a single time to another zone, give its time anew"))
        schedule = _when(schedule.cron, "", asked.zone, now, order.limits.shortest_interval)
    changed = replace(
        task,
        title=asked.title or task.title,
        prompt=asked.prompt or task.prompt,
        script=task.script if asked.script is None else asked.script,
        missed=asked.missed or task.missed,
        mentions=task.mentions if asked.mentions is None else asked.mentions,
        schedule=schedule,
    )
    punctual = not task.window if asked.punctual is None else asked.punctual
    if schedule != task.schedule or asked.punctual is not None:
        window = (
            0 if punctual and task.schedule.cron else promise.window_of(schedule, order.limits.window, now)
        )
        changed = replace(changed, window=window)
    if schedule != task.schedule and task.awaited is None:
        revived = "active" if task.state == "done" else task.state
        changed = replace(changed, state=revived, next_at=writer.tasks.natural(changed))
    writer.tasks.put(changed)
    return say("Changed: {task}", task=tasks.in_words(changed, now))


def _pause(writer: InboundWriter, order: Order, task: Task, now: int) -> Sentence:
    if task.state == "done":
        raise ScheduleError(say("{id} is over: it does not come again", id=task.id))
    running = writer.tasks.running(task.id)
    writer.tasks.put(replace(task, state="paused"))
    done = say("Paused {id} “{title}”.", id=task.id, title=task.title)
    return joined(" ", [done, say("The run under way is finished first.")]) if running else done


def _resume(writer: InboundWriter, order: Order, task: Task, now: int) -> Sentence:
    if task.state == "active":
        return say("It was not paused: {task}", task=tasks.in_words(task, now))
    coming, awaited = writer.tasks.natural(task), task.awaited
    if awaited is not None:
        awaited = replace(awaited, since=now)  # what happened meanwhile is not made up for
    elif not coming:
        raise ScheduleError(say("{id} is over: its time has passed; update it with a new one", id=task.id))
    # Whoever takes up what somebody left has it from now on.
    owner = order.by if task.problem == ended.OWNER_GONE else task.owner
    resumed = replace(
        task, state="active", next_at=coming, failures=0, problem="", owner=owner, awaited=awaited
    )
    writer.tasks.put(resumed)
    return say("Resumed: {task}", task=tasks.in_words(resumed, now))


def _cancel(writer: InboundWriter, order: Order, task: Task, now: int) -> Sentence:
    _not_owned_by_file(order, task)
    writer.tasks.put(replace(task, state="cancelled", next_at=0))
    for message in writer.pending():
        if message.task_id == task.id:
            writer.settle(message.id, Status.CANCELLED, "its task was cancelled")
    return say("Cancelled {id} “{title}”. It will not run again.", id=task.id, title=task.title)


def _run(writer: InboundWriter, order: Order, task: Task, now: int) -> Sentence:
    if writer.tasks.running(task.id):
        raise ScheduleError(say("{id} is running already; its answer comes when it is done", id=task.id))
    writer.run_task(writer.tasks.run_now(task))
    return say(
        "{id} “{title}” runs now; what it has to say is posted where it always posts.",
        id=task.id,
        title=task.title,
    )


_SIMPLE: dict[str, Callable[[InboundWriter, Order, Task, int], Sentence]] = {
    "pause_task": _pause,
    "resume_task": _resume,
    "cancel_task": _cancel,
    "run_task_now": _run,
}


def _when(cron: str, at: str, zone: str, now: int, shortest_interval: int) -> Schedule:
    if at.strip():
        return recurrence.of_time(at, zone, now)
    schedule = recurrence.of_cron(cron, zone, now)
    interval = schedule.shortest_interval(now)
    if 0 < interval < shortest_interval:
        raise ScheduleError(
            say(
                "it would run every {interval}; this agent's tasks may run every {least} at most",
                interval=length(interval),
                least=length(shortest_interval),
            )
        )
    return schedule


def _not_owned_by_file(order: Order, task: Task) -> None:
    if task.source == "file" and order.source != "file":
        raise ScheduleError(say("{id} belongs to the configuration file and is changed there", id=task.id))
