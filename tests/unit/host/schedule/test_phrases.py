"""What strangers typed and what was understood: one line each, `-` for what is refused in words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from host.config.recurrence import ScheduleError, of_cron, of_time
from host.schedule.spoken import understood
from host.words import told

ZONE = "Europe/Berlin"
NOW = int(datetime(2026, 12, 2, 15, 30, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)  # a Wednesday
REFUSED = "-"
LANGUAGES = ("en", "de", "es", "ja", "zh")
PHRASES = Path(__file__).with_name("phrases.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("lines", [PHRASES[start : start + 50] for start in range(0, len(PHRASES), 50)])
def test_what_people_type_is_understood_as_they_mean_it_or_refused(lines: list[str]) -> None:
    assert [_said_back(each.split(" | ")[0]) for each in lines] == lines


def _said_back(phrase: str) -> str:
    try:
        when = understood(phrase, NOW, ZONE)
        zone = when.zone or ZONE
        schedule = of_cron(when.cron, zone, NOW) if when.cron else of_time(when.at, zone, NOW)
    except ScheduleError:
        return f"{phrase} | {REFUSED}"
    return f"{phrase} | {when.cron or when.at} | {schedule.in_words()}"


def test_a_recurrence_is_told_in_each_language() -> None:
    """An expression that a language has no words for is cited."""
    text = Path(__file__).with_name("recurrences.txt").read_text("utf-8")
    found: list[str] = []
    for line in text.splitlines():
        if not line.startswith("  "):
            words = of_cron(line, ZONE, NOW).in_words()
            found += [line, *(f"  {language}  {told(words, language)}" for language in LANGUAGES)]
    assert found == text.splitlines()
