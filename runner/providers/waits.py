"""Waits between two tries of one request: ours, in words for the person, never a library's and never long (law 15)."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

LONGEST_HERE = 30.0  # s that a turn waits for the model API within itself; longer ones end the attempt
FIRST_PAUSE = 0.5  # s where the API names no time; doubles
LONGEST_PAUSE = 8.0  # s
STREAM_ATTEMPTS = 3  # of one answer whose stream broke; nothing has run before it is complete
WORTH_A_WORD = 5.0  # s; shorter waits are not spoken of

_PASSING = frozenset({0, 408, 409, 429})  # 0: no answer at all


def asked_for(headers: Mapping[str, str]) -> float:
    """The s that `Retry-After` names, by its number or its date; 0 where there is none."""
    named = headers.get("retry-after", "")
    try:
        seconds = float(named)
    except ValueError:
        seconds = _until(named)
    return seconds if 0.0 < seconds < float("inf") else 0.0


def _until(named: str) -> float:
    date = email.utils.parsedate_tz(named)
    try:
        return email.utils.mktime_tz(date) - time.time() if date is not None else 0.0
    except (ValueError, OverflowError):  # a year that no calendar has
        return 0.0


def beyond_a_turn(headers: Mapping[str, str]) -> float:
    """The s that are asked for, where that is longer than a turn waits within itself; else 0."""
    seconds = asked_for(headers)
    return seconds if seconds > LONGEST_HERE else 0.0


def refusal_in(came: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers, if these bytes of a connection are the head of an answer that refuses; (0, {}) if they are not.
    Nobody asks twice at once on one connection, so the head of an answer never comes behind the rest of another."""
    head, end, _ = came.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not (end and version.startswith("HTTP/1.") and status.isascii() and status.isdigit()):
        return 0, {}
    named = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in named}
    return (int(status), headers) if int(status) >= 400 else (0, {})


class Tries:
    """Of one request. `retries` are those after the first; a stream that broke counts apart."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._streams = STREAM_ATTEMPTS - 1
        self._made = 0

    def pause(self, status: int, headers: Mapping[str, str]) -> float | None:
        """s until the next try after a refusal; None when there is none here: refused for good, tried enough, or far off."""
        pause = max(asked_for(headers), self._backoff())
        said = headers.get("x-should-retry", "")
        passing = said == "true" or (said != "false" and (status in _PASSING or status >= 500))
        if not passing or not self._retries or pause > LONGEST_HERE:
            return None
        self._retries -= 1
        self._made += 1
        return pause

    def pause_of_a_stream(self) -> float | None:
        """s until the next try after a stream that broke; None when that was the last."""
        pause = self._backoff()
        if not self._streams:
            return None
        self._streams -= 1
        self._made += 1
        return pause

    def _backoff(self) -> float:
        return min(FIRST_PAUSE * 2.0 ** min(self._made, 10), LONGEST_PAUSE)


def words(pause: float) -> str:
    """What the person sees meanwhile; '' when it is over too soon."""
    return f"the model API is busy; trying again in {pause:.0f} s…" if pause >= WORTH_A_WORD else ""
