"""Tasks that cannot do what they are for: their place is closed, or whoever they belong to is gone.

They rest, with the reason, and somebody is told once: of a closed place whoever asked, alone; of somebody who is gone the place.
When that is over whoever asked is told once more and decides: nobody else knows whether the task is still wanted. Only what has
no owner, as the file's tasks, goes on by itself. What is decided and the notice that tells it are one transaction of the
session's file: told once, whatever crashes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from host.config.recurrence import ScheduleError
from host.mailbox.inbound import InboundWriter
from host.mailbox.tasks import Task
from host.registry import notices, standing
from host.registry.notices import Notice
from host.registry.standing import Ended
from host.words import Sentence, as_it_is, clauses, known, listed, many, mark, say
from sessiondb.records import Status

log = logging.getLogger(__name__)

OWNER_GONE = mark("whoever asked for it is gone")
OVER = ", which is over"  # after the reason, once whoever asked was told
MOST_NAMED = 10  # tasks in one notice


def rest(writer: InboundWriter, here: Ended, now: int) -> None:
    known = writer.tasks.all()
    ended = [task for task in known if task.state == "active" and _is_over(task, here)]
    again = [task for task in known if task.problem.endswith(OVER) and _is_over(task, here)]
    freed = [] if here.why else [task for task in known if _is_freed(task, here)]
    if not ended and not freed and not again:
        return
    with writer.writing():
        for task in again:  # nobody resumed it meanwhile, and there is nothing new to tell
            writer.tasks.rest(task, _reason(here))
        for task in ended:
            writer.tasks.rest(task, _reason(here))
            if here.why:
                _let_go(writer, task, _reason(here))
            log.warning("A task rests: %s", _reason(here), extra={"action": "task_rests", "task": task.id})
        told = _told(ended, here, now)
        for tasks in _by_owner(freed):
            told += _free(writer, tasks, here, now)
        for notice in told:
            writer.owe(notice.about, notice.encode())


def _is_over(task: Task, here: Ended) -> bool:
    return bool(here.why) or task.owner in here.gone


def _is_freed(task: Task, here: Ended) -> bool:
    """Rested for its place, which is open again, or for its owner, who is back."""
    if task.state != "paused" or task.failures:
        return False
    if task.problem == OWNER_GONE:
        return task.owner not in here.gone
    return task.problem.endswith(tuple(standing.WORDS.values()))


def _reason(here: Ended) -> str:
    return f"{_called(here)} {here.why}" if here.why else OWNER_GONE


def _let_go(writer: InboundWriter, task: Task, why: str) -> None:
    """A run that waits would be paid for and have nowhere to be said."""
    for message in writer.pending():
        if message.task_id == task.id:
            writer.settle(message.id, Status.CANCELLED, why)


def _told(ended: Sequence[Task], here: Ended, now: int) -> list[Notice]:
    return [_paused(tasks, here, now) for tasks in _by_owner(ended) if tasks[0].owner or not here.why]


def _paused(tasks: Sequence[Task], here: Ended, now: int) -> Notice:
    """What was resumed and ends again is told again."""
    owner, place = tasks[0].owner, tasks[0].address
    about = f"ended:{tasks[0].id}:{now}"
    if not here.why:
        text = say(
            "⏸️ I paused {tasks}: {person}, who asked for it, is gone. An owner of mine who resumes it takes it over.",
            tasks=_named(tasks),
            person=here.gone[owner] or owner,
        )
        return Notice(f"{about}:{owner}", place, text)
    text = say(
        "⏸️ I paused {tasks}: {place}, where it posts, {what}. It stays as it is: resume it once I can write there again, or ask"
        " me for it in another place.",
        tasks=_named(tasks),
        place=_called(here),
        what=known(here.why),
    )
    alone = notices.direct(place.channel_type, place.workspace_id)
    return Notice(about, alone, text, private_to=owner)


def _free(writer: InboundWriter, tasks: Sequence[Task], here: Ended, now: int) -> list[Notice]:
    """All of one owner."""
    owner, place = tasks[0].owner, tasks[0].address
    about = f"freed:{tasks[0].id}:{now}"
    if not owner:
        for task in tasks:
            _go_on(writer, task)
        return [
            Notice(about, place, say("▶️ I can write here again and go on with {tasks}.", tasks=_named(tasks)))
        ]
    if owner in here.gone:
        for task in tasks:
            writer.tasks.rest(task, OWNER_GONE)
        return [_paused(tasks, here, now)]
    for task in tasks:
        writer.tasks.rest(task, task.problem + OVER)
    since = say("I can write in {place} again.", place=_called(here))
    if tasks[0].problem == OWNER_GONE:
        since = say("You are back.")
    text = say(
        "▶️ {since} I paused {tasks} meanwhile: resume it if it is still wanted, or cancel it.",
        since=since,
        tasks=_named(tasks),
    )
    alone = notices.direct(place.channel_type, place.workspace_id)
    return [Notice(about, alone, text, private_to=owner, otherwise=place)]


def _go_on(writer: InboundWriter, task: Task) -> None:
    try:
        coming = writer.tasks.natural(task)
    except ScheduleError:  # its zone is not known any more: whoever resumes it is told
        return writer.tasks.rest(task, task.problem + OVER)
    goes_on = coming or task.awaited is not None
    return writer.tasks.put(replace(task, state="active" if goes_on else "done", next_at=coming, problem=""))


def _by_owner(tasks: Sequence[Task]) -> list[list[Task]]:
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.owner, []).append(task)
    return list(found.values())


def _named(tasks: Sequence[Task]) -> Sentence:
    titles = [as_it_is(f"“{task.title}” ({task.id})") for task in tasks[:MOST_NAMED]]
    more = max(0, len(tasks) - MOST_NAMED)
    names = clauses(titles) if more else listed(titles)
    if more:
        names = many("{names} and {count} more", "{names} and {count} more", more, names=names)
    if len(tasks) == 1:
        return say("the task {names}", names=names)
    return say("the tasks {names}", names=names)


def _called(here: Ended) -> Sentence:
    return as_it_is(f"#{here.place}") if here.place else say("the place")


def retold(problem: str) -> Sentence:
    """Why a task rests, as it was kept."""
    for what in standing.WORDS.values():
        for over in ("", OVER):
            if problem.endswith(f" {what}{over}"):
                place = known(problem.removesuffix(f" {what}{over}"))
                told = say("{place} {what}", place=place, what=known(what))
                return say("{reason}, which is over", reason=told) if over else told
    if problem.endswith(OVER):
        return say("{reason}, which is over", reason=known(problem.removesuffix(OVER)))
    return known(problem)
