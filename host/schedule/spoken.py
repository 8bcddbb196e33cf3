"""When something is to happen, as a person writes it: "tomorrow at 9", "in 20 minutes", "every weekday at nine".

What is not understood to the last word is refused and never guessed at (law 12): a library that finds a time in almost any
text is of no use here. What is understood is said back, and confirmed, before anything is scheduled. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from host.config.recurrence import LATEST_YEAR, ScheduleError, known_zone
from host.words import say

EXAMPLES = '"in 20 minutes", "tomorrow at 9", "on 24 December at 18:30", "every weekday at nine"'
MORNING = time(9)  # of a day that is named without a time
LONGEST = 200  # characters

NUMBERS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"a": 1, "an": 1, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "couple": 2}
NO_HOURS = ("a", "an", "couple")
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
PARTS = {"morning": time(9), "noon": time(12), "midday": time(12), "afternoon": time(15), "evening": time(18)}
PARTS |= {"tonight": time(20), "night": time(20), "midnight": time(0)}
UNITS = {"minute": 60, "min": 60, "m": 60, "hour": 3600, "hr": 3600, "h": 3600}
SPANS = {"day": 1, "d": 1, "week": 7, "w": 7}

_DIVIDES = "Say 5, 10, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8 or 12 hours."
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(a\.?m\.?|p\.?m\.?)?(?![\w:.])\s*(?:o'?clock|h\b|uhr\b)?")
_PART = r"(?P<part>morning|afternoon|evening|night|tonight)"
_PART_FIRST = re.compile(rf"(?:in the )?{_PART}(?: at| ,)? (?P<rest>.+)")
_PART_LAST = re.compile(rf"(?P<rest>.+?) (?:in the |at )?{_PART}$")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ]+(\d{1,2}):(\d{2})(?::\d{2})?)?")


@dataclass(frozen=True, slots=True)
class When:
    """As an order about tasks takes it: one of the two is set."""

    cron: str = ""
    at: str = ""  # local time, with its offset where it follows from a length of time


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
    here = datetime.fromtimestamp(now / 1000, UTC).astimezone(known_zone(zone))
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
            "I do not understand {said!r} as a time. Write it such as {examples}.",
            said=said,
            examples=EXAMPLES,
        )
    )


# ── a length of time ─────────────────────────────────────────────────────────────────────────────────────


def _length(said: str, here: datetime) -> When | None:
    """ "in an hour and 30 minutes": of real time; whole days keep the time that the clock shows."""
    found = re.fullmatch(r"(?:in|after)\s+(.+?)|(.+?)\s+from now", said)
    if found is None:
        return None
    told = (found[1] or found[2]).replace("half an hour", "30 minutes").replace("half hour", "30 minutes")
    told = re.sub(r"^an? hour and a half$|^one and a half hours$", "90 minutes", told)
    told = re.sub(r"^a couple of\b", "couple", told)
    pieces = [piece for piece in re.split(r"\s*(?:,|\band\b)\s*|\s+(?=\d)|(?<=[a-z])(?=\d)", told) if piece]
    days, seconds = 0, 0
    for piece in pieces:
        match = re.fullmatch(r"(\d{1,5}|[a-z]+)\s*([a-z]+)", piece)
        count, unit = (_number(match[1]), match[2]) if match else (None, "")
        unit = unit if unit in UNITS or unit in SPANS else unit.removesuffix("s")
        if unit in ("second", "sec") and count is not None:
            raise ScheduleError(say("A minute is the shortest that I can wait."))
        if count is None or (unit not in UNITS and unit not in SPANS):
            return None
        seconds += count * UNITS.get(unit, 0)
        days += count * SPANS.get(unit, 0)
    if not days and not seconds:
        raise ScheduleError(say("That is now."))
    later = here + timedelta(days=days)  # by the clock on the wall
    if seconds:
        later = (later.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(here.tzinfo)
    return _at(later) if seconds else When(at=f"{later.replace(tzinfo=None):%Y-%m-%d %H:%M}")


# ── again and again ──────────────────────────────────────────────────────────────────────────────────────


def _repeated(said: str, here: datetime) -> When | None:
    names = {
        "daily": "every day",
        "hourly": "every hour",
        "weekdays": "every weekday",
        "weekly": "every week",
    }
    names |= {"monthly": "every month", "nightly": "every night", "each": "every"}
    first, _, behind = said.partition(" ")
    several = first == "weekends" or (first.endswith("s") and first.removesuffix("s") in DAYS)
    said = f"every {said}" if several else f"{names.get(first, first)} {behind}".strip()
    if not said.startswith("every "):
        return None
    said = re.sub(r"^(morning|afternoon|evening|night)s?\b", r"day \1", said.removeprefix("every "))
    if re.match(r"(?:\d+ |a |one )?sec(?:ond)?s?\b(?! \w*day)", said):
        raise ScheduleError(
            say("A minute is the shortest between two times, and an agent's tasks may come less often still.")
        )
    if re.match(r"(?:other|second|third|fourth|2nd|3rd) ", said):
        raise ScheduleError(
            say("Every other one cannot be said to a schedule. What can: {examples}.", examples=EXAMPLES)
        )
    if found := re.fullmatch(r"(?:(\d+|[a-z]+) )?(minute|min|hour|hr|day|week)s?", said):
        return _every(_number(found[1] or "1"), found[2], here)
    for pattern, fields in _REPEATED:
        if found := re.fullmatch(rf"(?:{pattern})(?P<clock>(?: |$).*)?", said):
            days = fields(found)
            if days is None:
                return None
            at = _clock(found["clock"] or "")
            return None if at is None else When(cron=f"{at.minute} {at.hour} {days}")
    return None


def _every(count: int | None, unit: str, here: datetime) -> When | None:
    if not count:
        return None
    size = 60 if unit in ("minute", "min") else 24
    if unit in ("minute", "min", "hour", "hr") and size % count:
        raise ScheduleError(
            f"Every {count} {unit}s does not divide {'an hour' if size == 60 else 'a day'}. {_DIVIDES}"
        )
    if unit in ("minute", "min"):
        return When(cron="* * * * *" if count == 1 else f"*/{count} * * * *")
    if unit in ("hour", "hr"):
        return When(cron="0 * * * *" if count == 1 else f"0 */{count} * * *")
    if count > 1:
        raise ScheduleError(
            say("That cannot be said to a schedule. What can: {examples}.", examples=EXAMPLES)
        )
    weekday = f"{here.isoweekday() % 7}" if unit == "week" else "*"
    return When(cron=f"{MORNING.minute} {MORNING.hour} * * {weekday}")


def _weekdays(named: str) -> str | None:
    found = [_weekday(word) for word in re.split(r",? and |, ?| ", named.strip(" ,")) if word]
    if not found or None in found:
        return None
    return f"* * {','.join(str((day + 1) % 7) for day in sorted({d for d in found if d is not None}))}"


def _of_month(found: re.Match[str]) -> str | None:
    day = int(found["day"] or 1)
    return f"{day} * *" if 1 <= day <= 31 else None


_Fields = Callable[[re.Match[str]], str | None]
_NAMES = "|".join(
    name
    for day in DAYS
    for name in (f"{day}s?", f"{day[:3]}s?", *({"tues", "thur", "thurs"} if day[0] == "t" else ()))
)
_REPEATED: Sequence[tuple[str, _Fields]] = (
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
            at = _clock(rest)
            return None if at is None else _on(day, at)
    return _of_today(said, here)


def _of_today(said: str, here: datetime) -> When | None:
    """A time without a day: the next one, today or tomorrow."""
    at = _clock(said) if said else None
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
        (r"next week", lambda _: today + timedelta(days=7 - today.weekday())),
        (rf"(?:on |this |next |coming )*(?P<day>{_NAMES})", lambda found: _coming(found["day"], today)),
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
        rf"(?:on )?(?:the )?{ordinal} (?:of )?(?P<m>{months}){year}",
        rf"(?:on )?(?P<m>{months}) {ordinal}{year}",
    ):
        found = re.search(rf"(?:^|(?<= )){pattern}(?= |,|$)", said)
        if found:
            groups = found.groupdict()
            month = int(groups.get("n") or 0) or next(
                number for number, name in enumerate(MONTHS, 1) if name[:3] == str(groups.get("m"))[:3]
            )
            day = _of_year(int(groups["d"]), month, groups.get("y"), here.date())
            return day, _without(said, found)
    return None


def _of_year(day: int, month: int, year: str | None, today: date) -> date:
    if year:
        return date(int(year), month, day)
    for number in range(today.year, today.year + 9):  # the 29th of February comes, if not this year
        try:
            found = date(number, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(day)


def _coming(name: str, today: date) -> date | None:
    """The next one: on a Monday, "Monday" is in a week."""
    day = _weekday(name)
    return None if day is None else today + timedelta(days=(day - today.weekday() - 1) % 7 + 1)


def _weekday(name: str) -> int | None:
    name = name.removesuffix("s") if name not in ("tues", "thurs") else name
    return next((n for n, day in enumerate(DAYS) if len(name) >= 3 and day.startswith(name)), None)


def _without(said: str, found: re.Match[str]) -> str:
    return " ".join(f"{said[: found.start()]} {said[found.end() :]}".replace(",", " ").split())


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────


def _clock(said: str) -> time | None:
    """ "at 9", "9:30 pm", "half past nine", "noon", "in the evening"; '' is the morning. None for anything else."""
    said = said.strip(" ,")
    if not said:
        return MORNING
    said = re.sub(r"^(?:at|by|around|@) ", "", said)
    said = re.sub(r"^(?:in the|this|in the early) (?=morning|afternoon|evening)|^at (?=night|noon)", "", said)
    if said in PARTS:
        return PARTS[said]
    half = _PART_FIRST.match(said) or _PART_LAST.match(said)
    if half:
        part, rest = half["part"], half["rest"]
        at = _clock(re.sub(r"^(?:at|in the) ", "", rest))
        late = part != "morning"
        if at is None:
            return None
        return (
            at.replace(hour=at.hour + 12)
            if late and 1 <= at.hour < 12 and not re.search("am|pm", rest)
            else at
        )
    if found := re.fullmatch(
        r"(half|quarter|[a-z]+|\d{1,2}) (?:minutes )?(past|to) ([a-z]+|\d{1,2})(?: o'?clock)?", said
    ):
        minutes, hour = {"half": 30, "quarter": 15}.get(found[1]) or _number(found[1]), _number(found[3])
        if minutes is None or hour is None or not 0 < minutes < 60 or not 0 <= hour < 24:
            return None
        whole = hour * 60 + (minutes if found[2] == "past" else -minutes)
        return time(whole // 60 % 24, whole % 60)
    words = re.sub(r" ?o'?clock$", "", said).split()
    spelt = [str(NUMBERS[word]) if word in NUMBERS and word not in NO_HOURS else word for word in words]
    if len(spelt) == 2 and all(word.isdecimal() for word in spelt):
        spelt = [f"{spelt[0]}:{int(spelt[1]):02}"]
    found = _CLOCK.fullmatch(" ".join(spelt))
    if found is None:
        return None
    oclock, past, half_day = int(found[1]), int(found[2] or 0), (found[3] or "").replace(".", "")
    if half_day and not 1 <= oclock <= 12:
        return None
    if half_day:
        oclock = oclock % 12 + (12 if half_day == "pm" else 0)
    return time(oclock, past) if oclock < 24 and past < 60 else None


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() else NUMBERS.get(word)


def _on(day: date, at: time) -> When:
    if day.year > LATEST_YEAR:
        raise ValueError(day)
    return When(at=f"{datetime.combine(day, at):%Y-%m-%d %H:%M}")


def _at(moment: datetime) -> When:
    """With its offset: of an hour that comes twice the one that is meant. In whole minutes, and never sooner than asked."""
    up = moment + timedelta(minutes=1) if moment.second or moment.microsecond else moment
    return When(at=up.replace(second=0, microsecond=0).isoformat(timespec="minutes"))
