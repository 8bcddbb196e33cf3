"""Workspaces that are not served: what is still to be said in them waits for their return, and not for ever."""

from __future__ import annotations

import logging
import time

from slack_sdk.errors import SlackApiError

from bots.slack.client.errors import RATE_LIMITED, UNSURE, code_of
from bots.slack.setup.preflight import SlackRefused
from host.ports.bot import DeliveryError, Offline, Rejected
from host.ports.installs import KEPT_DAYS, Install, Installs, InstallsError

log = logging.getLogger(__name__)

ASK_AGAIN = 60.0  # s until it is tried again what waits for one that is gone: its return tries all at once


class Unserved:
    """Those that ended, and those that Slack, or what was kept of them, lets nobody serve. Of others nothing is known here."""

    def __init__(self) -> None:
        self._gone: dict[str, Install] = {}  # by holder
        self._given_up: set[str] = set()  # for which nothing waits any more, once that was said

    def begin(self, kept: Installs) -> None:
        self._kept = kept

    def ended(self, install: Install) -> None:
        self._gone[install.holder] = install

    def forget(self, holder: str) -> None:
        """Another token is tried."""
        self._gone.pop(holder, None)
        self._given_up.discard(holder)

    async def fails(self, holder: str, error: BaseException | None) -> bool:
        """It was tried; True once it has failed for so long that nothing waits any more. What passes by itself is no failure.

        Raises `InstallsError`.
        """
        if (why := _refusal(error)) == "":
            return False
        before = self._gone.get(holder)
        if before is None or before.trouble != why:
            if not (since := await self._kept.trouble(holder, why)):
                return False
            before = self._gone[holder] = Install(holder, "", 0, trouble=why, since=since)
        return self._is_over(before)

    async def back(self, holder: str) -> None:
        """It is served. Raises `InstallsError`."""
        self.forget(holder)
        await self._kept.trouble(holder, "")

    def error(self, *holders: str) -> DeliveryError | None:
        """What is to be said of the first of them that is known here."""
        gone = next((self._gone[one] for one in holders if one in self._gone), None)
        if gone is None:
            return None
        if not self._is_over(gone):
            until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(gone.waits_until / 1000))
            what = "the app is installed there again" if gone.ended else "that is mended"
            reason = f"it waits until {what}, at most until {until}"
            return Offline(f"workspace {gone.holder}: {gone.why}; {reason}", ASK_AGAIN)
        return Rejected(_given_up(gone))

    def _is_over(self, gone: Install) -> bool:
        if _now() <= gone.waits_until:
            return False
        if gone.holder not in self._given_up:
            self._given_up.add(gone.holder)
            told = {"action": "workspace_given_up", "team": gone.holder}
            log.warning("What was still to be said is given up: %s", _given_up(gone), extra=told)
        return True


def _given_up(gone: Install) -> str:
    what = "was not installed again" if gone.ended else "that was not mended"
    return f"workspace {gone.holder}: {gone.why}, and {what} within {KEPT_DAYS} days"


def _refusal(error: BaseException | None) -> str:
    """What somebody has to mend, in words; '' for all that passes."""
    if isinstance(error, (SlackRefused, InstallsError)):
        return str(error).rstrip(".")
    code = code_of(error) if isinstance(error, SlackApiError) else ""
    return f"Slack refuses to tell of it: {code}" if code and code not in RATE_LIMITED | UNSURE else ""


def _now() -> int:
    return int(time.time() * 1000)
