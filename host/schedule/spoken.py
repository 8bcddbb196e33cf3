"""When something is to happen, as a person writes it: "tomorrow at 9", "in 20 minutes", "every weekday at nine".

What is not understood to the last word is refused and never guessed at (law 12): a library that finds a time in almost any
text is of no use here. What is understood is said back, and confirmed, before anything is scheduled. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from host.config.recurrence import LATEST_YEAR, ScheduleError, known_zone
from host.schedule import clocks
from host.schedule.clocks import MORNING, number
from host.words import say

EXAMPLES = '"in 20 minutes", "tomorrow at 9", "on 24 December at 18:30", "every weekday at nine"'
REPEATED = (
    '"every weekday at nine", "mondays at 10", "first monday of the month at 9", "every year on 24 December"'
)
LONGEST = 200  # characters

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
UNITS = {"minute": 60, "min": 60, "m": 60, "hour": 3600, "hr": 3600, "h": 3600}
SPANS = {"day": 1, "d": 1, "week": 7, "w": 7}

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ]+(\d{1,2}):(\d{2})(?::\d{2})?)?")


@dataclass(frozen=True, slots=True)
class When:
    """As an order about tasks takes it: one of the two is set."""

    cron: str = ""
    at: str = ""  # local time, with its offset where it follows from a length of time
    zone: str = ""  # IANA, where one was said


def understood(text: str, now: int, zone: str) -> When:
    """`now` in ms UTC; `zone` is the person's. Raises `ScheduleError`."""
    known_zone(zone)
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split()).strip(" .!")
    if re.fullmatch(r"(?:on )?\d{1,2}\.\d{1,2}", said) and text.rstrip().endswith("."):
        said += "."  # a day of a month
    said = re.sub(r"^(?:please )?(?:remind me|do it|do this)\s+", "", said)
    if not said or len(said) > LONGEST:
        raise _not_understood(text)
    if said.startswith("@") or (len(said.split()) == 5 and re.fullmatch(r"[\d*,/#\-\s]+", said)):
        return When(cron=said)
    said, named = clocks.zoned(said)
    if named:
        return replace(understood(said, now, named), zone=named)
    here = datetime.fromtimestamp(now / 1000, UTC).astimezone(known_zone(zone))
    if re.search(r"(?:^| )\d{1,2}/\d{1,2}(?: |/|$)", said):
        raise ScheduleError(
            say(
                "{said} is another day here and there. Write the month's name, such as 24 December.",
                said=repr(said),
            )
        )
    try:
        for reader in (_length, _repeated, _once):
            if (found := reader(said, here)) is not None:
                return found
    except (ValueError, OverflowError) as error:
        if isinstance(error, ScheduleError):
            raise
        raise _not_understood(text) from error
    raise _not_understood(text)


def _not_understood(text: str) -> ScheduleError:
    said = " ".join(text.split())[:60]
    return ScheduleError(
        say(
            "I do not understand {said} as a time. Write it like one of these: {examples}.",
            said=repr(said),
            examples=EXAMPLES,
        )
    )


# ── a length of time ─────────────────────────────────────────────────────────────────────────────────────


