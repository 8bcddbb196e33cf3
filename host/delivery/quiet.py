"""Quiet hours: what a task would have said in them by itself waits for their end, in a lane of its own, and the reason with it.

What people ask, and runs that they order by hand, are answered as always. A post is judged once, when it is read: its
time and its reason are committed with it, so that a crash, a reload or a clock that is set moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from host.config import recurrence
from host.config.recurrence import ScheduleError
from host.config.settings import Settings
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import Parcel
from host.mailbox.tasks import Task, message_id
from host.words import moment
from sessiondb.records import Address, MessageIn

REASON = "quiet hours until"  # how the error of a parcel that waits so begins
MINUTE = 60_000  # ms
LONGEST = 2 * 1_440  # minutes that are looked at: a day, and whatever a zone adds to one


class Quiet:
    def __init__(self, settings: Settings, now: Callable[[], int]) -> None:
        self._settings = settings
        self._now = now

    def held(
        self, writer: InboundWriter, origin: MessageIn | None, parcels: Sequence[Parcel]
    ) -> Sequence[Parcel]:
        """Those of such a run that fall into quiet hours of their place, put off until these end."""
        task = _scheduled(writer, origin)
        if task is None:
            return parcels
        return [self._held(task, parcel) for parcel in parcels]

    def hushes(self, writer: InboundWriter, message: MessageIn) -> bool:
        """Whether people should not even be shown that somebody works on it."""
        task = _scheduled(writer, message)
        return task is not None and self._until(task, message.address) > 0

    def _held(self, task: Task, parcel: Parcel) -> Parcel:
        until = self._until(task, parcel.address) if parcel.state == "pending" else 0
        if until <= parcel.next_attempt_at:
            return parcel
        why = f"{REASON} {moment(until, task.schedule.zone)}"
        return replace(parcel, next_attempt_at=until, error=why)

    def _until(self, task: Task, place: Address) -> int:
        config = self._settings.config
        hours = config.quiet_hours.of("/".join(place[:3]))
        if not hours:
            return 0
        try:
            zone = recurrence.known_zone(task.schedule.zone)
        except ScheduleError:  # this machine knows it no more
            zone = ZoneInfo(config.host.zone)
        return until(hours, self._now(), zone)


def until(hours: str, now: int, zone: ZoneInfo) -> int:
    """When the quiet hours end that it is in at the moment `now`, ms UTC; 0 outside of them. Pure.

    By what clocks on the wall show: minute by minute, so that an hour that is left out or comes twice needs no rule.
    """
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    if not _within(now, begin, end, zone):
        return 0
    at = now - now % MINUTE
    for _ in range(LONGEST):
        at += MINUTE
        if not _within(at, begin, end, zone):
            return at
    return 0


def is_held(parcel: Parcel) -> bool:
    """Whether it was put off so and nobody has tried to send it since."""
    return parcel.state == "pending" and not parcel.first_attempt_at and parcel.error.startswith(REASON)


def _within(at: int, begin: time, end: time, zone: ZoneInfo) -> bool:
    shown = datetime.fromtimestamp(at / 1000, zone).time()
    return begin <= shown < end if begin < end else shown >= begin or shown < end


def _scheduled(writer: InboundWriter, origin: MessageIn | None) -> Task | None:
    """The task that ran by its own schedule, or was begun by what it waits for; None for a message of people, and for a run that
    somebody ordered. Whoever reacted, shared a file or wrote words in a channel asked for no answer: the task did."""
    if origin is None or not origin.task_id:
        return None
    task = writer.tasks.get(origin.task_id)
    if task is None:
        return None
    due = origin.occurrence_at
    if task.awaited is not None:
        return task if origin.id != message_id(task.id, due) else None
    try:
        return task if task.schedule.next_after(due - 1) == due else None
    except ScheduleError:
        return task
