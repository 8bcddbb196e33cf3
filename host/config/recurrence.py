"""When a task is due: a cron expression or one time, in an IANA zone. Pure.

Over a change of the clocks the rules are Debian cron's. An expression that names hours and minutes runs once a day: a time
that is skipped runs right after the gap, one that comes twice runs the first time. One whose hour or minute starts with
`*` follows real time: every five minutes stays every five minutes.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from host.words import Sentence, as_it_is, joined, known, listed, mark, moment, recurring, say

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = (  # name, how many values it has, what a step counts anew in
    (mark("minute"), 60, mark("hour")),
    (mark("hour"), 24, mark("day")),
    (mark("day"), 31, mark("month")),
    (mark("month"), 12, mark("year")),
    (mark("weekday"), 7, mark("week")),
)
ORDINALS = {  # weeks of a month: its days 1 to 7, and so on
    1: mark("first"),
    2: mark("second"),
    3: mark("third"),
    4: mark("fourth"),
}
_STEP = re.compile(r"(\*|\d+-\d+|\d+)/([1-9]\d*)")
_ORDINAL = re.compile(r"\b(\d*(?<!1)[123])th\b")
_PLAINLY = (
    (re.compile(r"\bon (\w+day) through (\w+day)\b"), r"from \1 to \2"),
    (re.compile(r"\bon Sunday and Saturday\b"), "on Saturday and Sunday"),
    (re.compile(r"^at minute 0 past every (\w+) hour\b"), r"every \1 hour, on the hour"),
    (re.compile(r"^at minute 0 past every hour\b"), "every hour on the hour"),
    (re.compile(r"^at minute (\d+) past every (\w+) hour\b"), r"every \2 hour, at minute \1"),
    (re.compile(r"\bfrom (\d+) through (\d+)\b"), r"from \1 to \2"),
    (re.compile(r"\bfrom (\d\d:\d\d) through (\d\d:\d\d)\b"), r"from \1 to \2"),
    (re.compile(r"^at the start of every hour\b"), "every hour on the hour"),
    (re.compile(r"\bday of month\b"), "day of the month"),
)
EARLIEST_YEAR, LATEST_YEAR = 1970, 9000  # what every zone can tell, with room for its offset
SAMPLE = 200  # occurrences looked at for the shortest interval: more than a day of any hour and minute
LOOK_BACK = (3_600_000, 86_400_000, 40 * 86_400_000, 400 * 86_400_000, 5 * 366 * 86_400_000)  # ms


NOT_CRON = frozenset(  # as the library says it
    {
        mark("bad minute"),
        mark("bad hour"),
        mark("bad day-of-month"),
        mark("bad month"),
        mark("bad day-of-week"),
    }
)


class ScheduleError(ValueError):
    """It cannot be scheduled; `.text` is for a person."""

    def __init__(self, text: Sentence) -> None:
        super().__init__(text)
        self.text = as_it_is(text)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either `cron` (five fields) or `at` (ms UTC) is set. `zone` is an IANA name."""

    zone: str
    cron: str = ""
    at: int = 0

    def next_after(self, after: int) -> int:
        """The first due time later than `after`, ms UTC; 0 when there is none."""
        return next(self.times_after(after), 0)

    def times_after(self, after: int) -> Iterator[int]:
        """Every due time later than `after`, in order. Raises `ScheduleError` for what this machine cannot tell any more."""
        if not self.cron:
            if self.at > after:
                yield self.at
            return
        minute, hour = self.cron.split()[:2]
        follows_real_time = minute.startswith("*") or hour.startswith("*")
        try:
            for due in self._by_real_time(after) if follows_real_time else self._by_the_clock(after):
                if due > after:
                    after = due
                    yield due
        except CronSimError as error:
            raise _no_cron(self.cron, error) from error

    def _by_the_clock(self, after: int) -> Iterator[int]:
        # Without its fold, so that an hour that comes twice counts once: the caller leaves out what is not later.
        start = datetime.fromtimestamp(after // 1000, known_zone(self.zone)).replace(fold=0)
        return (_ms(found) for found in CronSim(self.cron, start))

    def _by_real_time(self, after: int) -> Iterator[int]:
        """Every instant whose local time fits. cronsim's own walk errs where clocks change by half an hour.

        Each offset the zone ever has gets a clock of its own; a time counts when its offset is the one that holds then.
        """
        zone = known_zone(self.zone)
        clocks = [_on_a_clock(self.cron, after, offset) for offset in _offsets(self.zone, after)]
        for due, offset in heapq.merge(*clocks):
            if datetime.fromtimestamp(due / 1000, zone).utcoffset() == offset:
                yield due

    def latest(self, after: int, until: int) -> int:
        """The last due time later than `after` and not later than `until`, ms UTC; 0 when there is none."""
        for back in LOOK_BACK:
            start = max(after, until - back)
            found = 0
            for due in self.times_after(start):
                if due > until:
                    break
                found = due
            if found or start == after:
                return found
        return 0

    def between(self, after: int, until: int, most: int) -> list[int]:
        """The first `most` due times later than `after` and earlier than `until`."""
        found: list[int] = []
        for due in self.times_after(after):
            if due >= until or len(found) == most:
                break
            found.append(due)
        return found

    def shortest_interval(self, now: int) -> int:
        """ms between the two nearest of the coming occurrences; 0 for a single one."""
        times = islice(self.times_after(now), SAMPLE)
        return min((later - earlier for earlier, later in pairwise(times)), default=0)

    def in_words(self) -> Sentence:
        if not self.cron:
            return say("once, on {moment}", moment=moment(self.at, self.zone))
        try:
            parsed = CronSim(self.cron, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError:
            return as_it_is(f"{self.cron} ({self.zone})")
        text = str(parsed.explain())
        told = self._often(_plainly(text[0].lower() + _ordinals(text[1:])))
        english = f"{told}{self._uneven()}{_either(parsed)} ({self.zone})"
        return recurring(self.cron, self.zone, english)

    def _often(self, told: str) -> str:
        """ "Every 15th minute of every hour" may be heard as once an hour."""
        minute, hour = self.cron.split()[:2]
        step = _STEP.fullmatch(minute)
        if hour != "*" or step is None or step[1] != "*" or self._uneven():
            return told
        return re.sub(r"^every \w+ minute of every hour\b", f"every {step[2]} minutes", told)

    def _uneven(self) -> str:
        """A step that does not divide its field leaves a shorter gap at the end, which nobody hears in "every seventh"."""
        minute, hour = self.cron.split()[:2]
        for field, size, unit in ((minute, 60, "hour"), (hour, 24, "day")):
            step = _STEP.fullmatch(field)
            if step and size % int(step[2]):
                return f", counted anew every {unit}"
        return ""

    def next_in_words(self, after: int, count: int = 3) -> list[Sentence]:
        return [moment(due, self.zone) for due in islice(self.times_after(after), count)]


def of_cron(expression: str, zone: str, now: int) -> Schedule:
    """Raises `ScheduleError`."""
    known_zone(zone)
    text = " ".join(expression.split())
    if text.startswith("@"):
        if text.lower() not in NICKNAMES:
            raise ScheduleError(
                say("{text} is not known; known are {names}", text=repr(text), names=listed([*NICKNAMES]))
            )
        text = NICKNAMES[text.lower()]
    if len(text.split()) != 5:
        raise ScheduleError(
            say("{text} must have five fields: minute, hour, day, month, weekday", text=repr(expression))
        )
    if len(text) > 200:
        raise ScheduleError(say("the cron expression is too long"))
    try:
        parsed = CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise _no_cron(expression, error) from error
    _refuse_steps_beyond(text)
    _refuse_days_that_add(text, parsed)
    schedule = Schedule(zone, cron=text)
    if not schedule.next_after(now):
        raise ScheduleError(say("{text} never comes: no day fits it", text=repr(expression)))
    return schedule


def _no_cron(expression: str, error: CronSimError) -> ScheduleError:
    problem = known(str(error).lower())
    return ScheduleError(
        say("{text} is no cron expression: {problem}", text=repr(expression), problem=problem)
    )


def _refuse_steps_beyond(cron: str) -> None:
    """A step counts anew in every hour, day, month, year or week: one that is longer would be read as all of it."""
    for field, (name, size, whole) in zip(cron.split(), FIELDS, strict=True):
        for part in field.split(","):
            step = part.partition("/")[2]
            if not step.isdigit() or int(step) < size:
                continue
            told = say(
                "'/{step}' in the {field} cannot be: cron counts anew every {whole}, so it would mean once every {whole}.",
                step=step,
                field=known(name),
                whole=known(whole),
            )
            raise ScheduleError(joined(" ", [told, _instead(name, int(step))]))


def _refuse_days_that_add(cron: str, parsed: CronSim) -> None:
    """Cron adds day and weekday where neither begins with `*`: who writes all of one, or a week of the month beside a
    weekday, means something else."""
    if parsed.day_and:
        return
    minute, hour, day, month, weekday = cron.split()
    for name, field, every in (
        ("day", day, _every_day(parsed)),
        ("weekday", weekday, _every_weekday(parsed)),
    ):
        if every:
            raise ScheduleError(
                say(
                    "{value} in the {field} takes every day, whatever the other says: cron adds the two."
                    " Write `*` for it where the other alone is meant",
                    value=repr(field),
                    field=known(name),
                )
            )
    number = next((n for n in ORDINALS if parsed.days == set(range(7 * n - 6, 7 * n + 1))), 0)
    if number and weekday.isalnum():
        raise ScheduleError(
            say(
                "{day} beside the weekday {weekday} would be each of those days and each such weekday: cron adds the two."
                " The {nth} one of a month is `{meant}`",
                day=repr(day),
                weekday=repr(weekday),
                nth=known(ORDINALS[number]),
                meant=f"{minute} {hour} * {month} {weekday}#{number}",
            )
        )


def _either(parsed: CronSim) -> str:
    """What "on the 13th and on Friday" leaves open."""
    if parsed.day_and:
        return ""
    if _every_day(parsed) or _every_weekday(parsed):
        return ", which together is every day"
    return ", whichever comes: one of the two is enough"


def _every_day(parsed: CronSim) -> bool:
    return len(parsed.days) == 31


def _every_weekday(parsed: CronSim) -> bool:
    return {day % 7 for day in parsed.weekdays if isinstance(day, int)} == set(range(7))


def _instead(name: str, step: int) -> Sentence:
    minutes = step * {"minute": 1, "hour": 60}.get(name, 0)
    if not minutes:
        return say("Name the days or months themselves, such as 1,15")
    if minutes % 1440 == 0:
        days = minutes // 1440
        if days == 1:
            return say("Every day is `0 0 * * *`")
        return say("Every {count} days of a month is `{cron}`", count=days, cron=f"0 0 */{days} * *")
    if minutes == 60:
        return say("Every hour is `0 * * * *`")
    if minutes % 60 == 0 and 1440 % minutes == 0:
        hours = minutes // 60
        return say("Every {count} hours is `{cron}`", count=hours, cron=f"0 */{hours} * * *")
    if minutes % 60 == 30 and 1440 % minutes == 0:
        hours = minutes * 2 // 60
        return say(
            "Every {count} minutes is two tasks, `{first}` and `{second}`",
            count=minutes,
            first=f"0 */{hours} * * *",
            second=f"30 {minutes // 60}-23/{hours} * * *",
        )
    return say(
        "Name the minutes and hours themselves, such as `0 0,7,14,21 * * *`, or take one that divides a day"
    )


def _plainly(text: str) -> str:
    """As people say it."""
    for pattern, words in _PLAINLY:
        text = pattern.sub(words, text)
    return text


def _ordinals(text: str) -> str:
    """The 31st, where the library says 31th."""
    return _ORDINAL.sub(lambda match: match[1] + {"1": "st", "2": "nd", "3": "rd"}[match[1][-1]], text)


def of_time(text: str, zone: str, now: int) -> Schedule:
    """From `2026-12-31 18:00`, local in the zone unless it carries an offset. Raises `ScheduleError`."""
    known_zone(zone)
    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ScheduleError(say("{text} is not a time such as 2026-12-31 18:00", text=repr(text))) from error
    if not EARLIEST_YEAR <= said.year <= LATEST_YEAR:
        raise ScheduleError(
            say(
                "{text} is not within the years {earliest} to {latest}",
                text=repr(text),
                earliest=EARLIEST_YEAR,
                latest=LATEST_YEAR,
            )
        )
    if said.tzinfo is None:
        local = said.replace(tzinfo=ZoneInfo(zone))
        if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != said:
            raise ScheduleError(
                say(
                    "{time} does not exist in {zone}: the clocks skip it",
                    time=f"{said:%Y-%m-%d %H:%M}",
                    zone=zone,
                )
            )
        said = local
    at = _ms(said)
    if at <= now:
        raise ScheduleError(
            say("{time} is past; it is {now} now", time=moment(at, zone), now=moment(now, zone))
        )
    return Schedule(zone, at=at)


def known_zone(zone: str) -> ZoneInfo:
    """Raises `ScheduleError`."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(
            say("{zone} is not an IANA time zone such as Europe/Berlin", zone=repr(zone))
        ) from error


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _on_a_clock(cron: str, after: int, offset: timedelta) -> Iterator[tuple[int, timedelta]]:
    """The times of an expression on a clock that never changes."""
    start = datetime.fromtimestamp(after // 1000, UTC).replace(tzinfo=None) + offset
    return ((_ms((found - offset).replace(tzinfo=UTC)), offset) for found in CronSim(cron, start))


def _offsets(zone: str, after: int) -> tuple[timedelta, ...]:
    return _offsets_from(zone, datetime.fromtimestamp(after / 1000, UTC).year)


@lru_cache(maxsize=1_000)
def _offsets_from(zone: str, year: int) -> tuple[timedelta, ...]:
    """Those of the years around; later years repeat them."""
    start, where = datetime(year, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    weeks = (start + timedelta(weeks=number) for number in range(-1, 160))
    return tuple(sorted({week.astimezone(where).utcoffset() or timedelta() for week in weeks}))


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