def _length(said: str, here: datetime) -> When | None:
    """ "in an hour and 30 minutes": of real time; whole days keep the time that the clock shows."""
    if (by_calendar := _in_days(said, here)) is not None:
        return by_calendar
    found = re.fullmatch(r"(?:in|after)\s+(.+?)|(.+?)\s+from now|(.+)", said)
    told = (found[1] or found[2] or found[3]) if found else ""
    told = told.replace("half an hour", "30 minutes").replace("half hour", "30 minutes")
    told = re.sub(r"^an? hour and a half$|^one and a half hours$", "90 minutes", told)
    told = re.sub(r"\b(\d{1,3})[.,](25|5|75)\s*(?:hours?|hrs?|h)\b", _minutes, told)
    told = re.sub(r"^a couple of\b", "couple", told)
    pieces = [piece for piece in re.split(r"\s*(?:,|\band\b)\s*|\s+(?=\d)|(?<=[a-z])(?=\d)", told) if piece]
    days, seconds = 0, 0
    for piece in pieces:
        match = re.fullmatch(r"(\d{1,5}|[a-z]+)\s*([a-z]+)", piece)
        count, unit = (number(match[1]), match[2]) if match else (None, "")
        unit = unit if unit in UNITS or unit in SPANS else unit.removesuffix("s")
        if unit in ("second", "sec") and count is not None:
            raise ScheduleError(say("A minute is the shortest that I can wait."))
        if count is None or (unit not in UNITS and unit not in SPANS) or (told == said and len(unit) == 1):
            return None  # "9h" alone is a time of day
        seconds += count * UNITS.get(unit, 0)
        days += count * SPANS.get(unit, 0)
    if not days and not seconds:
        raise ScheduleError(say("That would be right now. Say how long I shall wait, such as in 20 minutes."))
    later = here + timedelta(days=days)  # by the clock on the wall
    if seconds:
        later = (later.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(here.tzinfo)
    return _at(later) if seconds else When(at=f"{later.replace(tzinfo=None):%Y-%m-%d %H:%M}")


def _minutes(found: re.Match[str]) -> str:
    return f"{int(found[1]) * 60 + {'25': 15, '5': 30, '75': 45}[found[2]]} minutes"


def _in_days(said: str, here: datetime) -> When | None:
    """ "in two days at 9", "in a month": by the calendar, and as late in the day as it is now where no time is said."""
    found = re.fullmatch(r"(?:in )?(?P<n>\d{1,4}|[a-z]+) (?P<unit>day|week|month)s?(?P<clock> .+)?", said)
    count = number(found["n"]) if found else None
    if found is None or not count or not (found["clock"] or found["unit"] == "month"):
        return None
    at = clocks.read(found["clock"]) if found["clock"] else here.time().replace(second=0, microsecond=0)
    if at is None or "midnight" in said.split():
        return None if at is None else _of_no_day(said)
    today = here.date()
    if found["unit"] == "month":
        return _on(_months_on(today, count), at)
    return _on(today + timedelta(days=count * SPANS[found["unit"]]), at)


def _months_on(day: date, count: int) -> date:
    """The last of a month that has no such day."""
    month = day.year * 12 + day.month - 1 + count
    year, number_ = month // 12, month % 12 + 1
    return date(year, number_, min(day.day, monthrange(year, number_)[1]))


def _of_no_day(said: str) -> When:
    raise ScheduleError(
        say(
            "{said}: midnight is between two days. Write 00:00 of the day that it begins, or 23:59.",
            said=repr(said),
        )
    )


# ── again and again ──────────────────────────────────────────────────────────────────────────────────────


def _repeated(said: str, here: datetime) -> When | None:
    names = {
        "daily": "every day",
        "hourly": "every hour",
        "weekdays": "every weekday",
        "weekly": "every week",
    }
    names |= {"monthly": "every month", "nightly": "every night", "each": "every", "yearly": "every year"}
    names |= {"annually": "every year"}
    said = re.sub(
        r"^(?:on )?(?:every |each |the )*(?=(?:first|1st|last) |(?:\w+) \w+ of (?:the|every|each) month\b)",
        "every ",
        said,
    )
    first, _, behind = said.partition(" ")
    several = first == "weekends" or (first.endswith("s") and first.removesuffix("s") in DAYS)
    several = several or re.match(_SPAN, said) is not None
    said = f"every {said}" if several else f"{names.get(first, first)} {behind}".strip()
    if not said.startswith("every "):
        return None
    said = re.sub(r"^(morning|afternoon|evening|night)s?\b", r"day \1", said.removeprefix("every "))
    if re.match(r"(?:\d+ |a |one )?sec(?:ond)?s?\b(?! \w*day)", said):
        raise ScheduleError(
            say("A minute is the shortest between two times, and an agent's tasks may come less often still.")
        )
    if re.match(r"(?:other|second|third|fourth|2nd|3rd|4th) (?!\w+ of )", said):
        raise ScheduleError(
            say(
                "I cannot leave out every other one. What I can repeat is like {examples}.", examples=REPEATED
            )
        )
    if said.startswith("year"):
        return _yearly(said, here)
    if found := re.fullmatch(r"(?:(\d+|[a-z]+) )?(minute|min|hour|hr|day|week)s?", said):
        return _every(number(found[1] or "1"), found[2], here)
    for pattern, fields in _REPEATED:
        if found := re.fullmatch(rf"(?:{pattern})(?P<clock>(?: |$).*)?", said):
            days = fields(found)
            if days is None:
                return None
            if "midnight" in (found["clock"] or "").split() and days != "* * *":
                return _of_no_day(said)
            return _at_each(clocks.several(found["clock"] or ""), days)
    return None


def _at_each(times: Sequence[time] | None, days: str) -> When | None:
    if times is None:
        return None
    minutes, hours = sorted({at.minute for at in times}), sorted({at.hour for at in times})
    if len(minutes) * len(hours) != len(times):
        raise ScheduleError(say("Those times have no minute in common: ask for a task for each of them."))
    return When(cron=f"{','.join(map(str, minutes))} {','.join(map(str, hours))} {days}")


def _yearly(said: str, here: datetime) -> When | None:
    """ "year on 24 December at 9"."""
    dated = _dated(re.sub(r"^year(?: on)?(?: the)? ", "", said), here)
    if dated is None or re.search(r"\b\d{4}\b", said):
        return None
    day, rest = dated
    return _at_each(clocks.several(rest), f"{day.day} {day.month} *")


def _every(count: int | None, unit: str, here: datetime) -> When | None:
    if not count:
        return None
    size = 60 if unit in ("minute", "min") else 24
    if unit in ("minute", "min", "hour", "hr") and size % count:
        uneven = (
            say(
                "An hour is no whole number of {count} minutes: take 5, 10, 15, 20 or 30 minutes.",
                count=count,
            )
            if size == 60
            else say(
                "A day is no whole number of {count} hours: take 1, 2, 3, 4, 6, 8 or 12 hours.", count=count
            )
        )
        raise ScheduleError(uneven)
    if unit in ("minute", "min"):
        return When(cron="* * * * *" if count == 1 else f"*/{count} * * * *")
    if unit in ("hour", "hr"):
        return When(cron="0 * * * *" if count == 1 else f"0 */{count} * * *")
    if count > 1:
        raise ScheduleError(
            say("I cannot repeat that. What I can repeat is like {examples}.", examples=REPEATED)
        )
    weekday = f"{here.isoweekday() % 7}" if unit == "week" else "*"
    return When(cron=f"{MORNING.minute} {MORNING.hour} * * {weekday}")


def _weekdays(named: str) -> str | None:
    found = [_weekday(word) for word in re.split(r",? and |, ?| ", named.strip(" ,")) if word]
    if not found or None in found:
        return None
    return f"* * {','.join(str((day + 1) % 7) for day in sorted({d for d in found if d is not None}))}"


def _span(first: str, last: str) -> str | None:
    begin, end = _weekday(first), _weekday(last)
    if begin is None or end is None:
        return None
    days = [(begin + number_) % 7 for number_ in range((end - begin) % 7 + 1)]
    whole = "1-5" if days == list(range(5)) else ",".join(sorted(str((day + 1) % 7) for day in days))
    return f"* * {whole}"


def _nth(nth: str, name: str) -> str | None:
    day = _weekday(name)
    return None if day is None else f"* * {(day + 1) % 7}{_NTHS.get(nth, 'L')}"


def _of_month(found: re.Match[str]) -> str | None:
    day = int(found["day"] or 1)
    return f"{day} * *" if 1 <= day <= 31 else None


_Fields = Callable[[re.Match[str]], str | None]
_NAMES = "|".join(
    name
    for day in DAYS
    for name in (f"{day}s?", f"{day[:3]}s?", *({"tues", "thur", "thurs"} if day[0] == "t" else ()))
)
_MONTHLY = re.compile(
    r"^(?:on )?(?:every |each |the )*(?=(?:first|1st|last) \w+day|\w+ \w+ of (?:the|every|each) month\b)"
)
_SPAN = rf"(?P<from>{_NAMES})(?: to | through |-| - |–| – )(?P<to>{_NAMES})(?= |,|$)"
_NTHS = {
    "first": "#1",
    "1st": "#1",
    "second": "#2",
    "2nd": "#2",
    "third": "#3",
    "3rd": "#3",
    "fourth": "#4",
    "4th": "#4",
}
_REPEATED: Sequence[tuple[str, _Fields]] = (
    (_SPAN, lambda f: _span(f["from"], f["to"])),
    (
        rf"(?P<nth>first|1st|second|2nd|third|3rd|fourth|4th|last) (?P<day>{_NAMES})(?: of (?:the|every|each) month)?",
        lambda f: _nth(f["nth"], f["day"]),
    ),
    (r"weekdays?|(?:working|work|week) ?days?", lambda _: "* * 1-5"),
    (r"weekends?", lambda _: "* * 0,6"),
    (r"day", lambda _: "* * *"),
    (
        rf"(?:week )?(?:on )?(?P<days>(?:{_NAMES})(?:(?:,| and|, and) (?:{_NAMES}))*)",
        lambda f: _weekdays(f["days"]),
    ),
    (r"(?:month(?: on)?(?: the)?(?: (?P<day>\d{1,2})(?:st|nd|rd|th)?(?! ?[ap]m))?)", _of_month),
    (r"(?P<day>\d{1,2})(?:st|nd|rd|th)(?: of the month)?", _of_month),
)


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────


def _once(said: str, here: datetime) -> When | None:
    if found := _ISO.fullmatch(said):
        day = date(int(found[1]), int(found[2]), int(found[3]))
        return _on(day, time(int(found[4]), int(found[5])) if found[4] else MORNING)
    for reader in (_named_day, _dated):
        if (read := reader(said, here)) is not None:
            day, rest = read
            if "midnight" in rest.split():
                return _of_no_day(said)
            if not rest and day == here.date() and here.time() >= MORNING:
                raise ScheduleError(
                    say("A day alone means 09:00, which is past: add a time, such as today at 18:00.")
                )
            at = clocks.read(rest)
            return None if at is None else _on(day, at)
    return _of_today(said, here)


def _of_today(said: str, here: datetime) -> When | None:
    """A time without a day: the next one, today or tomorrow."""
    at = clocks.read(said) if said else None
    if at is None:
        return None
    day = here.date() if at > here.time() else here.date() + timedelta(days=1)
    return _on(day, at)


def _named_day(said: str, here: datetime) -> tuple[date, str] | None:
    """The day, and what is left of the words: a time before it, or behind it."""
    today = here.date()
    if "tonight" in said.split():
        return today, said
    named: list[tuple[str, Callable[[re.Match[str]], date | None]]] = [
        (r"the day after tomorrow|day after tomorrow", lambda _: today + timedelta(days=2)),
        (r"tomorrow|tmrw", lambda _: today + timedelta(days=1)),
        (r"today|this(?= morning| afternoon| evening)", lambda _: today),
        (
            rf"(?:on )?(?P<one>{_NAMES}) (?:of )?next week|next week,?(?: on)? (?P<other>{_NAMES})",
            lambda found: _next_week(found["one"] or found["other"], today),
        ),
        (r"next week", lambda _: today + timedelta(days=7 - today.weekday())),
        (r"next month", lambda _: _months_on(today.replace(day=1), 1)),
        (r"next year", lambda _: date(today.year + 1, 1, 1)),
        (rf"(?:on )?next (?P<day>{_NAMES})", lambda found: _next(found["day"], today)),
        (rf"(?:on |this |coming )*(?P<day>{_NAMES})", lambda found: _coming(found["day"], today)),
    ]
    for pattern, day_of in named:
        found = re.search(rf"(?:^|(?<= ))(?:{pattern})(?= |,|$)", said)
        if found and (day := day_of(found)):
            return day, _without(said, found)
    return None


def _dated(said: str, here: datetime) -> tuple[date, str] | None:
    """ "24 December", "December 24th 2027", "24.12.", "2026-12-24": with the next year where it is past in this one."""
    months = "|".join(f"{month}|{month[:3]}" for month in MONTHS)
    ordinal = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
    year = r"(?:,? (?P<y>\d{4}))?"
    for pattern in (
        r"(?:on )?(?P<y>\d{4})-(?P<n>\d{1,2})-(?P<d>\d{1,2})",
        r"(?:on )?(?P<d>\d{1,2})\.(?P<n>\d{1,2})(?:\.(?P<y>\d{4})|\.)",
        r"(?:on )?(?P<d>\d{1,2})\.(?P<n>\d{1,2})(?= (?:at )?\d)",
        rf"(?:on )?(?:the )?{ordinal} (?:of )?(?P<m>{months}){year}",
        rf"(?:on )?(?P<m>{months}) {ordinal}{year}",
        r"(?:on )?(?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)(?P<of> of (?:this|the) month)?",
        r"on the (?P<d>\d{1,2})(?P<of>)",
    ):
        found = re.search(rf"(?:^|(?<= )){pattern}(?= |,|$)", said)
        if found:
            groups = found.groupdict()
            if "of" in groups:
                return _day_of_month(int(groups["d"]), here.date()), _without(said, found)
            month = int(groups.get("n") or 0) or next(
                number for number, name in enumerate(MONTHS, 1) if name[:3] == str(groups.get("m"))[:3]
            )
            day = _of_year(int(groups["d"]), month, groups.get("y"), here.date())
            return day, _without(said, found)
    return None


def _of_year(day: int, month: int, year: str | None, today: date) -> date:
    if year:
        return date(int(year), month, day)
    for one in range(today.year, today.year + 9):  # the 29th of February comes, if not this year
        try:
            found = date(one, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(day)


def _day_of_month(day: int, today: date) -> date:
    """The next such day: not every month has it."""
    for count in range(13):
        first = _months_on(today.replace(day=1), count)
        if day <= monthrange(first.year, first.month)[1] and first.replace(day=day) >= today:
            return first.replace(day=day)
    raise ValueError(day)


def _next_week(name: str, today: date) -> date | None:
    day = _weekday(name)
    return None if day is None else today + timedelta(days=7 - today.weekday() + day)


def _next(name: str, today: date) -> date | None:
    """Of a day that this week still has nobody knows which one "next" is."""
    day = _weekday(name)
    if day is not None and today.weekday() < day:
        raise ScheduleError(
            say(
                "“next {day}” is in this week or in the one after it: write “this {day}” or “{day} next week”.",
                day=DAYS[day].title(),
            )
        )
    return _coming(name, today)


def _coming(name: str, today: date) -> date | None:
    """The next one: on a Monday, "Monday" is in a week."""
    day = _weekday(name)
    return None if day is None else today + timedelta(days=(day - today.weekday() - 1) % 7 + 1)


def _weekday(name: str) -> int | None:
    name = name.removesuffix("s") if name not in ("tues", "thurs") else name
    return next((n for n, day in enumerate(DAYS) if len(name) >= 3 and day.startswith(name)), None)


def _without(said: str, found: re.Match[str]) -> str:
    return " ".join(f"{said[: found.start()]} {said[found.end() :]}".replace(",", " ").split())


def _on(day: date, at: time) -> When:
    if day.year > LATEST_YEAR:
        raise ValueError(day)
    return When(at=f"{datetime.combine(day, at):%Y-%m-%d %H:%M}")


def _at(moment: datetime) -> When:
    """With its offset: of an hour that comes twice the one that is meant. In whole minutes, and never sooner than asked."""
    up = moment + timedelta(minutes=1) if moment.second or moment.microsecond else moment
    return When(at=up.replace(second=0, microsecond=0).isoformat(timespec="minutes"))
