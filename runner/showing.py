"""What people see of a turn while it lasts: the progress file, written now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from runner.providers import base
from sessiondb import SessionFolder
from sessiondb.plan import Item
from sessiondb.signals import Progress

log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.1  # s between two writes of the progress file


class Showing:
    def __init__(self, folder: SessionFolder, incarnation: str, ring: Callable[[], None]) -> None:
        self._folder = folder
        self._incarnation = incarnation
        self._ring = ring
        self._at = 0.0
        self._what = Progress("", "", "", "")
        self._soon: asyncio.TimerHandle | None = None

    def begin(self, answers: str, plan: tuple[Item, ...]) -> None:
        """A turn, which has `plan` where it is taken up again."""
        self._what = Progress(self._incarnation, answers, "", "", plan)
        if plan:
            self._show(self._what)

    def plan(self, plan: tuple[Item, ...]) -> None:
        self._show(replace(self._what, plan=plan))

    def hear(self, answers: str, event: base.Text | base.Progress | base.Planned) -> None:
        match event:
            case base.Text(text):
                self._show(replace(self._what, message_id=answers, status="", text=text))
            case base.Progress(status):
                self._show(replace(self._what, message_id=answers, status=status, text=""))
            case base.Planned(plan):
                self._show(replace(self._what, message_id=answers, plan=plan))

    def _show(self, what: Progress) -> None:
        """The last of several that come close together is shown too, a little later: it may have to do for long."""
        self._what = what
        if self._soon is None:
            clock = asyncio.get_running_loop()
            pause = max(0.0, self._at + PROGRESS_EVERY - clock.time())
            if pause == 0.0:
                self._write()
            else:
                self._soon = clock.call_later(pause, self._write)

    def stop(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _write(self) -> None:
        self.stop()
        self._at = asyncio.get_running_loop().time()
        try:
            self._what.write(self._folder.progress)
        except OSError as error:  # a full disk: the turn goes on, its commits say what is wrong
            log.debug("Progress not written: %s", error.strerror)
        self._ring()
