"""The time of day, as a person says it: "9:30 pm", "half past nine", "in the evening at 8". Pure.

What can be meant in two ways is asked back, with the reason, and never guessed (law 12).
"""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import available_timezones

from host.config.recurrence import ScheduleError
from host.words import say

MORNING = time(9)  # of a day that is named without a time
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
PARTS = {"morning": time(9), "noon": time(12), "midday": time(12), "afternoon": time(15), "evening": time(18)}
PARTS |= {"tonight": time(20), "night": time(20), "midnight": time(0)}
# Hours that are in a part of the day: those that one says without am or pm, and those that it may have at all.
SAID = {"morning": range(1, 12), "afternoon": range(12, 19), "evening": range(17, 24), "night": range(18, 24)}
HAS = {"morning": range(12), "afternoon": range(12, 19), "evening": range(17, 24), "night": range(18, 24)}
SMALL = range(1, 7)  # hours that may as well be of the afternoon

_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(a\.?m\.?|p\.?m\.?)?(?![\w:.])\s*(?:o'?clock|h\b|uhr\b)?")
_PART = r"(?P<part>morning|afternoon|evening|night|tonight)"
_PART_FIRST = re.compile(rf"(?:in the |this )?{_PART}(?: at| ,)? (?P<rest>.+)")
_PART_LAST = re.compile(rf"(?P<rest>.+?) (?:in the |this |at )?{_PART}$")
_SPOKEN = re.compile(
    r"(?:a )?(half|quarter|[a-z]+|\d{1,2}) (?:minutes )?(past|to) ([a-z]+|\d{1,2})(?: o'?clock)?"
)
_ZONE = re.compile(r"(?P<rest>.*\S)[ ,]+(?:in )?(?P<zone>[a-z]+(?:/[a-z0-9_+-]+)+|[a-z]{2,4})(?: time)?")
LONGEST_CITY = 3  # words
LETTERS = {  # of several zones each, or of one half of a year
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles", "mst": "America/Denver",
    "mdt": "America/Denver", "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
    "est": "America/New_York", "edt": "America/New_York", "et": "America/New_York", "bst": "Europe/London",
    "wet": "Europe/Lisbon", "cet": "Europe/Berlin", "cest": "Europe/Berlin", "mez": "Europe/Berlin", "eet": "Europe/Helsinki",
    "ist": "Asia/Kolkata", "jst": "Asia/Tokyo", "kst": "Asia/Seoul", "aest": "Australia/Sydney", "nzst": "Pacific/Auckland",
}  # fmt: skip


def read(said: str) -> time | None:
    """`said` is in lower case; '' is the morning. None for what is no time of day. Raises `ScheduleError` for what is two."""
    said = said.strip(" ,")
    if not said:
        return MORNING
    if found := re.fullmatch(r"(?:at )?(\d{1,2}) ?h(\d\d)?", said):  # 17h30
        said = f"{found[1]}:{found[2] or '00'}"
    if found := re.fullmatch(r"at (\d\d)(\d\d)", said):  # at 1730
        return _plainly(f"{found[1]}:{found[2]}")[0]
    said = re.sub(r"^(?:at|by|around|@) ", "", said)
    said = re.sub(r"^(?:in the|this|in the early) (?=morning|afternoon|evening)|^at (?=night|noon)", "", said)
    said = {"12 noon": "noon", "twelve noon": "noon", "12 midnight": "midnight", "12:00 noon": "noon"}.get(
        said, said
    )
    if said in PARTS:
        return PARTS[said]
    if half := _PART_FIRST.fullmatch(said) or _PART_LAST.fullmatch(said):
        return _in_part(
            half["part"].replace("tonight", "night"), re.sub(r"^(?:at|in the) ", "", half["rest"]), said
        )
    at, marked = _plainly(said)
    if at is not None and not marked and at.hour in SMALL:
        raise _unclear(said)
    return at


def several(said: str) -> list[time] | None:
    """ "at 9 and 17", "9:00, 12:30 and 6 pm"."""
    found = [read(one) for one in re.split(r",? and |, ?", re.sub(r"^(?:at|by) ", "", said.strip(" ,")))]
    return None if None in found else sorted({one for one in found if one is not None})


def zoned(said: str) -> tuple[str, str]:
    """The rest, and the zone that is named behind a time: an IANA one, UTC, or "Tokyo time"; '' where there is none."""
    found = _ZONE.fullmatch(said)
    if found is None:
        return _of_city(said) if said else (said, "")
    name, rest = found["zone"], found["rest"]
    if name in ("utc", "gmt"):
        return rest, "UTC"
    if name in LETTERS:
        raise ScheduleError(
            say(
                "{letters} is no zone of its own: it is several, or holds for half of the year. Write the zone, such as {zone}.",
                letters=name.upper(),
                zone=LETTERS[name],
            )
        )
    zones = [zone for zone in available_timezones() if zone.casefold() == name]
    return (rest, zones[0]) if zones else _of_city(said)


def zone_named(said: str) -> str:
    """From "Europe/Berlin", "Tokyo" or "new york". Raises `ScheduleError`."""
    name = "_".join(said.split()).casefold().removesuffix("_time")
    zones = sorted(available_timezones())
    found = [zone for zone in zones if zone.casefold() == name]
    found = found or [zone for zone in zones if zone.casefold().endswith(f"/{name}")]
    if len(found) != 1 and name not in ("utc", "gmt"):
        raise ScheduleError(
            say(
                "{said} is not one time zone: write it such as Europe/Berlin or Tokyo.",
                said=repr(said.strip()[:60]),
            )
        )
    return found[0] if len(found) == 1 else "UTC"


def _of_city(said: str) -> tuple[str, str]:
    """ "9am New York time"."""
    *words, last = said.replace(",", " ").split()
    if last != "time":
        return said, ""
    for length in range(min(LONGEST_CITY, len(words) - 1), 0, -1):
        city = "/" + "_".join(words[-length:])
        if len(found := [zone for zone in available_timezones() if zone.casefold().endswith(city)]) == 1:
            return " ".join(words[:-length]).removesuffix(" in"), found[0]
    return said, ""


def _in_part(part: str, rest: str, said: str) -> time | None:
    """The hour in that part of the day, where only one is."""
    at, marked = _plainly(rest)
    if at is None:
        return None
    if marked:
        if at.hour in HAS[part]:
            return at
        raise (
            _unclear(said)
            if part == "night" and at.hour < 6
            else ScheduleError(
                say("{said} contradicts itself: that hour is in another part of the day.", said=repr(said))
            )
        )
    found = [hour for hour in (at.hour % 12, at.hour % 12 + 12) if hour in SAID[part]]
    if len(found) != 1:
        raise _unclear(said)
    return at.replace(hour=found[0])


def _unclear(said: str) -> ScheduleError:
    return ScheduleError(
        say(
            "{said} may be one of two hours. Write it with am or pm, or from 00:00 to 23:59, and with the day on which it is.",
            said=repr(said),
        )
    )


def _plainly(said: str) -> tuple[time | None, bool]:
    """And whether it says which half of the day it is in."""
    if found := _SPOKEN.fullmatch(said):
        minutes, hour = {"half": 30, "quarter": 15}.get(found[1]) or number(found[1]), number(found[3])
        if minutes is None or hour is None or not 0 < minutes < 60 or not 0 <= hour < 24:
            return None, False
        whole = hour * 60 + (minutes if found[2] == "past" else -minutes)
        return time(whole // 60 % 24, whole % 60), hour > 12
    words = re.sub(r" ?o'?clock$", "", said).split()
    spelt = [str(NUMBERS[word]) if word in NUMBERS and word not in NO_HOURS else word for word in words]
    if len(spelt) == 2 and all(word.isdecimal() for word in spelt) and len(spelt[1]) == 2:
        spelt = [":".join(spelt)]
    found = _CLOCK.fullmatch(" ".join(spelt))
    if found is None:
        return None, False
    oclock, past, half_day = int(found[1]), int(found[2] or 0), (found[3] or "").replace(".", "")
    if oclock == 24 and not past:
        raise ScheduleError(say("24:00 is 0:00 of the day after: write that one, with its day."))
    if half_day and not 1 <= oclock <= 12:
        return None, False
    if half_day:
        oclock = oclock % 12 + (12 if half_day == "pm" else 0)
    marked = bool(half_day) or oclock > 12 or found[1].startswith("0")
    return (time(oclock, past), marked) if oclock < 24 and past < 60 else (None, False)


def number(word: str) -> int | None:
    return int(word) if word.isdecimal() else NUMBERS.get(word)
