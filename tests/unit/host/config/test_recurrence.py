"""When tasks are due, against an independent implementation and against the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from host.config import recurrence
from host.config.recurrence import NICKNAMES, Schedule, ScheduleError
from host.words import moment
from tests.support.naive_cron import due_times

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
CHANGES = {  # days of 2026 on which the clocks go forward and back
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-10-04", "2026-04-05"),
}
EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 * * * *",
    "15 */2 * * *",
    "*/30 1-3 * * *",
    "30 2 * * *",
    "0 2 * * *",
    "45 1 * * *",
    "0,10,20 2 * * *",
    "5 1,2,3 * * *",
    "59 23 * * *",
    "0 0 * * *",
    "0 9 * * 1-5",
    "0 9 * * MON,WED",
    "0 9 1 * *",
    "0 9 31 * *",
    "0 9 13 * 5",
    "0 9 * FEB-APR 0",
    "0 12 29 2 *",
    "0 6 */10 * *",
    "0 6 * */3 7",
)


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def due(expression: str, zone: str, start: datetime, end: datetime) -> list[int]:
    after, until = int(start.timestamp() * 1000), int(end.timestamp() * 1000)
    schedule = recurrence.of_cron(expression, zone, after)
    return list(takewhile(lambda found: found <= until, schedule.times_after(after)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_around_both_changes_of_the_clocks_it_runs_as_the_slow_matcher_says(
    expression: str, zone: str
) -> None:
    for day in CHANGES[zone]:
        start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(hours=13)
        end = start + timedelta(days=2)
        assert due(expression, zone, start, end) == due_times(expression, zone, start, end), day


@pytest.mark.parametrize("zone", ZONES)
def test_two_years_of_occurrences_are_those_of_the_slow_matcher(zone: str) -> None:
    start = datetime(2027, 12, 30, 12, tzinfo=UTC)
    end = start + timedelta(days=733)  # with the 29th of February 2028
    for expression in ("0 9 * * 1-5", "30 2 1,15,31 * *", "20 */6 28-31 2 *"):
        assert due(expression, zone, start, end) == due_times(expression, zone, start, end)


def test_starting_anywhere_gives_the_same_times_as_starting_earlier() -> None:
    for zone in ZONES:
        for day in CHANGES[zone]:
            start = at(day, zone) - 3_600_000
            for expression in ("45 2 * * *", "40 1 * * *", "*/20 * * * *", "0,30 1,2 * * *"):
                schedule = Schedule(zone, cron=expression)
                whole = schedule.between(start, start + 30 * 3_600_000, 1_000)
                for after in range(start, start + 6 * 3_600_000, 600_000):
                    expected = next(time for time in whole if time > after)
                    assert schedule.next_after(after) == expected, (zone, day, expression, after)


@pytest.mark.parametrize("nickname", NICKNAMES)
def test_a_nickname_means_what_cron_says(nickname: str) -> None:
    start = datetime(2026, 11, 27, 10, 30, tzinfo=UTC)
    schedule = recurrence.of_cron(nickname, "Europe/Berlin", int(start.timestamp() * 1000))
    first = datetime.fromtimestamp(
        schedule.next_after(at("2026-11-27 10:30")) / 1000, ZoneInfo("Europe/Berlin")
    )
    expected = {
        "@yearly": "2027-01-01 00:00",
        "@annually": "2027-01-01 00:00",
        "@monthly": "2026-12-01 00:00",
        "@weekly": "2026-11-29 00:00",
        "@daily": "2026-11-28 00:00",
        "@midnight": "2026-11-28 00:00",
        "@hourly": "2026-11-27 12:00",
    }
    assert f"{first:%Y-%m-%d %H:%M}" == expected[nickname]


def test_the_last_of_february_and_of_every_month_is_found() -> None:
    schedule = recurrence.of_cron("0 8 L * *", "UTC", 0)
    start = at("2028-01-01")
    months = [
        datetime.fromtimestamp(t / 1000, UTC)
        for t in takewhile(lambda t: t < at("2029-01-01"), schedule.times_after(start))
    ]
    assert [m.day for m in months] == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    leap = recurrence.of_cron("0 12 29 2 *", "UTC", at("2026-01-01"))
    assert leap.next_after(at("2026-01-01")) == at("2028-02-29 12:00")


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 30 2 *",
        "0 0 31 4 *",
        "60 * * * *",
        "* * * *",
        "0 0 0 0 0",
        "@reboot",
        "",
        "*/0 * * * *",
        "0 0 * * MON-",
        "0 0 0 * * *",
        "☃ * * * *",
    ],
)
def test_an_impossible_expression_is_refused_in_words(expression: str) -> None:
    with pytest.raises(ScheduleError):
        recurrence.of_cron(expression, "Europe/Berlin", at("2026-11-27"))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "Europe/Berlin\x00", "CEST+"])
def test_an_unknown_zone_is_refused_in_words(zone: str) -> None:
    with pytest.raises(ScheduleError, match="IANA"):
        recurrence.of_cron("0 9 * * *", zone, 0)


def test_one_time_is_local_unless_it_carries_an_offset() -> None:
    now = at("2026-11-27")
    assert recurrence.of_time("2026-12-31 18:00", "Europe/Berlin", now).at == at("2026-12-31 17:00")
    assert recurrence.of_time("2026-12-31T18:00+00:00", "Europe/Berlin", now).at == at("2026-12-31 18:00")


@pytest.mark.parametrize("text", ["2026-11-26 09:00", "tomorrow", "2027-03-28 02:30", "2026-13-01 00:00", ""])
def test_a_time_that_is_past_or_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        recurrence.of_time(text, "Europe/Berlin", at("2026-11-27"))


@pytest.mark.parametrize("text", ["9999-12-31 23:59", "9999-12-31T23:59-12:00", "0001-01-01 00:00"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_a_time_at_the_end_of_what_a_calendar_knows_is_refused_in_words(text: str, zone: str) -> None:
    with pytest.raises(ScheduleError, match="within the years"):
        recurrence.of_time(text, zone, at("2026-11-27"))


def test_a_time_the_clock_shows_twice_is_said_with_its_offset() -> None:
    assert moment(at("2026-10-25 00:30"), "Europe/Berlin").endswith("02:30 Europe/Berlin (UTC+0200)")
    assert moment(at("2026-10-25 01:30"), "Europe/Berlin").endswith("02:30 Europe/Berlin (UTC+0100)")
    assert moment(at("2026-11-27 08:00"), "Europe/Berlin") == "Friday 27 November 2026, 09:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("*/7 * * * *", 4),
        ("0,1 9 1 1 *", 1),
        ("0 9 * * *", 23 * 60),
        ("0,59 0,23 * * *", 1),
    ],
)
def test_the_shortest_interval_is_that_of_the_nearest_two(expression: str, minutes: int) -> None:
    schedule = recurrence.of_cron(expression, "Europe/Berlin", at("2026-01-01"))
    assert schedule.shortest_interval(at("2026-01-01")) == minutes * 60_000


def test_the_latest_due_time_is_found_however_long_ago_the_last_one_was() -> None:
    every_minute = Schedule("UTC", cron="* * * * *")
    assert every_minute.latest(at("2024-01-01"), at("2026-11-27 10:00:30")) == at("2026-11-27 10:00")
    yearly = Schedule("UTC", cron="0 0 29 2 *")
    assert yearly.latest(at("2023-01-01"), at("2027-01-01")) == at("2024-02-29")
    assert yearly.latest(at("2024-03-01"), at("2027-01-01")) == 0


def test_it_says_when_in_words() -> None:
    assert (
        Schedule("Europe/Berlin", cron="0 9 * * 1-5").in_words()
        == "at 09:00 from Monday to Friday (Europe/Berlin)"
    )
    assert (
        Schedule("UTC", at=at("2026-12-31 18:00")).in_words()
        == "once, on Thursday 31 December 2026, 18:00 UTC"
    )


@pytest.mark.parametrize(  # cron_every_90_minutes
    ("expression", "remedy"),
    [
        ("*/90 * * * *", "`0 */3 * * *` and `30 1-23/3 * * *`"),
        ("*/120 * * * *", "`0 */2 * * *`"),
        ("*/60 * * * *", "`0 * * * *`"),
        ("5-59/90 * * * *", "`0 */3 * * *`"),
        ("0 */36 * * *", "Name the minutes"),
        ("0 */24 * * *", "`0 0 * * *`"),
        ("0 */48 * * *", "`0 0 */2 * *`"),
        ("0 9 */40 * *", "such as 1,15"),
        ("0 9 1 */12 *", "such as 1,15"),
    ],
)
def test_a_step_longer_than_what_it_divides_is_refused_with_what_is_meant(
    expression: str, remedy: str
) -> None:
    with pytest.raises(ScheduleError) as caught:
        recurrence.of_cron(expression, "UTC", at("2026-01-01"))
    assert remedy in str(caught.value)


def test_what_is_offered_for_ninety_minutes_is_every_ninety_minutes() -> None:
    start, end = at("2026-01-01"), at("2026-01-02")
    both = [
        Schedule("UTC", cron=cron).between(start - 1, end, 99) for cron in ("0 */3 * * *", "30 1-23/3 * * *")
    ]
    times = sorted(both[0] + both[1])
    assert {later - earlier for earlier, later in pairwise(times)} == {90 * 60_000}


def test_days_are_counted_in_english() -> None:
    words = Schedule("UTC", cron="0 9 2,11,12,13,21,22,23,31 * *").in_words()
    for day in ("11th", "12th", "13th", "21st", "22nd", "23rd", "31st"):
        assert f"the {day}" in words
    assert "counted anew every hour" in Schedule("UTC", cron="*/7 * * * *").in_words()
    assert "anew" not in Schedule("UTC", cron="*/15 */6 * * *").in_words()
    assert Schedule("UTC", cron="0 9 * * mon").in_words() == "at 09:00 on Monday (UTC)"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (
            "0 9 13 * 5",
            "at 09:00 on the 13th day of the month and on Friday, whichever comes: one of the two is enough",
        ),
        ("0 9 1,15 * mon", "on the first and the 15th day of the month and on Monday, whichever comes"),
        ("0 9 1-31/2 * 1", "whichever comes: one of the two is enough"),
        ("0 9 1-10 * 1", "whichever comes: one of the two is enough"),
    ],
)
def test_a_day_and_a_weekday_are_said_to_add(expression: str, words: str) -> None:
    schedule = recurrence.of_cron(expression, "UTC", at("2026-11-28"))
    assert words in schedule.in_words()


def test_the_thirteenth_and_friday_come_each_for_itself() -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    days = [
        datetime.fromtimestamp(found / 1000, UTC).day
        for found in due("0 9 13 * 5", "UTC", start, start + timedelta(days=20))
    ]
    assert days == [4, 11, 13, 18]


@pytest.mark.parametrize(
    "expression", ["0 9 */2 * 1", "0 9 1-7 * */2", "0 9 * * 1", "0 9 1 * *", "0 9 *,1 * 1"]
)
def test_where_a_field_begins_with_a_star_both_have_to_fit_and_nothing_is_added(expression: str) -> None:
    """Vixie cron's rule, which cronsim keeps: a step counts as a star."""
    said = recurrence.of_cron(expression, "UTC", at("2026-11-28")).in_words()
    assert "whichever" not in said
    assert "every day" not in said.replace("every day of", "")


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("0 9 1-7 * 1", "The first one of a month is `0 9 * * 1#1`"),
        ("30 8 8-14 * tue", "The second one of a month is `30 8 * * tue#2`"),
        ("0 9 1,2,3,4,5,6,7 * 1", "The first one of a month is `0 9 * * 1#1`"),
        ("0 9 01-07 * 1", "The first one of a month is `0 9 * * 1#1`"),
        ("0 9 15-21/1 * fri", "The third one of a month is `0 9 * * fri#3`"),
        ("0 9 22-28 3 5", "The fourth one of a month is `0 9 * 3 5#4`"),
        ("0 9 1-31 * 1", "'1-31' in the day takes every day, whatever the other says"),
        ("0 9 1-31/1 * 1", "takes every day"),
        ("0 9 1 * 0-6", "'0-6' in the weekday takes every day"),
        ("0 9 1 * 1-7", "'1-7' in the weekday takes every day"),
        ("0 9 1 * mon,tue,wed,thu,fri,sat,sun", "Write `*` for it"),
    ],
)
def test_days_that_add_to_what_nobody_means_are_refused_with_what_is_meant(
    expression: str, meant: str
) -> None:
    with pytest.raises(ScheduleError) as refused:
        recurrence.of_cron(expression, "UTC", at("2026-11-28"))
    assert meant in str(refused.value)


