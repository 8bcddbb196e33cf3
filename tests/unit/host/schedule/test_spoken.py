"""When something is to happen, in people's words: understood to the last of them, or refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from host.config import recurrence
from host.config.recurrence import ScheduleError
from host.schedule.spoken import understood

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 11, 28, 15, 30, 20, tzinfo=ZoneInfo(BERLIN))  # a Saturday


def read(text: str, now: datetime = NOW) -> str:
    found = understood(text, int(now.timestamp() * 1000), str(now.tzinfo))
    return found.cron or found.at


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("in 20 minutes", "2026-11-28T15:51+01:00"),  # never sooner than asked
        ("Remind me in half an hour", "2026-11-28T16:01+01:00"),
        ("in 1h30m", "2026-11-28T17:01+01:00"),
        ("in an hour and a half", "2026-11-28T17:01+01:00"),
        ("two hours from now", "2026-11-28T17:31+01:00"),
        ("in 3 days", "2026-12-01 15:30"),
        ("at 9", "2026-11-29 09:00"),
        ("at 9pm", "2026-11-28 21:00"),
        ("21.15", "2026-11-28 21:15"),
        ("tonight at 9", "2026-11-28 21:00"),
        ("this evening", "2026-11-28 18:00"),
        ("Tomorrow at 9.", "2026-11-29 09:00"),
        ("tomorrow", "2026-11-29 09:00"),
        ("tomorrow at half past nine", "2026-11-29 09:30"),
        ("9am tomorrow", "2026-11-29 09:00"),
        ("at 8 tomorrow evening", "2026-11-29 20:00"),
        ("in the evening, tomorrow?", "2026-11-29 18:00"),
        ("tomorrow evening at 8", "2026-11-29 20:00"),
        ("quarter to ten", "2026-11-29 09:45"),
        ("the day after tomorrow at noon", "2026-11-30 12:00"),
        ("next monday at 10", "2026-11-30 10:00"),
        ("saturday at 9", "2026-12-05 09:00"),
        ("saturday", "2026-12-05 09:00"),
        ("saturday at 18:00", "2026-11-28 18:00"),  # of today while it is to come
        ("6pm on sat.", "2026-11-28 18:00"),
        ("this saturday evening", "2026-11-28 18:00"),
        ("next saturday at 18:00", "2026-12-05 18:00"),
        ("saturday next week at 18:00", "2026-12-05 18:00"),
        ("sept 5 at 9", "2027-09-05 09:00"),
        ("5. Sept. at 9am", "2027-09-05 09:00"),
        ("dec. 24 at 18:30, please", "2026-12-24 18:30"),
        ("thursday, december 24 at 9", "2026-12-24 09:00"),
        ("tue the 1st at noon", "2026-12-01 12:00"),
        ("first friday of december at 9", "2026-12-04 09:00"),
        ("last friday of next month", "2026-12-25 09:00"),
        ("last friday of october 2027 at 9", "2027-10-29 09:00"),
        ("in 1h30", "2026-11-28T17:01+01:00"),
        ("in 1 hour 30", "2026-11-28T17:01+01:00"),
        ("in one and a half hours", "2026-11-28T17:01+01:00"),
        ("in 2½ hours", "2026-11-28T18:01+01:00"),
        ("in three quarters of an hour", "2026-11-28T16:16+01:00"),
        ("in twenty-five minutes", "2026-11-28T15:56+01:00"),
        ("in an hour's time", "2026-11-28T16:31+01:00"),
        ("45m", "2026-11-28T16:16+01:00"),
        ("in a fortnight at 9", "2026-12-12 09:00"),
        ("in a year", "2027-11-28 15:30"),
        ("tomorrow at 17h30", "2026-11-29 17:30"),
        ("tomorrow at 1730", "2026-11-29 17:30"),
        ("tomorrow at a quarter past nine", "2026-11-29 09:15"),
        ("noon", "2026-11-29 12:00"),
        ("2026-12-24T18:00:00Z", "2026-12-24T19:00+01:00"),
        ("on December 24th at 18:30", "2026-12-24 18:30"),
        ("24.12.", "2026-12-24 09:00"),
        ("the 3rd of march at 8am", "2027-03-03 08:00"),
        ("29 February", "2028-02-29 09:00"),
        ("2026-12-31 18:00", "2026-12-31 18:00"),
        ("in two days at 9", "2026-11-30 09:00"),
        ("in a week at noon", "2026-12-05 12:00"),
        ("in 3 months", "2027-02-28 15:30"),
        ("in a month at 9", "2026-12-28 09:00"),
        ("next month", "2026-12-01 09:00"),
        ("next month at 12 noon", "2026-12-01 12:00"),
        ("monday next week", "2026-11-30 09:00"),
        ("next week on friday at 8 pm", "2026-12-04 20:00"),
        ("on the 24th", "2026-12-24 09:00"),
        ("the 28th at 18:00", "2026-11-28 18:00"),
        ("31st", "2026-12-31 09:00"),
        ("24.12 18:30", "2026-12-24 18:30"),
        ("24.12. at 18:30", "2026-12-24 18:30"),
        ("10 minutes", "2026-11-28T15:41+01:00"),
        ("in 1.5 hours", "2026-11-28T17:01+01:00"),
        ("12 noon", "2026-11-29 12:00"),
        ("tonight at 11pm", "2026-11-28 23:00"),
        ("tomorrow at 3 in the afternoon", "2026-11-29 15:00"),
        ("at 1 in the morning", "2026-11-29 01:00"),
        ("tomorrow at 03:00", "2026-11-29 03:00"),
        ("today at 18:00", "2026-11-28 18:00"),
        ("at midnight", "2026-11-29 00:00"),
    ],
)
def test_a_single_time(said: str, at: str) -> None:
    assert read(said) == at


@pytest.mark.parametrize(
    ("said", "cron"),
    [
        ("every weekday at nine", "0 9 * * 1-5"),
        ("every day at 18:30", "30 18 * * *"),
        ("daily", "0 9 * * *"),
        ("every morning at 8", "0 8 * * *"),
        ("every Monday and Thursday at 9:30", "30 9 * * 1,4"),
        ("every mon, wed and fri at 10am", "0 10 * * 1,3,5"),
        ("mondays at 9", "0 9 * * 1"),
        ("every week on friday at 16:00", "0 16 * * 5"),
        ("every weekend at 11", "0 11 * * 0,6"),
        ("monthly on the 15th", "0 9 15 * *"),
        ("every 1st of the month at 8", "0 8 1 * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("0 9 * * 1-5", "0 9 * * 1-5"),
        ("@daily", "@daily"),
        ("every day at 9 and 17", "0 9,17 * * *"),
        ("every weekday at 9:15, 12:15 and 17:15", "15 9,12,17 * * 1-5"),
        ("every day at 9 and 9:30", "0,30 9 * * *"),
        ("monday to friday at 9", "0 9 * * 1-5"),
        ("every mon-thu at 8:30", "30 8 * * 1,2,3,4"),
        ("first monday of the month", "0 9 * * 1#1"),
        ("every first monday at 10", "0 10 * * 1#1"),
        ("the second tuesday of every month at 9", "0 9 * * 2#2"),
        ("last friday of the month at 16:00", "0 16 * * 5L"),
        ("every year on 24 December", "0 9 24 12 *"),
        ("yearly on the 1st of january at 12 noon", "0 12 1 1 *"),
        ("every day at midnight", "0 0 * * *"),
        ("at 9 every weekday", "0 9 * * 1-5"),
        ("9:30 and 17:30 daily", "30 9,17 * * *"),
        ("at 10 on mondays", "0 10 * * 1"),
        ("at 9 on the first monday of the month", "0 9 * * 1#1"),
        ("every Monday, Wednesday and Friday at 9", "0 9 * * 1,3,5"),
        ("every mon/wed/fri at 9", "0 9 * * 1,3,5"),
        ("every tue & thu at 9", "0 9 * * 2,4"),
        ("on mondays, wednesdays and fridays at 9:30", "30 9 * * 1,3,5"),
        ("every weekday morning at 8:30", "30 8 * * 1-5"),
        ("saturday mornings at 10", "0 10 * * 6"),
        ("mornings at 8", "0 8 * * *"),
        ("weekdays at 9", "0 9 * * 1-5"),
        ("from monday to friday at 9", "0 9 * * 1-5"),
        ("business days at 9", "0 9 * * 1-5"),
        ("everyday at 9", "0 9 * * *"),
        ("once a day at 9", "0 9 * * *"),
        ("every 60 minutes", "0 * * * *"),
        ("every 1st and 15th at 9", "0 9 1,15 * *"),
        ("on the first of every month at 9", "0 9 1 * *"),
        ("last day of the month at 17:00", "0 17 L * *"),
        ("last working day of the month at 9", "0 9 LW * *"),
        ("every 24 december at 9", "0 9 24 12 *"),
        ("0 9 * * MON-FRI", "0 9 * * MON-FRI"),
    ],
)
def test_again_and_again(said: str, cron: str) -> None:
    assert read(said) == cron
    recurrence.of_cron(cron, BERLIN, 0)


@pytest.mark.parametrize(
    "said",
    [
        "", "soon", "yesterday", "9 or 10", "tomorrow at 25:00", "at 13pm", "31 february", "12/31", "in minutes",
        "every second", "every 5 seconds", "every other day", "every second monday", "every 2 weeks", "every 40 minutes",
        "every day at", "every monday at 9 until christmas", "on monday at 9 and friday at 10", "in 0 minutes",
        "in 999999 days", "march at 9", "x" * 5_000, "in 5 seconds", "every 0 minutes", "at 9 \x00",
        "9 9", "9 mon 24", "9 december 24 10", ",", "?", ".,",
        "9 to 5 on weekdays", "every day except sunday", "in 1h 90", "in 1:30", "31.11. at 9", "24.12.26", "5 4 3 2 1",
        "tomorrow every day", "every monday at 9 every tuesday", "monday at 9 and friday at 10", "in 20 minutes every day",
    ],
)  # fmt: skip
def test_what_is_not_understood_to_the_last_word_is_refused_in_words(said: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        read(said)
    assert len(str(refused.value)) < 300


def test_an_hour_that_comes_twice_or_not_at_all() -> None:
    """A length of time is real time and names its offset; a time on the clock that is skipped is refused when it is read."""
    autumn = datetime(2026, 10, 25, 1, 50, tzinfo=ZoneInfo(BERLIN))
    assert read("in 20 minutes", autumn) == "2026-10-25T02:10+02:00"
    assert read("in 80 minutes", autumn) == "2026-10-25T02:10+01:00"
    spring = datetime(2027, 3, 27, 12, tzinfo=ZoneInfo(BERLIN))
    skipped = read("tomorrow at 02:30", spring)
    with pytest.raises(ScheduleError, match="does not exist"):
        recurrence.of_time(skipped, BERLIN, int(spring.timestamp() * 1000))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tonight at 1", "two hours"),
        ("tonight at 12", "two hours"),
        ("12 at night", "two hours"),
        ("at 12 in the evening", "two hours"),
        ("tomorrow night at 1", "two hours"),
        ("at 12 in the morning", "two hours"),
        ("tonight at 1am", "two hours"),
        ("tomorrow at 3", "two hours"),
        ("every day at five", "two hours"),
        ("half past three", "two hours"),
        ("13:00 this morning", "contradicts"),
        ("9am night", "contradicts"),
        ("tomorrow evening at 8am", "contradicts"),
        ("tomorrow at midnight", "between two days"),
        ("midnight tonight", "between two days"),
        ("every monday at midnight", "between two days"),
        ("tomorrow at 24:00", "the day after"),
        ("today", "which is past"),
        ("next sunday", "one after it"),
        ("9am PST", "America/Los_Angeles"),
        ("tomorrow at 9 CET", "Europe/Berlin"),
        ("12/31 at 9", "month's name"),
        ("every day at 9:15 and 17:30", "in common"),
        ("every other day", "every other one"),
        ("every second monday", "every other one"),
        ("every 90 minutes", "no whole number"),
        ("last friday at 9", "is past"),
        ("yesterday at 9", "is past"),
        ("20 minutes ago", "is past"),
        ("first friday at 9", "every first Friday"),
        ("the 2nd tuesday at 9", "every 2nd Tuesday"),
        ("the 15th of the month", "every 15th"),
        ("monday and wednesday at 9", "several days"),
        ("9am on mon, wed and fri", "several days"),
        ("coming saturday", "today or in a week"),
        ("friday the 25th of november 2027", "2027-11-25 is a Thursday"),
        ("2h", "length or a time"),
        ("tomorrow at 3h", "two hours"),
        ("in 0 minutes", "right now"),
        ("soon", "Write it like one of these"),
    ],
)
def test_what_may_be_meant_in_two_ways_is_asked_back_with_the_reason(said: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        read(said)


@pytest.mark.parametrize(
    ("said", "at", "zone"),
    [
        ("tomorrow at 9 UTC", "2026-11-29 09:00", "UTC"),
        ("9am Asia/Tokyo", "2026-11-29 09:00", "Asia/Tokyo"),
        ("tomorrow at 9 in Tokyo time", "2026-11-29 09:00", "Asia/Tokyo"),
        ("10 pm New York time", "2026-11-28 22:00", "America/New_York"),
        ("tomorrow at 9", "2026-11-29 09:00", ""),
    ],
)
def test_a_zone_that_is_said_is_the_tasks(said: str, at: str, zone: str) -> None:
    found = understood(said, int(NOW.timestamp() * 1000), BERLIN)
    assert (found.at, found.zone) == (at, zone)
