"""When quiet hours end, by what clocks on the wall show: over midnight, over both changes of the clocks, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from host.config import Config
from host.config.crossing import faults
from host.config.schema import QuietHours
from host.controls import plainly
from host.controls.why import Event
from host.delivery.quiet import REASON, is_held, until
from host.mailbox.rows import Parcel
from sessiondb.records import Address

BERLIN, HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")


def ms(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        ("22:00-07:00", "2026-11-27T21:59:59", ""),
        ("22:00-07:00", "2026-11-27T22:00", "2026-11-28T07:00"),
        ("22:00-07:00", "2026-11-27T23:59:59", "2026-11-28T07:00"),
        ("22:00-07:00", "2026-11-28T00:00", "2026-11-28T07:00"),
        ("22:00-07:00", "2026-11-28T06:59:59.999", "2026-11-28T07:00"),
        ("22:00-07:00", "2026-11-28T07:00", ""),
        ("12:30-14:00", "2026-11-28T13:00", "2026-11-28T14:00"),
        ("12:30-14:00", "2026-11-28T23:00", ""),
        ("08:00-00:00", "2026-11-28T23:59", "2026-11-29T00:00"),
        ("00:00-23:59", "2026-11-28T12:00", "2026-11-28T23:59"),
        ("22:00-21:59", "2026-12-31T22:30", "2027-01-01T21:59"),
        ("22:00-07:00", "2026-03-28T23:00", "2026-03-29T07:00"),  # an hour shorter
        ("22:00-07:00", "2026-10-24T23:00", "2026-10-25T07:00"),  # an hour longer
        (
            "22:00-02:30",
            "2026-03-28T23:00",
            "2026-03-29T03:00",
        ),  # half past two is left out: right after the gap
        ("02:15-02:45", "2026-03-29T01:59", ""),  # left out altogether
        ("02:15-02:45", "2026-03-29T03:00", ""),
    ],
)
def test_a_moment_is_quiet_until_the_wall_shows_the_end(hours: str, now: str, end: str) -> None:
    assert until(hours, ms(now), BERLIN) == (ms(end) if end else 0)


def test_an_end_that_comes_twice_counts_each_time() -> None:
    """Half past two in the night in which the hour from two to three comes twice."""
    hours = "22:00-02:30"
    assert until(hours, ms("2026-10-24T23:00"), BERLIN) == ms("2026-10-25T02:30")
    assert until(hours, ms("2026-10-25T02:45"), BERLIN) == 0
    second = ms("2026-10-25T02:10", fold=1)
    assert until(hours, second, BERLIN) == ms("2026-10-25T02:30", fold=1)


def test_a_zone_that_moves_by_half_an_hour_is_followed() -> None:
    before = ms("2026-10-04T01:00", HOWE)  # at two it is half past two
    assert until("22:00-02:15", before, HOWE) == ms("2026-10-04T02:30", HOWE)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
)
def test_the_end_is_never_quiet_and_everything_before_it_is(zone: str) -> None:
    where = ZoneInfo(zone)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(400):
        at += timedelta(hours=22, minutes=7)
        now = int(at.timestamp() * 1000)
        end = until("21:45-06:15", now, where)
        local = at.astimezone(where)
        assert (end > 0) == ((local.hour, local.minute) >= (21, 45) or (local.hour, local.minute) < (6, 15))
        if end:
            assert until("21:45-06:15", end, where) == 0
            assert until("21:45-06:15", end - 1, where) == end
            assert end - now <= 10 * 3_600_000


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("22:00-07:00", "22:00-07:00"),
        (" 22:00 – 7:00 ", "22:00-07:00"),
        ("22-7", "22:00-07:00"),
        ("8:30-24:00", "08:30-00:00"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_hours_are_taken_as_people_write_them(written: str, meant: str) -> None:
    assert QuietHours(everywhere=written).everywhere == meant


@pytest.mark.parametrize(
    "wrong",
    ["22:00", "25:00-07:00", "22:61-07:00", "07:00-07:00", "00:00-24:00", "night", "10pm-7am", "9-24:30"],
)
def test_hours_that_are_none_are_refused_with_what_to_write(wrong: str) -> None:
    with pytest.raises(ValidationError, match="22:00-07:00"):
        Config.model_validate({"quiet_hours": {"everywhere": wrong}})


def test_a_channels_own_hours_stand_in_place_of_those_everywhere() -> None:
    quiet = QuietHours(everywhere="22-7", channels={"slack/T1/C1": "18-9", "slack/T1/C2": ""})
    assert [quiet.of(f"slack/T1/C{n}") for n in (1, 2, 3)] == ["18:00-09:00", "", "22:00-07:00"]


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("C012AB3CD", "names no channel"),
        ("slack/T012AB3CD/C012AB3CD/17.1", "names no channel"),
        ("slack//C012AB3CD", "workspace is missing"),
        ("slack/T012AB3CD/general", "no channel's id"),
        ("teams/x/y", "no platform"),
    ],
)
def test_a_channel_that_there_cannot_be_is_told(channel: str, words: str) -> None:
    [fault] = faults({"quiet_hours": {"channels": {channel: "22-7"}}})
    assert fault.path == ("quiet_hours", "channels", channel)
    assert words in fault.problem
    assert not list(faults({"quiet_hours": {"channels": {"discord/1/2": "22-7", "slack/T1/C1": ""}}}))


def test_what_was_tried_or_waits_for_something_else_is_not_held() -> None:
    held = Parcel("o", 0, 2, "k", "pending", Address("slack", "T1", "C1"), "{}", error=f"{REASON} Friday")
    assert is_held(held)
    for other in (
        Parcel("o", 0, 2, "k", "pending", held.address, "{}", next_attempt_at=9),
        Parcel("o", 0, 2, "k", "pending", held.address, "{}", error=held.error, first_attempt_at=1),
        Parcel("o", 0, 2, "k", "sending", held.address, "{}", error=held.error),
    ):
        assert not is_held(other)


def test_why_says_what_the_post_waits_for() -> None:
    events = [Event(1, "completed", "seq 4"), Event(2, "delivery pending", f"chunk 0: {REASON} Friday 07:00")]
    assert (
        plainly.outcome(events)
        == "It is answered, and the answer is not posted yet: quiet hours until Friday 07:00."
    )