def test_what_the_refusal_offers_is_accepted_and_comes_on_first_mondays() -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    found = due("0 9 * * 1#1", "UTC", start, start + timedelta(days=70))
    assert [datetime.fromtimestamp(one / 1000, UTC).strftime("%a %d %b") for one in found] == [
        "Mon 07 Dec",
        "Mon 04 Jan",
        "Mon 01 Feb",
    ]


def test_a_task_from_before_the_refusal_still_says_what_it_does() -> None:
    assert "which together is every day" in Schedule("UTC", cron="0 9 1-31 * 1").in_words()


@pytest.mark.parametrize(
    ("cron", "german"),
    [
        ("61 * * * *", "'61 * * * *' ist kein Cron-Ausdruck: die Minute stimmt nicht"),
        ("0 9 13 *", "'0 9 13 *' muss fünf Felder haben: Minute, Stunde, Tag, Monat, Wochentag"),
        (
            "*/60 * * * *",
            "'/60' im Feld „Minute“ geht nicht: Cron zählt mit jeder Einheit „Stunde“ neu, also hieße es einmal je „Stunde“."
            " Jede Stunde ist `0 * * * *`",
        ),
    ],
)
def test_a_refusal_is_told_in_the_language_of_its_place(cron: str, german: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        recurrence.of_cron(cron, "UTC", 0)
    assert refused.value.text.told("de") == german
