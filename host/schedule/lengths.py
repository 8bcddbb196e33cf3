"""How long from now, as a person says it: "in 20 minutes", "in one and a half hours", "in two days at 9". Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from host.config.recurrence import ScheduleError
from host.schedule import clocks, days
from host.schedule.clocks import number
from host.schedule.days import When
from host.words import say

UNITS = {"minute": 60, "min": 60, "m": 60, "hour": 3600, "hr": 3600, "h": 3600}
SPANS = {"day": 1, "d": 1, "week": 7, "w": 7, "fortnight": 14}
_MONTHS = {"month": 1, "year": 12}
_HOURS = r"\s*(?:hours?|hrs?|h)(?![a-z])"
_QUARTERS = {"quarter": 15, "1/4": 15, "half": 30, "1/2": 30, "three quarters": 45, "3/4": 45}
_PARTS = {
    ".25": 15,
    ".5": 30,
    ".75": 45,
    ",25": 15,
    ",5": 30,
    ",75": 45,
    "and a quarter": 15,
    "and a half": 30,
}
_PARTS |= {"1/4": 15, "1/2": 30, "3/4": 45}
_PART = "|".join(sorted(map(re.escape, _PARTS), key=len, reverse=True))


def understood(said: str, here: datetime) -> When | None:
    """ "in an hour and 30 minutes": of real time; whole days keep the time that the clock shows. Raises `ScheduleError`."""
    if (by_calendar := _in_days(said, here)) is not None:
        return by_calendar
    found = re.fullmatch(r"(?:in|after)\s+(.+?)|(.+?)\s+from now|(.+)", said)
    told = (found[1] or found[2] or found[3]) if found else ""
    pieces = [
        piece for piece in re.split(r"\s*(?:,|\band\b)\s*|\s+(?=\d)|(?<=[a-z])(?=\d)", _spelt(told)) if piece
    ]
    whole, seconds = 0, 0
    for piece in pieces:
        match = re.fullmatch(r"(\d{1,5}|[a-z]+)\s*([a-z]+)", piece)
        count, unit = (number(match[1]), match[2]) if match else (None, "")
        unit = unit if unit in UNITS or unit in SPANS else unit.removesuffix("s")
        if unit in ("second", "sec") and count is not None:
            raise ScheduleError(say("A minute is the shortest that I can wait."))
        if (
            count is None
            or (unit not in UNITS and unit not in SPANS)
            or (told == said and unit in ("h", "d", "w"))
        ):
            return None  # "9h" alone is a time of day
        seconds += count * UNITS.get(unit, 0)
        whole += count * SPANS.get(unit, 0)
    if not whole and not seconds:
        raise ScheduleError(say("That would be right now. Say how long I shall wait, such as in 20 minutes."))
    later = here + timedelta(days=whole)  # by the clock on the wall
    if seconds:
        later = (later.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(here.tzinfo)
    return _at(later) if seconds else When(at=f"{later.replace(tzinfo=None):%Y-%m-%d %H:%M}")


def _spelt(told: str) -> str:
    """Parts of an hour as minutes."""
    told = re.sub(r"(?<=[a-z])(?:'s|')? time$", "", told)
    told = re.sub(r"^a couple of\b", "couple", told)
    told = re.sub(
        rf"(?<!\S)(?:a )?({'|'.join(_QUARTERS)})(?: of)?(?: an)? hour\b",
        lambda found: f"{_QUARTERS[found[1]]} minutes",
        told.replace("three-quarters", "three quarters"),
    )
    told = re.sub(rf"^(an?) hour ({_PART})$", r"\1 \2 hours", told)
    told = re.sub(rf"\b(\d{{1,3}}|[a-z]+) ?({_PART}){_HOURS}", _minutes, told)
    return re.sub(rf"(?<=\d)({_HOURS})\s*(?:and )?([0-5]?\d)$", r"\1 \2 minutes", told)  # 1h30


def _minutes(found: re.Match[str]) -> str:
    hours = number(found[1])
    return found[0] if hours is None else f"{hours * 60 + _PARTS[found[2]]} minutes"


def _in_days(said: str, here: datetime) -> When | None:
    """ "in two days at 9", "in a month": by the calendar, and as late in the day as it is now where no time is said."""
    said = re.sub(r"^in half a year\b", "in 6 months", said)
    found = re.fullmatch(
        r"(?:in )?(?P<n>\d{1,4}|[a-z]+) (?P<unit>day|week|fortnight|month|year)s?(?: from (?:now|today))?(?P<clock> .+)?",
        said,
    )
    count = number(found["n"]) if found else None
    if found is None or not count or not (found["clock"] or found["unit"] in _MONTHS):
        return None
    at = clocks.read(found["clock"]) if found["clock"] else here.time().replace(second=0, microsecond=0)
    if at is None or "midnight" in said.split():
        return None if at is None else days.of_no_day(said)
    today = here.date()
    if found["unit"] in _MONTHS:
        return days.on(days.months_on(today, count * _MONTHS[found["unit"]]), at)
    return days.on(today + timedelta(days=count * SPANS[found["unit"]]), at)


def _at(moment: datetime) -> When:
    """With its offset: of an hour that comes twice the one that is meant. In whole minutes, and never sooner than asked."""
    up = moment + timedelta(minutes=1) if moment.second or moment.microsecond else moment
    return When(at=up.replace(second=0, microsecond=0).isoformat(timespec="minutes"))
