"""Cron the slow way: every minute of real time is looked at. Shares nothing with what it checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ONE = timedelta(minutes=1)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def due_times(expression: str, zone: str, start: datetime, end: datetime) -> list[int]:
    """ms UTC of every due minute in (start, end]; both are aware."""
    fields = expression.split()
    sets = [_values(field, number) for number, field in enumerate(fields)]
    daily = not fields[0].startswith("*") and not fields[1].startswith("*")
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    found = []
    before, *minutes = _clocks(zone, start.astimezone(UTC), end.astimezone(UTC))
    last = before[1]
    for minute, clock, again in minutes:
        if not (daily and again) and _matches(clock, sets, either):
            found.append(minute)
        elif daily and clock - last > ONE:  # the clock jumped over these
            skipped = int((clock - last) / ONE)
            if any(_matches(last + ONE * number, sets, either) for number in range(1, skipped)):
                found.append(minute)
        last = clock
    return found


@lru_cache(maxsize=8)
def _clocks(zone: str, start: datetime, end: datetime) -> list[tuple[int, datetime, bool]]:
    """Every minute: ms UTC, what the local clock shows, and whether it shows that for the second time."""
    where, minute, shown = ZoneInfo(zone), start.replace(second=0, microsecond=0), []
    while minute <= end:
        local = minute.astimezone(where)
        shown.append((int(minute.timestamp() * 1000), local.replace(tzinfo=None, fold=0), bool(local.fold)))
        minute += ONE
    return shown


def _matches(clock: datetime, sets: list[set[int]], either: bool) -> bool:
    minutes, hours, days, months, weekdays = sets
    if clock.minute not in minutes or clock.hour not in hours or clock.month not in months:
        return False
    by_day, by_weekday = clock.day in days, clock.isoweekday() % 7 in weekdays
    return by_day or by_weekday if either else by_day and by_weekday


def _values(field: str, number: int) -> set[int]:
    low, high = RANGES[number]
    values: set[int] = set()
    for term in field.upper().split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            start, stop = low, high
        else:
            start = _number(first, number)
            stop = _number(last, number) if last else high if step else start
        values |= set(range(start, stop + 1, int(step or 1)))
    return {value % 7 for value in values} if number == 4 else values


def _number(text: str, number: int) -> int:
    if number == 4 and text in DAYS:
        return DAYS.index(text)
    return MONTHS.index(text) + 1 if number == 3 and text in MONTHS else int(text)
