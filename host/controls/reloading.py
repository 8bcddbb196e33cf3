"""The configuration is read again while the host runs: all that is right counts at once, and nothing of what is wrong.

A crash before the new value is taken leaves the old one, which no restart knows: that reads the file, as ever. Tasks of the
file are brought in after it is taken; a crash in between is made good by the next start, which does the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from host.config import Config, ConfigError, NotFit
from host.config.difference import Changes, between
from host.config.settings import Settings
from host.governance import audit
from host.governance.access import LOCAL
from host.mailbox.open import Records
from host.ports import faults
from host.ports.bot import Bots, Follows
from host.ports.events import Author, Viewer
from host.registry.tidings import What
from host.runners.supervisor import Supervisor
from host.schedule.desk import Desk
from sessiondb import Address, SessionError

LONGEST_DETAIL = 4_000  # characters of a change in the audit
UNCHANGED = "nothing has changed"
REFUSED = "refused; the configuration in force stays"
RESTART = "needs a restart of the host"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How a reload went. `problem`: nothing was changed, and why."""

    version: int
    now: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    problem: str = ""

    def told(self) -> str:
        """For whoever ordered it."""
        if self.problem:
            return f"{REFUSED}:\n{self.problem}"
        first = f"version {self.version} of the configuration is in force" if self.now else UNCHANGED
        return "\n".join([first, *self.now, *(f"{line} ({RESTART})" for line in self.later)])


@dataclass(frozen=True, slots=True)
class Followers:
    """Who has something to do at a new configuration, besides asking for it."""

    desk: Desk
    supervisor: Supervisor
    bots: Bots


class Reloading:
    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Config] | None,
        records: Records,
        followers: Followers,
        now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._read = read
        self._records = records
        self._followers = followers
        self._now = now
        self._one_at_a_time = asyncio.Lock()
        records.db.tidings.heard_by(What.CONFIGURATION, self._ordered_elsewhere)

    async def ordered(self, by: str) -> str:
        """From another process of this machine, by the user of that name. Other nodes read their own files then, too."""
        tidings = self._records.db.tidings
        await self._records.db.write(lambda connection: tidings.tell(connection, What.CONFIGURATION, by))
        return (await self.reload(operator(by))).told()

    async def _ordered_elsewhere(self, by: Sequence[str]) -> None:
        await self.reload(operator(by[0]))

    async def reload(self, viewer: Viewer) -> Reloaded:
        """`viewer` is who wants it."""
        async with self._one_at_a_time:
            done = await self._reloaded(viewer)
        if done.problem:
            log.error("Reload %s: %s", REFUSED, done.problem, extra={"action": "reload_refused"})
        for line in done.now:
            log.info("Changed: %s", line, extra={"action": "setting_changed", "version": done.version})
        for line in done.later:
            log.warning("%s: %s", line, RESTART, extra={"action": "restart_needed"})
        if not done.problem:
            told = "the new configuration is in force" if done.now else UNCHANGED
            log.info("Reloaded: %s", told, extra={"action": "reloaded", "version": done.version})
        return done

    async def _reloaded(self, viewer: Viewer) -> Reloaded:
        if self._read is None:
            return Reloaded(self._settings.version, problem="this host was not started from a file")
        try:
            found = await asyncio.to_thread(self._read)
        except (ConfigError, NotFit) as error:
            return Reloaded(self._settings.version, problem=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a file does to its readers, the host goes on as it is
            problem = f"the file cannot be judged, by a fault of Dovecote's own ({type(error).__name__})"
            return Reloaded(self._settings.version, problem=problem)
        changes = between(self._settings.config, found)
        if changes.now:
            try:
                await self._take(changes, viewer)
            except SessionError as error:  # before anything was taken
                return Reloaded(self._settings.version, problem=faults.of(error))
        return Reloaded(self._settings.version, changes.now, changes.later)

    async def _take(self, changes: Changes, viewer: Viewer) -> None:
        """Raises `SessionError` when the records cannot note it; then nothing is taken."""
        detail, version = _detail(changes.now), self._settings.version + 1
        await self._records.db.write(
            lambda connection: audit.record(
                connection, viewer, "reload", f"v{version}: {detail}", self._now()
            )
        )
        self._settings.take(changes.config)
        for bot in self._followers.bots.by_platform.values():
            if isinstance(bot, Follows):
                bot.follow(changes.config)
        try:
            await self._followers.desk.reconcile()
        except SessionError as error:
            log.error("Tasks of the file: %s", error, extra={"action": "task_refused"})
        for life in list(self._followers.supervisor.lives.values()):
            try:
                await self._followers.supervisor.retire(life.session)
            except SessionError as error:  # looked at again when it next writes, or is written to
                log.debug("Session %s: %s", life.session.id, error)


def operator(name: str) -> Viewer:
    """Somebody at this machine."""
    return Viewer(Author(name, name), Address(LOCAL, "local", ""), "dm")


def _detail(lines: Sequence[str]) -> str:
    whole = "; ".join(lines)
    return whole if len(whole) <= LONGEST_DETAIL else f"{whole[:LONGEST_DETAIL]}…"
