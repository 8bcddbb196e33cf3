"""What strangers cause is logged, but they do not fill the log: it turns over, and what matters would be gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

MOST = 20  # lines at once of one kind; afterwards one every three seconds


class Few:
    """Writes what is said too often no more, and how often that was with the next line."""

    def __init__(self, log: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._left, self._filled_at = float(MOST), now()
        self._unsaid = 0

    def say(self, level: int, message: str, *args: object, extra: Mapping[str, object]) -> None:
        now = self._now()
        self._left = min(float(MOST), self._left + (now - self._filled_at) * MOST / 60)
        self._filled_at = now
        if self._left < 1:
            self._unsaid += 1
            return
        self._left -= 1
        more = {"unsaid": self._unsaid} if self._unsaid else {}
        self._unsaid = 0
        self._log.log(level, message, *args, extra={**extra, **more})
