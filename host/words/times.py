"""Moments, lengths and recurrences in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from host.words import figures
from host.words.catalogues import ENGLISH
from host.words.sentences import FIGURE, FIGURES, Sentence, as_it_is, clauses, known, laid_out, many, say

_FIELDS = re.compile(r"(\S+) (\S+) (\S+) (\S+) (\S+)")
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
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
    return say("{seconds:g} seconds", seconds=seconds)


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
    found = _FIELDS.fullmatch(cron)
    if found is None:
        return None
    minute, hour, day, month, weekday = found.groups()
    if month != "*":
        return None
    if day == weekday == "*" and not (minute.isdecimal() and hour.isdecimal()):
        return _by_steps(minute, hour)
    if not (minute.isdecimal() and hour.isdecimal()):
        return None
    time = f"{int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return say("every day at {time}", time=time)
    if weekday == "*":
        return say("on day {day} of each month at {time}", day=day, time=time) if day.isdecimal() else None
    return _on_weekdays(weekday, time) if day == "*" else None


def _by_steps(minute: str, hour: str) -> Sentence | None:
    if hour == "*" and minute.startswith("*/") and minute[2:].isdecimal() and 60 % int(minute[2:]) == 0:
        return say("every {length}", length=length(int(minute[2:]) * 60_000))
    if minute == "*" and hour == "*":
        return say("every minute")
    if hour == "*" and minute.isdecimal():
        return say("every hour at minute {minute}", minute=int(minute))
    return None


def _on_weekdays(field: str, time: str) -> Sentence | None:
    if field.lower() in ("1-5", "mon-fri"):
        return say("every weekday at {time}", time=time)
    numbers = [_DAYS.get(one.lower(), int(one) % 7 if one.isdecimal() else -1) for one in field.split(",")]
    if -1 in numbers:
        return None
    days = [known(figures.WEEKDAYS[number - 1]) for number in numbers]
    if len(days) == 1:
        return say("every {weekday} at {time}", weekday=days[0], time=time)
    return say("always {weekdays} at {time}", weekdays=clauses(days), time=time)


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
}
