"""When something is to happen, as a person writes it: "tomorrow at 9", "in 20 minutes", "every weekday at nine".

What is not understood to the last word is refused and never guessed at (law 12): a library that finds a time in almost any
text is of no use here. What is understood is said back, and confirmed, before anything is scheduled. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from host.config.recurrence import ScheduleError, known_zone
from host.schedule import clocks, days, lengths, repeats
from host.schedule.clocks import MORNING
from host.schedule.days import DAY, MONTH, When
from host.words import say

EXAMPLES = '"in 20 minutes", "tomorrow at 9", "on 24 December at 18:30", "every weekday at nine"'
LONGEST = 200  # characters

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ]+(\d{1,2}):(\d{2})(?::\d{2})?)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d)?(?:z|[+-]\d\d:?\d\d)")
_CRON = re.compile(r"[\d*,/-]+ [\d*,/-]+ [\d*,/lw-]+ [\d*,/a-z-]+ [\d*,/#a-z-]+")
_PAST = re.compile(
    rf".*\b(?:yesterday|ago)\b.*|last (?:night|week|month|year|weekend)\b.*|.*\blast (?:{DAY}) (?:night|week)\b.*"
)
_PLAINLY = (
    (re.compile(r"^(?:please )?(?:remind me|do it|do this)\s+"), ""),
    (re.compile(r",? (?:please|thanks|thank you)$"), ""),
    (re.compile(r"\bsept\b"), "sep"),
    (re.compile(r"⁄"), "/"),
    (re.compile(rf"\bfirst(?= of (?:(?:every|each|the|this) month|{MONTH})\b)"), "1st"),
    (re.compile(rf"\bsecond(?= of (?:(?:every|each|the|this) month|{MONTH})\b)"), "2nd"),
    (re.compile(rf"\bthird(?= of (?:(?:every|each|the|this) month|{MONTH})\b)"), "3rd"),
    (
        re.compile(
            r"\b((?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)|(?:mon|tues?|weds?|thurs?|thu|fri|sat|sun))\.(?= |,|$)"
        ),
        r"\1",
    ),
    (re.compile(r" ?& ?"), " and "),
    (re.compile(r"^once (?!a |an |every |each )"), ""),
)
_TENS = re.compile(r"\b(twenty|thirty|forty|fifty)[- ](one|two|three|four|five|six|seven|eight|nine)\b")


def understood(text: str, now: int, zone: str) -> When:
    """`now` in ms UTC; `zone` is the person's. Raises `ScheduleError`."""
    known_zone(zone)
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split()).strip(" .!,;?")
    if re.fullmatch(r"(?:on )?\d{1,2}\.\d{1,2}", said) and text.rstrip().endswith("."):
        said += "."  # a day of a month
    if not said or len(said) > LONGEST:
        raise _not_understood(text)
    if said.startswith("@") or (_CRON.fullmatch(said) and (said[0] == "*" or " *" in said)):
        return When(cron=" ".join(text.split()))
    for pattern, words in _PLAINLY:
        said = pattern.sub(words, said)
    said = _TENS.sub(lambda found: str(clocks.NUMBERS[found[1]] + clocks.NUMBERS[found[2]]), said)
    said = said.strip(" ,;?!")
    if not said:
        raise _not_understood(text)
    said, named = clocks.zoned(said)
    if named:
        return replace(understood(said, now, named), zone=named)
    here = datetime.fromtimestamp(now / 1000, UTC).astimezone(known_zone(zone))
    _refuse(said)
    try:
        for reader in (lengths.understood, repeats.understood, _once):
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


def _refuse(said: str) -> None:
    """What no reader is to see, and what only looks like a time."""
    if re.search(r"(?:^| )\d{1,2}/\d{1,2}(?: (?!h(?:ou)?rs?\b)|/|$)", said):
        raise ScheduleError(
            say(
                "{said} is another day here and there. Write the month's name, such as 24 December.",
                said=repr(said),
            )
        )
    if _PAST.fullmatch(said):
        raise ScheduleError(say("{said} is past: I can only plan what is to come.", said=repr(said)))
    if re.search(rf"(?:^| )(?:{DAY})(?:,? and |, ?|/)(?:{DAY})(?= |,|$)", said) and not re.search(
        r"\b(?:every|each|week|weekly)\b|days (?:and|,)|days, ", said
    ):
        raise ScheduleError(
            say(
                "Those are several days: write “every monday and friday at 9” for each week, or ask for one day at a time."
            )
        )
    if found := re.fullmatch(r"(\d{1,2}) ?h ?(\d\d)?", said):
        raise ScheduleError(
            say(
                "{said} is a length or a time of day: write “in {length}”, or “at {time}”.",
                said=repr(said),
                length=f"{found[1]}h{found[2] or ''}",
                time=f"{found[1]}:{found[2] or '00'}",
            )
        )


def _once(said: str, here: datetime) -> When | None:
    if _INSTANT.fullmatch(said):
        moment = datetime.fromisoformat(said.upper()).astimezone(here.tzinfo)
        return When(at=moment.isoformat(timespec="minutes"))
    if found := _ISO.fullmatch(said):
        day = date(int(found[1]), int(found[2]), int(found[3]))
        return days.on(day, time(int(found[4]), int(found[5])) if found[4] else MORNING)
    days.refuse_without_a_month(said)
    for reader in (days.dated, days.named):
        if (read := reader(said, here)) is not None:
            if "midnight" in read.rest.split():
                return days.of_no_day(said)
            if not read.rest and read.day == here.date() and here.time() >= MORNING and not read.weekly:
                raise ScheduleError(
                    say("A day alone means 09:00, which is past: add a time, such as today at 18:00.")
                )
            at = clocks.read(read.rest)
            if at is None:
                return None
            later = read.weekly and at <= here.time()
            return days.on(read.day + timedelta(days=7 if later else 0), at)
    return _of_today(said, here)


def _of_today(said: str, here: datetime) -> When | None:
    """A time without a day: the next one, today or tomorrow."""
    at = clocks.read(said) if said else None
    if at is None:
        return None
    day = here.date() if at > here.time() else here.date() + timedelta(days=1)
    return days.on(day, at)
