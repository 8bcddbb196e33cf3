"""A day, as a person names it: "tomorrow", "friday next week", "24 December", "the 3rd". Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from host.config.recurrence import LATEST_YEAR, ScheduleError
from host.words import Sentence, known, say

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
_SHORT = {"tuesday": "tues", "wednesday": "weds", "thursday": "thurs?"}
DAY = "|".join(f"{day}|{_SHORT[day]}|{day[:3]}" if day in _SHORT else f"{day}|{day[:3]}" for day in DAYS)
MONTH = "|".join(f"{month}|{month[:3]}" for month in MONTHS)
NTHS = {
    "first": 1,
    "1st": 1,
    "second": 2,
    "2nd": 2,
    "third": 3,
    "3rd": 3,
    "fourth": 4,
    "4th": 4,
    "last": 0,
}
NTH = "|".join(NTHS)
_ORDINAL = r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?"
_YEAR = r"(?:,? (?P<y>\d{4}))?"
NAMED_MONTH = (
    rf"(?:on )?(?:the )?{_ORDINAL} (?:of )?(?P<m>{MONTH}){_YEAR}",
    rf"(?:on )?(?P<m>{MONTH}) (?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}",
)
_PART = re.compile(r"\b(?:morning|afternoon|evening|night)$")
_DATES = (
    r"(?:on )?(?P<y>\d{4})-(?P<n>\d{1,2})-(?P<d>\d{1,2})",
    r"(?:on )?(?P<d>\d{1,2})\.(?P<n>\d{1,2})(?:\.(?P<y>\d{4})|\.)",
    r"(?:on )?(?P<d>\d{1,2})\.(?P<n>\d{1,2})(?= (?:at )?\d)",
    *NAMED_MONTH,
    r"(?:on )?(?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)(?P<of> of this month)?",
    r"on the (?P<d>\d{1,2})(?P<of>)",
)


@dataclass(frozen=True, slots=True)
class When:
    """As an order about tasks takes it: one of the two is set."""

    cron: str = ""
    at: str = ""  # local time, with its offset where it follows from a length of time
    zone: str = ""  # IANA, where one was said


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    rest: str = ""  # what is left of the words: a time before it, or behind it
    weekly: bool = False  # today by its weekday's name: the one in a week where the time is past


def on(day: date, at: time) -> When:
    if day.year > LATEST_YEAR:
        raise ValueError(day)
    return When(at=f"{datetime.combine(day, at):%Y-%m-%d %H:%M}")


def of_no_day(said: str) -> When:
    raise ScheduleError(
        say(
            "{said}: midnight is between two days. Write 00:00 of the day that it begins, or 23:59.",
            said=repr(said),
        )
    )


def weekday(name: str) -> int | None:
    """From 0, which is Monday."""
    name = name.removesuffix("s") if name not in ("tues", "thurs", "weds") else name[:3]
    return next((n for n, day in enumerate(DAYS) if len(name) >= 3 and day.startswith(name)), None)


def months_on(day: date, count: int) -> date:
    """The last of a month that has no such day."""
    month = day.year * 12 + day.month - 1 + count
    year, number_ = month // 12, month % 12 + 1
    return date(year, number_, min(day.day, monthrange(year, number_)[1]))


def refuse_without_a_month(said: str) -> None:
    """ "last friday" is past or comes every month; so with the first one."""
    if found := _within(r"(?P<d>\d{1,2})(?P<th>st|nd|rd|th) of the month", said):
        one = found["d"] + found["th"]
        raise ScheduleError(
            say("“{day} of the month” is the next one or each: write “the {day}”, or “every {day}”.", day=one)
        )
    found = _within(rf"(?P<nth>{NTH}) (?P<day>{DAY})s?(?! (?:of|in) )", said)
    if found is None:
        return
    day, nth = DAYS[weekday(found["day"]) or 0].title(), found["nth"]
    sentence: Sentence = say(
        "“{nth} {day}” is one of one month, or of each: write “every {nth} {day}”, or “{nth} {day} of {month}”.",
        nth=nth,
        day=day,
        month="next month",
    )
    if nth == "last":
        sentence = say(
            "“last {day}” is past, or the last one of a month: write “every last {day}”, or “last {day} of this month”.",
            day=day,
        )
    raise ScheduleError(sentence)


def named(said: str, here: datetime) -> Day | None:
    """ "tomorrow at 9", "at 10 on friday". Raises `ScheduleError` for a past one, and one that may be either of two."""
    today = here.date()
    if "tonight" in said.split():
        return Day(today, said)
    found_by: list[tuple[str, Callable[[re.Match[str]], date | None]]] = [
        (
            rf"(?:on )?(?:the )?(?P<nth>{NTH}) (?P<day>{DAY}) (?:of|in) (?P<m>{MONTH}|this month|next month){_YEAR}",
            lambda found: _nth(found, today),
        ),
        (r"the day after tomorrow|day after tomorrow", lambda _: today + timedelta(days=2)),
        (r"tomorrow|tmrw", lambda _: today + timedelta(days=1)),
        (r"today|this(?= morning| afternoon| evening)", lambda _: today),
        (
            rf"(?:on )?(?P<one>{DAY}) (?:of )?next week|next week,?(?: on)? (?P<other>{DAY})",
            lambda found: _next_week(found["one"] or found["other"], today),
        ),
        (r"next week", lambda _: today + timedelta(days=7 - today.weekday())),
        (r"next month", lambda _: months_on(today.replace(day=1), 1)),
        (r"next year", lambda _: date(today.year + 1, 1, 1)),
        (rf"(?:on )?next (?P<day>{DAY})", lambda found: _next(found["day"], today)),
        (rf"(?:on )?(?:this )?coming (?P<day>{DAY})", lambda found: _coming(found["day"], today)),
    ]
    for pattern, day_of in found_by:
        found = _within(pattern, said)
        if found and (day := day_of(found)):
            return Day(day, _without(said, found))
    if (found := _within(rf"(?:on )?(?P<this>this )?(?P<day>{DAY})", said)) is None:
        return None
    ahead = ((weekday(found["day"]) or 0) - today.weekday()) % 7
    return Day(today + timedelta(days=ahead), _without(said, found), weekly=not ahead and not found["this"])


def dated(said: str, here: datetime) -> Day | None:
    """ "24 December", "monday, December 24th 2027", "24.12.", "2026-12-24": with the next year where it is past in this one."""
    for pattern in _DATES:
        if found := _within(rf"(?:(?:on )?(?P<weekday>{DAY}),? (?:the )?)?{pattern}", said):
            day = _date_of(found.groupdict(), here.date())
            if found["weekday"] and weekday(found["weekday"]) != day.weekday():
                raise ScheduleError(
                    say(
                        "{said}: {day} is a {weekday}.",
                        said=repr(said),
                        day=f"{day}",
                        weekday=known(DAYS[day.weekday()].title()),
                    )
                )
            return Day(day, _without(said, found))
    return None


def _date_of(groups: dict[str, str | None], today: date) -> date:
    if "of" in groups:
        return _day_of_month(int(groups["d"] or 0), today)
    month = int(groups.get("n") or 0) or _month(str(groups.get("m")))
    return _of_year(int(groups["d"] or 0), month, groups.get("y"), today)


def _month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month[:3] == name[:3])


def _nth(found: re.Match[str], today: date) -> date:
    """Of a month by its name, this one or the next."""
    first = months_on(today.replace(day=1), 1 if found["m"] == "next month" else 0)
    if not found["m"].endswith(" month"):
        first = first.replace(month=_month(found["m"]), year=int(found["y"] or today.year))
    day = _nth_in(first, weekday(found["day"]) or 0, NTHS[found["nth"]])
    if day < today and not found["y"] and not found["m"].endswith(" month"):
        day = _nth_in(first.replace(year=first.year + 1), weekday(found["day"]) or 0, NTHS[found["nth"]])
    return day


def _nth_in(first: date, name: int, nth: int) -> date:
    days = [first.replace(day=number) for number in range(1, monthrange(first.year, first.month)[1] + 1)]
    return [day for day in days if day.weekday() == name][nth - 1]


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
        first = months_on(today.replace(day=1), count)
        if day <= monthrange(first.year, first.month)[1] and first.replace(day=day) >= today:
            return first.replace(day=day)
    raise ValueError(day)


def _next_week(name: str, today: date) -> date | None:
    day = weekday(name)
    return None if day is None else today + timedelta(days=7 - today.weekday() + day)


def _next(name: str, today: date) -> date | None:
    """Of a day that this week still has nobody knows which one "next" is."""
    day = weekday(name)
    if day is not None and today.weekday() < day:
        raise ScheduleError(
            say(
                "“next {day}” is in this week or in the one after it: write “this {day}” or “{day} next week”.",
                day=DAYS[day].title(),
            )
        )
    return None if day is None else today + timedelta(days=(day - today.weekday() - 1) % 7 + 1)


def _coming(name: str, today: date) -> date | None:
    day = weekday(name)
    if day == today.weekday():
        raise ScheduleError(
            say(
                "“coming {day}” is today or in a week: write “today” or “{day} next week”.",
                day=DAYS[day].title(),
            )
        )
    return None if day is None else today + timedelta(days=(day - today.weekday()) % 7)


def _within(pattern: str, said: str) -> re.Match[str] | None:
    return re.search(rf"(?:^|(?<= ))(?:{pattern})(?= |,|$)", said)


def _without(said: str, found: re.Match[str]) -> str:
    """A time on one side of it, or "at 9 … morning": of numbers on both nobody knows which is the hour."""
    before, behind = (
        " ".join(part.replace(",", " ").split()) for part in (said[: found.start()], said[found.end() :])
    )
    whole = f"{before} {behind}".strip()
    return whole if not before or not behind or _PART.search(whole) else f"{before} | {behind}"
