"""Time and ids of the fake: a clock that stands still unless told otherwise, and snowflakes drawn from it."""

import datetime
import time

DISCORD_EPOCH = 1_420_070_400_000  # ms; Discord docs, "Reference: Snowflakes"


class Clock:
    """Milliseconds since the Unix epoch.

    By default the time moves only by `advance`, so that no deadline (3 s to acknowledge, 15 min of a token)
    passes because a machine is slow. `Clock(running=True)` follows the system's clock as well.
    """

    def __init__(self, *, running: bool = False) -> None:
        self._running = running
        self._start = time.time_ns() // 1_000_000
        self._offset = 0

    @property
    def ms(self) -> int:
        base = time.time_ns() // 1_000_000 if self._running else self._start
        return base + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += int(seconds * 1000)


class Snowflakes:
    """Ids that strictly increase and carry a millisecond each, so order of ids is order of timestamps
    (Discord docs, "Reference: Snowflakes")."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0

    def next(self) -> int:
        self._last_ms = max(self._clock.ms, self._last_ms + 1)
        return (self._last_ms - DISCORD_EPOCH) << 22


def snowflake_ms(snowflake: int) -> int:
    return (snowflake >> 22) + DISCORD_EPOCH


def iso(ms: int) -> str:
    """The timestamp format of every payload, e.g. `2026-03-01T12:00:00.123000+00:00`."""
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    return moment.isoformat(timespec="microseconds")


def from_iso(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp() * 1000)
