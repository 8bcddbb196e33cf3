"""How the lives of a connection follow one another."""

from __future__ import annotations

from bots.discord import bot

DAY = 86_400.0  # s
STARTS = 1_000  # a day, after which Discord resets the token


def test_lives_that_fail_at_once_never_use_up_a_days_connections() -> None:
    pause, clock, lives = bot.FIRST_PAUSE, 0.0, 0
    while clock < DAY:
        lives += 1
        pause = bot.next_pause(pause, 0.0)
        clock += pause
    assert lives < STARTS


def test_after_a_life_that_lasted_the_next_one_begins_soon() -> None:
    assert bot.next_pause(bot.LONGEST_PAUSE, bot.HEALTHY + 1) == bot.FIRST_PAUSE
