"""What is watched of a live runner from beside it: what its conversation keeps on disk, and how fast it writes there."""

from __future__ import annotations

import asyncio
import logging

from host.config import Runner as Settings
from host.registry.sessions import Sessions
from host.runners import quota
from host.runners.launch.base import Launcher, LaunchError, Runner
from host.runners.life import Life
from host.runners.pace import Pace

log = logging.getLogger(__name__)


class Guard:
    def __init__(self, launcher: Launcher, registry: Sessions, settings: Settings) -> None:
        self._launcher = launcher
        self._registry = registry
        self._quota = quota.DiskQuota(settings.limits)
        self._pace = Pace(launcher, settings.written_mb_s * quota.MIB)

    async def keep(self, life: Life, runner: Runner) -> None:
        """Until it is cancelled, or has ended the runner."""
        pid = await self._first_process(runner)
        pacing = asyncio.create_task(self._pace.keep(runner, pid), name="pacing") if pid else None
        try:
            await self._keep_within(life, runner, pid)
        finally:
            if pacing is not None:
                pacing.cancel()

    async def _keep_within(self, life: Life, runner: Runner, pid: int) -> None:
        """Ends a runner whose files have become too much. What it was at fails: another attempt would fill them again."""
        session = life.session
        folders = (session.folder.outbound, session.folder.work, self._registry.shared(session))
        while True:
            life.over_quota = await self._quota.exceeded(folders, pid)
            fields = {"action": "over_quota", "session": session.id}
            log.warning("Runner is stopped: %s", life.over_quota, extra=fields)
            try:
                await self._launcher.stop(runner, 0.0)
                return
            except LaunchError as error:
                log.warning("It cannot be stopped yet: %s", error.reason, extra=fields)

    async def _first_process(self, runner: Runner) -> int:
        while True:
            try:
                return await self._launcher.first_process(runner)
            except LaunchError as error:
                log.debug("The engine does not tell of a container: %s", error.reason)
                await asyncio.sleep(quota.LOOK_EVERY)

    def close(self) -> None:
        self._quota.close()
        self._pace.close()
