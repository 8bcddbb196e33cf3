"""Moments, lengths and recurrences in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from host.words import figures
from host.words.catalogues import ENGLISH
from host.words.sentences import (
    FIGURE,
    FIGURES,
    Sentence,
    as_it_is,
    decimal,
    known,
    laid_out,
    listed,
    many,
    say,
)

_FIELDS = re.compile(r"(\S+) (\S+) (\S+) (\S+) (\S+)")
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_SAID = re.compile(
    rf"(?P<weekday>{'|'.join(figures.WEEKDAYS)}) (?P<day>\d\d?) (?P<month>{'|'.join(figures.MONTHS)})"
    r" (?P<year>\d{4}), (?P<time>\d\d:\d\d)(?P<rest>[^;]{0,60})"
)
MOST_TIMES = 6  # of a day, or days of a month, that are said one by one
_UNITS: tuple[tuple[int, Callable[[int], Sentence]], ...] = (
    (86_400_000, lambda count: many("{count} day", "{count} days", count)),
    (3_600_000, lambda count: many("{count} hour", "{count} hours", count)),
    (60_000, lambda count: many("{count} minute", "{count} minutes", count)),
)


def moment(ms: int, zone: str, *, named: bool = True) -> Sentence:
    """`Friday 27 November 2026, 09:00 Europe/Berlin`; with the offset where the clock shows a time twice. `named`: with the zone.

    In UTC where this machine does not know the zone (any more): what is shown to people never fails.
    """
    return Sentence(FIGURE, "moment", {"ms": ms, "zone": zone, "named": named})


def length(ms: int) -> Sentence:
    """`5 minutes`, `90 seconds`."""
    for unit, counted in _UNITS:
        if ms >= unit and ms % unit == 0:
            return counted(ms // unit)
    seconds = ms / 1000
    if seconds == int(seconds):
        return many("{count} second", "{count} seconds", int(seconds))
    return say("{amount} seconds", amount=decimal(seconds))


def reread(text: str) -> Sentence:
    """A moment as `moment` said it in English; another text stays as it is."""
    found = _SAID.fullmatch(text)
    if found is None:
        return as_it_is(text)
    moment_ = say(
        "{weekday} {day} {month} {year}, {time}",
        weekday=known(found["weekday"]),
        day=found["day"],
        month=known(found["month"]),
        year=found["year"],
        time=found["time"],
    )
    return laid_out("{moment}{rest}", moment=moment_, rest=found["rest"])


def recurring(cron: str, zone: str, english: str) -> Sentence:
    """A cron expression. `english` is how it is told in that language; others tell what is usual, and cite the rest."""
    return Sentence(FIGURE, "recurring", {"cron": cron, "zone": zone, "english": english})


def _moment(values: Mapping[str, Any], language: str) -> str:
    try:
        zone, name = ZoneInfo(values["zone"]), values["zone"]
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone, name = ZoneInfo("UTC"), "UTC"
    local = datetime.fromtimestamp(values["ms"] / 1000, zone)
    text = say(
        "{weekday} {day} {month} {year}, {time}",
        weekday=known(figures.WEEKDAYS[local.weekday()]),
        day=local.day,
        month=known(figures.MONTHS[local.month - 1]),
        year=local.year,
        time=f"{local:%H:%M}",
    )
    if values["named"]:
        text = say("{moment} {zone}", moment=text, zone=name)
    twice = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
    if twice:
        text = laid_out("{moment} (UTC{offset})", moment=text, offset=f"{local:%z}")
    return text.told(language)


def _recurring(values: Mapping[str, Any], language: str) -> str:
    if language == ENGLISH:
        return str(values["english"])
    told = _usual(values["cron"]) or say("by the cron expression `{cron}`", cron=values["cron"])
    return say("{recurrence} ({zone})", recurrence=told, zone=values["zone"]).told(language)


def _usual(cron: str) -> Sentence | None:
    """None of what has no words here."""
    found = _FIELDS.fullmatch(cron)
    if found is None:
        return None
    minute, hour, day, month, weekday = found.groups()
    if often := _by_steps(minute, hour):
        if (day, month) != ("*", "*"):
            return None
        if weekday == "*":
            return often
        return say("{often}, Monday to Friday", often=often) if _is_working_week(weekday) else None
    times = _times(minute, hour)
    if times is None:
        return None
    if month != "*":
        return _yearly(day, month, times) if weekday == "*" else None
    if weekday == "*":
        return say("every day at {time}", time=times) if day == "*" else _monthly(day, times)
    return _on_weekdays(weekday, times) if day == "*" else None


def _times(minute: str, hour: str) -> Sentence | None:
    """`09:00 and 17:00`."""
    minutes, hours = _numbers(minute, 60), _numbers(hour, 24)
    if not minutes or not hours or len(minutes) * len(hours) > MOST_TIMES:
        return None
    return listed([f"{one:02}:{other:02}" for one in hours for other in minutes])


def _by_steps(minute: str, hour: str) -> Sentence | None:
    step = re.fullmatch(r"\*/(\d+)", minute)
    if hour == "*" and (minute == "*" or (step and int(step[1]) and 60 % int(step[1]) == 0)):
        count = int(step[1]) if step else 1
        return (
            say("every minute")
            if count == 1
            else many("every {count} minute", "every {count} minutes", count)
        )
    often = re.fullmatch(r"\*/(\d+)", hour)
    if not minute.isdecimal():
        return None
    if hour == "*" or (often and int(often[1]) == 1):
        return say("every hour at minute {minute}", minute=int(minute))
    if often and int(often[1]) and 24 % int(often[1]) == 0:
        return many(
            "every {count} hour at minute {minute}",
            "every {count} hours at minute {minute}",
            int(often[1]),
            minute=int(minute),
        )
    if between := re.fullmatch(r"(\d+)-(\d+)", hour):
        return say(
            "every hour from {begin} to {end}",
            begin=f"{int(between[1]):02}:{int(minute):02}",
            end=f"{int(between[2]):02}:{int(minute):02}",
        )
    return None


def _numbers(field: str, size: int) -> list[int]:
    """Of `9`, `9,17`, `1-3,5`; [] of anything else."""
    found: list[int] = []
    for part in field.lower().split(","):
        match = re.fullmatch(r"(\w+)(?:-(\w+))?", part)
        first, last = (_numbered(match[1]), _numbered(match[2] or match[1])) if match else (-1, -1)
        if not 0 <= first <= last < size:
            return []
        found += range(first, last + 1)
    return sorted(set(found))


def _numbered(word: str) -> int:
    return int(word) if word.isdecimal() else _DAYS.get(word, -1)


def _is_working_week(field: str) -> bool:
    return _numbers(field, 8) == [1, 2, 3, 4, 5]


def _monthly(day: str, times: Sentence) -> Sentence | None:
    if day.upper() == "L":
        return say("on the last day of each month at {time}", time=times)
    if day.upper() == "LW":
        return say("on the last working day of each month at {time}", time=times)
    if day.isdecimal():
        return say("on day {day} of each month at {time}", day=day, time=times)
    found = _numbers(day, 32)
    if not found or len(found) > MOST_TIMES:
        return None
    return say("on days {days} of each month at {time}", days=listed(list(map(str, found))), time=times)


def _yearly(day: str, month: str, times: Sentence) -> Sentence | None:
    months = _numbers(month, 13)
    if not day.isdecimal() or len(months) != 1 or not months[0]:
        return None
    name = known(figures.MONTHS[months[0] - 1])
    return say("every year on {day} {month} at {time}", day=day, month=name, time=times)


def _on_weekdays(field: str, times: Sentence) -> Sentence | None:
    if nth := re.fullmatch(r"(\w+?)(?:#([1-4])|([lL]))", field):
        number = _numbered(nth[1].lower()) % 7
        told = _NTHS.get(nth[2] or "L") if number >= 0 else None
        return told and told(known(figures.WEEKDAYS[number - 1]), times)
    if _is_working_week(field):
        return say("every weekday at {time}", time=times)
    days = [known(figures.WEEKDAYS[number % 7 - 1]) for number in _numbers(field, 8)]
    if not days:
        return None
    if len(days) == 1:
        return say("every {weekday} at {time}", weekday=days[0], time=times)
    return say("always {weekdays} at {time}", weekdays=listed(list(dict.fromkeys(days))), time=times)


_NTHS: dict[str, Callable[[Sentence, Sentence], Sentence]] = {
    "1": lambda day, at: say("on the first {weekday} of each month at {time}", weekday=day, time=at),
    "2": lambda day, at: say("on the second {weekday} of each month at {time}", weekday=day, time=at),
    "3": lambda day, at: say("on the third {weekday} of each month at {time}", weekday=day, time=at),
    "4": lambda day, at: say("on the fourth {weekday} of each month at {time}", weekday=day, time=at),
    "L": lambda day, at: say("on the last {weekday} of each month at {time}", weekday=day, time=at),
}


def _explained(values: Mapping[str, Any], language: str) -> str:
    return f"{values['words']}{figures.colon(language)}{values['reason']}"


def _decimal(values: Mapping[str, Any], language: str) -> str:
    return figures.decimal(values["amount"], language)


def _dollars(values: Mapping[str, Any], language: str) -> str:
    return figures.dollars(values["micro"], language)


def _number(values: Mapping[str, Any], language: str) -> str:
    return figures.number(values["amount"], language)


def _clauses(values: Mapping[str, Any], language: str) -> str:
    return figures.comma(language).join(as_it_is(str(one)).told(language) for one in values.values())


FIGURES |= {
    "moment": _moment,
    "recurring": _recurring,
    "dollars": _dollars,
    "number": _number,
    "clauses": _clauses,
    "decimal": _decimal,
    "explained": _explained,
}
