"""Again and again, as a person says it: "every weekday at nine", "mondays at 10", "at 17:00 every friday". Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, time

from host.config.recurrence import ScheduleError
from host.schedule import clocks, days
from host.schedule.clocks import MORNING, number
from host.schedule.days import DAY, DAYS, NTH, NTHS, When, weekday
from host.words import say

EXAMPLES = (
    '"every weekday at nine", "mondays at 10", "first monday of the month at 9", "every year on 24 December"'
)
_WORDS = {
    "daily": "every day",
    "nightly": "every night",
    "hourly": "every hour",
    "weekly": "every week",
    "monthly": "every month",
    "yearly": "every year",
    "annually": "every year",
    "weekdays": "every weekday",
    "workdays": "every weekday",
    "weekends": "every weekend",
    "each": "every",
}
_NAMES = "|".join(f"{name}s?" if name in DAYS else name for name in DAY.split("|"))
_MANY = "|".join(f"{day}s" for day in DAYS)
_PARTS = "morning|afternoon|evening|night"
_OF_MONTH = r" of (?:the|every|each) month"
_BETWEEN = r"(?:,? and |, ?|/| )"
_SPAN = rf"(?P<from>{_NAMES})(?: to | through |-| - |–| – )(?P<to>{_NAMES})(?= |,|$)"
_MONTHLY = (  # "the second tuesday of every month", "on the 1st and 15th of each month"
    rf"(?:{NTH}) \w+(?: \w+)?{_OF_MONTH}(?= |,|$)|(?:\d+(?:st|nd|rd|th)[, and]*)+ of (?:every|each) month(?= |,|$)"
)
_BEGINS = (
    rf"(?:on |from )?(?:(?:every|{'|'.join(_WORDS)}|(?:business|working|week|work) days|{_MANY}|{_SPAN})(?= |,|$)"
    rf"|(?:every |each |the )*(?:{_MONTHLY}))"
)


def understood(said: str, here: datetime) -> When | None:
    """Raises `ScheduleError`."""
    said = _every(said)
    if not said.startswith("every "):
        return None
    said = re.sub(rf"^({_PARTS})s?\b", r"day \1", said.removeprefix("every "))
    _refuse(said)
    if found := re.fullmatch(r"(?:(\d+|[a-z]+) )?(minute|min|hour|hr|day|week)s?", said):
        return _at_steps(number(found[1] or "1"), found[2], here)
    for pattern, fields in _REPEATED:
        if found := re.fullmatch(rf"(?:{pattern})(?P<clock>(?: |$).*)?", said):
            wanted = fields(found)
            if wanted is None:
                return None
            if "midnight" in (found["clock"] or "").split() and wanted != "* * *":
                return days.of_no_day(said)
            return _at_each(clocks.several(found["clock"] or ""), wanted)
    return _yearly(said, here)


def _every(said: str) -> str:
    """With "every" in front, and the time behind, whichever way it was said."""
    said = re.sub(r"^once (?:an?|every|each) ", "every ", said)
    said = re.sub(r"\beveryday\b|\bevery single day\b", "every day", said)
    said = re.sub(rf"\b(weekday|{'|'.join(DAYS)}) ({_PARTS})s\b", r"every \1 \2", said)
    said = re.sub(rf"^(?:on )?(?:in the )?({_PARTS})s\b", r"every \1", said).replace("every every ", "every ")
    if not re.match(_BEGINS, said) and (behind := re.fullmatch(rf"(?:at )?(.+?),? ({_BEGINS}.*)", said)):
        said = f"{behind[2]} at {behind[1]}"
    if re.match(_BEGINS, said):
        said = re.sub(r"^(?:on|from) ", "", said)
    said = re.sub(rf"^(?:every |each |the )*(?={_MONTHLY})", "every ", said)
    first, _, behind_it = said.partition(" ")
    if first.rstrip(",").removesuffix("s") in DAYS and first.rstrip(",").endswith("s"):
        return f"every {said}"
    if re.match(_SPAN, said) or re.match(r"(?:business|working|week|work) days\b", said):
        return f"every {said}"
    return f"{_WORDS.get(first, first)} {behind_it}".strip()


def _refuse(said: str) -> None:
    if re.match(r"(?:\d+ |a |one )?sec(?:ond)?s?(?=$| at | from )", said):
        raise ScheduleError(
            say("A minute is the shortest between two times, and an agent's tasks may come less often still.")
        )
    if re.match(
        r"(?:other|second|third|fourth|2nd|3rd|4th) (?!\w+ of |(?:weekday|working day|business day) of )",
        said,
    ):
        raise ScheduleError(
            say(
                "I cannot leave out every other one. What I can repeat is like {examples}.", examples=EXAMPLES
            )
        )
    found = re.match(r"(\d+|[a-z]+) (?:day|week|month|year)s?\b", said)
    if found and (number(found[1]) or 0) > 1:
        raise _not_that()


def _not_that() -> ScheduleError:
    return ScheduleError(
        say("I cannot repeat that. What I can repeat is like {examples}.", examples=EXAMPLES)
    )


def _at_each(times: Sequence[time] | None, wanted: str) -> When | None:
    if times is None:
        return None
    minutes, hours = sorted({at.minute for at in times}), sorted({at.hour for at in times})
    if len(minutes) * len(hours) != len(times):
        raise ScheduleError(say("Those times have no minute in common: ask for a task for each of them."))
    return When(cron=f"{','.join(map(str, minutes))} {','.join(map(str, hours))} {wanted}")


def _yearly(said: str, here: datetime) -> When | None:
    """ "year on 24 December at 9", "24 December"."""
    dated = re.sub(r"^year(?: on)?(?: the)? ", "", said)
    if re.search(r"\b\d{4}\b", said) or not any(
        re.match(rf"{one}(?= |,|$)", dated) for one in days.NAMED_MONTH
    ):
        return None
    if (found := days.dated(dated, here)) is None:
        return None
    return _at_each(clocks.several(found.rest), f"{found.day.day} {found.day.month} *")


def _at_steps(count: int | None, unit: str, here: datetime) -> When | None:
    if not count:
        return None
    if (count, unit[:3]) == (60, "min"):
        count, unit = 1, "hour"
    if (count, unit[0]) == (24, "h"):
        raise _not_that()
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
        raise _not_that()
    today = f"{here.isoweekday() % 7}" if unit == "week" else "*"
    return When(cron=f"{MORNING.minute} {MORNING.hour} * * {today}")


def _weekdays(named: str) -> str | None:
    found = [weekday(word) for word in re.split(_BETWEEN, named.strip(" ,")) if word]
    if not found or None in found:
        return None
    return f"* * {','.join(str((day + 1) % 7) for day in sorted({d for d in found if d is not None}))}"


def _span(first: str, last: str) -> str | None:
    begin, end = weekday(first), weekday(last)
    if begin is None or end is None:
        return None
    found = [(begin + number_) % 7 for number_ in range((end - begin) % 7 + 1)]
    whole = "1-5" if found == list(range(5)) else ",".join(sorted(str((day + 1) % 7) for day in found))
    return f"* * {whole}"


def _nth(nth: str, name: str) -> str | None:
    day = weekday(name)
    return None if day is None else f"* * {(day + 1) % 7}{f'#{NTHS[nth]}' if NTHS[nth] else 'L'}"


def _of_month(named: str) -> str | None:
    found = sorted({int(day) for day in re.findall(r"\d+", named)}) or [1]
    return f"{','.join(map(str, found))} * *" if 0 < found[0] <= found[-1] <= 31 else None


_DAY_OF_MONTH = r"\d{1,2}(?:st|nd|rd|th)"
_REPEATED: Sequence[tuple[str, Callable[[re.Match[str]], str | None]]] = (
    (_SPAN, lambda f: _span(f["from"], f["to"])),
    (rf"first day{_OF_MONTH}", lambda _: "1 * *"),
    (rf"last day{_OF_MONTH}|month on the last day", lambda _: "L * *"),
    (rf"last (?:weekday|(?:working|business|work) ?day){_OF_MONTH}", lambda _: "LW * *"),
    (rf"(?P<nth>{NTH}) (?P<day>{_NAMES})(?:{_OF_MONTH})?", lambda f: _nth(f["nth"], f["day"])),
    (r"weekdays?|(?:working|work|week|business) ?days?", lambda _: "* * 1-5"),
    (r"weekends?", lambda _: "* * 0,6"),
    (r"day", lambda _: "* * *"),
    (rf"(?:week )?(?:on )?(?P<days>(?:{_NAMES})(?:{_BETWEEN}(?:{_NAMES}))*)", lambda f: _weekdays(f["days"])),
    (
        r"(?:month(?: on)?(?: the)?(?: (?P<day>\d{1,2})(?:st|nd|rd|th)?(?! ?[ap]m))?)",
        lambda f: _of_month(f["day"] or ""),
    ),
    (
        rf"(?:month(?: on)? the )?(?P<day>{_DAY_OF_MONTH}(?:{_BETWEEN}(?:the )?{_DAY_OF_MONTH})*)(?:{_OF_MONTH})?",
        lambda f: _of_month(f["day"]),
    ),
)
